# SPDX-License-Identifier: Apache-2.0
"""The words of docs/glossary.md that are not said.

    | our word | the field's | what it is | not said |
    |---|---|---|---|
    | commit queue | commit queue | … | `gather`, `give_back` in `src/worker/` |

A word in lower case is found as a part of names and as a word of comments: `bury` in bury_chunk, BuryWorker and "bury".
Several in a row are found in a row: `give_back`. A word with a capital, or with an underscore at its end, is found as a
whole name only: `Frame`, `gather_`.
"""

import dataclasses
import re

from tree import Problem, Tree

GLOSSARY = "docs/glossary.md"
SEARCHED = ("src/", "include/", "tests/")
SEARCHED_SUFFIXES = (".cc", ".h", ".proto")
UNSAID = re.compile(r"`([^`]+)`(?: in `([^`]+)`)?")
NAMES_OF_OTHERS = {"time_since_epoch"}  # of libraries: we can't say them otherwise
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclasses.dataclass(frozen=True)
class Unsaid:
    """A word that is not said."""

    word: str
    instead: str
    folder: str  # only there; empty: everywhere
    line: int  # of the glossary

    @property
    def parts(self) -> list[str]:
        return parts(self.word)


def parts(name: str) -> list[str]:
    """CamelCase and snake_case, taken apart: in lower case."""
    return [part.lower() for part in PART.findall(name)]


def read_glossary(tree: Tree) -> list[Unsaid]:
    found = []
    inside = False
    for number, line in enumerate(tree.lines(GLOSSARY), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.strip().startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == "our word" and cells[-1] == "not said":
            inside = True
        elif inside and len(cells) == 4:
            instead = cells[0].replace("`", "")
            found += [Unsaid(word, instead, folder or "", number) for word, folder in UNSAID.findall(cells[3])]
    return found


def _is_in(sequence: list[str], of: list[str]) -> bool:
    return any(of[at : at + len(sequence)] == sequence for at in range(len(of) - len(sequence) + 1))


def check_glossary(tree: Tree) -> list[Problem]:
    """One word for one thing: what the glossary calls not said is not said."""
    if not tree.has(GLOSSARY):
        return []
    unsaid = read_glossary(tree)
    problems = []
    if not unsaid:
        problems.append(Problem(GLOSSARY, 1, "there is no table with the columns: our word | … | not said"))
    for path in tree.paths:
        if not (path.startswith(SEARCHED) and path.endswith(SEARCHED_SUFFIXES)):
            continue
        here = [one for one in unsaid if path.startswith(one.folder)]
        for number, line in enumerate(tree.lines(path), 1):
            names = [name for name in NAME.findall(line) if name not in NAMES_OF_OTHERS]
            spoken = [part for name in names for part in parts(name)]
            for one in here:
                whole = one.word != one.word.lower() or one.word.endswith("_")
                if one.word in names if whole else _is_in(one.parts, spoken):
                    text = f"'{one.word}' is not said: say '{one.instead}' ({GLOSSARY}:{one.line})"
                    problems.append(Problem(path, number, text))
    return problems
