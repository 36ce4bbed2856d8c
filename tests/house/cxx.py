# SPDX-License-Identifier: Apache-2.0
"""C++ text as tokens and comments."""

import dataclasses
import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<string>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)"
             | (?:u8|[uUL])?"(?:\\.|[^"\\\n])*" | (?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>::|->|\.\.\.|&&|\|\||[=!+\-*/%&|^]=|\+\+|--|[^\s])
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


class Token(NamedTuple):
    """A word, number, string or sign."""

    kind: str
    text: str
    line: int


@dataclasses.dataclass
class Comment:
    """Comments on lines that follow each other, or one behind code."""

    first: int
    last: int
    text: str
    alone: bool  # nothing else stands on its lines


@dataclasses.dataclass
class Source:
    """A file, taken apart."""

    tokens: list[Token]
    comments: list[Comment]
    directives: list[tuple[int, str]]  # with their lines


def take_apart(text: str) -> Source:
    source = Source([], [], [])
    line, at = 1, 0
    last_code_line = 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        kind, said = match.lastgroup, match[0]
        if kind == "mark":
            kind = "string"
        if kind == "comment":
            _add_comment(source.comments, line, said, alone=line != last_code_line)
        elif kind == "directive":
            # A comment behind it is none of its own.
            source.directives.append((line, said.split("//")[0]))
        else:
            source.tokens.append(Token(kind, said, line))
            last_code_line = line + said.count("\n")
    return source


def _add_comment(comments: list[Comment], line: int, said: str, alone: bool) -> None:
    last = line + said.count("\n")
    before = comments[-1] if comments else None
    if before and alone and before.alone and before.last == line - 1:
        before.last = last
        before.text += "\n" + said
    else:
        comments.append(Comment(line, last, said, alone))
