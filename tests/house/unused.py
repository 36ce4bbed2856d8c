# SPDX-License-Identifier: Apache-2.0
"""What src/ and include/ declare and nothing names.

The names are compared as text. A use counts where it can be one: in a file that includes the declaration's, in the way
such a thing is named, and not in its own body.
"""

import dataclasses
import re

import arrows
from cxx import Source, Token, take_apart
from declarations import Declaration, declarations
from tree import Problem, Tree

EVERYWHERE = ("src", "include", "tests", "examples", "bench")
# Named by the language, by templates of the standard library and of cereal.
NAMED_ELSEWHERE = {
    "main",
    "begin",
    "end",
    "value_type",
    "const_iterator",
    "serialize",
    "save",
    "load",
    "registerSharedPointer",
    "getSharedPointer",
}
# The language's way to say that a thing is there for another reason: to be held, or to have its place in a format.
MARK = "maybe_unused"
FILLERS = ("reserved", "unused")
STATEMENT_ENDS = (";", "{", "}", ")")
WRITING = ("=", "+=", "-=", "|=", "++", "--")
MEMBER_SIGNS = (".", "->", "::")


@dataclasses.dataclass(frozen=True)
class Use:
    """A name where it is not declared."""

    line: int
    qualified: bool  # behind . -> ::
    called: bool  # before ( or <
    inside: frozenset  # the classes that it stands in, or that the function around it has
    written: bool  # and its value is not looked at
    bodies: frozenset  # the classes whose functions of this name it stands in; "" for a function of none


@dataclasses.dataclass
class File:
    """A file with what it declares and names."""

    path: str
    declared: list[Declaration]
    uses: dict[str, list[Use]]
    names: set[str]  # of its words
    friends: list[str]  # of its classes
    compared: set[str]  # classes whose members the compiler compares
    directives: set[str]  # the words of its macros


def class_of(one: Declaration) -> str:
    return one.owner or (one.scope.name if one.in_class else "")


def read_file(tree: Tree, path: str) -> File:
    source = take_apart(tree.text(path))
    declared = declarations(source)
    names = {one.index for one in declared}
    names.update(at for one in declared for at in one.initialized)
    names.update(one.index - 2 for one in declared if one.owner)
    classes = _classes_around(len(source.tokens), declared)
    bodies: dict[str, list[Declaration]] = {}
    for one in declared:
        if one.body and one.kind == "function":
            bodies.setdefault(one.name, []).append(one)
    uses: dict[str, list[Use]] = {}
    for at, token in enumerate(source.tokens):
        if token.kind != "word" or at in names:
            continue
        before = source.tokens[at - 1].text if at else ""
        after = source.tokens[at + 1].text if at + 1 < len(source.tokens) else ""
        around = frozenset(class_of(one) for one in bodies.get(token.text, ()) if one.body[0] <= at < one.body[1])
        written = _is_written(source.tokens, at, after)
        use = Use(token.line, before in MEMBER_SIGNS, after in ("(", "<"), classes[at], written, around)
        uses.setdefault(token.text, []).append(use)
    friends = re.findall(r"\bfriend (?:class|struct) (?:\w+::)*(\w+)", tree.text(path))
    names = {token.text for token in source.tokens if token.kind == "word"}
    return File(path, declared, uses, names, friends, _compared(tree, path, declared), _words_of_macros(source))


def _classes_around(size: int, declared: list[Declaration]) -> list[frozenset]:
    """By token."""
    around = [frozenset()] * size
    bodies = [one for one in declared if one.body and (one.kind == "class" or one.owner)]
    for one in sorted(bodies, key=lambda one: one.index):  # the outer one first
        names = around[one.index] | {one.name if one.kind == "class" else one.owner}
        around[one.index : one.body[1]] = [names] * (one.body[1] - one.index)
    return around


def _compared(tree: Tree, path: str, declared: list[Declaration]) -> set[str]:
    def compares(one: Declaration) -> bool:
        text = "\n".join(tree.lines(path)[one.line - 1 : one.last_line])
        return re.search(r"\boperator\s*(==|<=>)[^;{]*=\s*default", text) is not None

    return {one.name for one in declared if one.kind == "class" and one.defined and compares(one)}


def _words_of_macros(source: Source) -> set[str]:
    lines = [text for _, text in source.directives if not re.match(r"\s*#\s*include", text)]
    return set(re.findall(r"[A-Za-z_]\w*", "\n".join(lines)))


def _is_written(tokens: list[Token], at: int, after: str) -> bool:
    """Whether the statement only gives it a value: `a.x = 1`, `++a.x`, `a.x++`, `{.x = 1}`."""
    while at >= 2 and tokens[at - 1].text in MEMBER_SIGNS and tokens[at - 2].kind == "word":
        at -= 2
    before = tokens[at - 1].text if at else ""
    if before in ("++", "--"):
        before = tokens[at - 2].text
        return before in STATEMENT_ENDS
    return after in WRITING and before in (*STATEMENT_ENDS, ".")


class Uses:
    """All files, and which may name what another one declares."""

    def __init__(self, tree: Tree):
        self.files = {path: read_file(tree, path) for path in tree.sources(*EVERYWHERE)}
        self._readers: dict[str, set[str]] = {path: {path} for path in self.files}
        direct = {path: {include.target for include in arrows.includes_of(tree, path)} for path in self.files}
        for path in self.files:
            seen, ahead = set(), [path]
            while ahead:
                for target in direct.get(ahead.pop(), ()):
                    if target not in seen:
                        seen.add(target)
                        ahead.append(target)
            for target in seen:
                self._readers.setdefault(target, set()).add(path)

    def of(self, path: str, declaration: Declaration) -> list[tuple[str, Use]]:
        """Where what this file declares may be meant: file and use."""
        name = declaration.name
        return [
            (reader, use)
            # What a public header declares is named by templates that do not include it.
            for reader in (self.files if path.startswith("include/") else self._readers[path])
            if reader in self.files and self._may_name(self.files[reader], path, declaration)
            for use in self.files[reader].uses.get(name, ())
            if _may_be(declaration, use)
        ]

    def _may_name(self, reader: File, path: str, declaration: Declaration) -> bool:
        if not declaration.in_class or declaration.access != "private" or reader.path == path:
            return True
        names = {declaration.scope.name, *self.files[path].friends}
        return not names.isdisjoint(reader.names)

    def in_directives(self, name: str) -> bool:
        return any(name in file.directives for file in self.files.values())


def _may_be(declaration: Declaration, use: Use) -> bool:
    if class_of(declaration) in use.bodies:
        return False  # it calls itself
    if not declaration.in_class or use.qualified:
        return True
    if declaration.kind not in ("function", "variable"):
        return True
    if declaration.access == "private" and declaration.scope.name not in use.inside:
        return False
    return bool(use.inside) and (use.called or declaration.kind == "variable")


def is_checked(path: str, one: Declaration) -> bool:
    """Whether a name of this kind must be used."""
    if one.name in NAMED_ELSEWHERE or MARK in one.words or one.specialized or one.kind == "namespace":
        return False
    if one.kind == "variable":
        return not one.owner and not one.name.startswith(FILLERS)
    if one.kind == "function":
        if one.owner or (path.endswith(".cc") and not one.in_class):
            return False  # its header declares it, or the compiler says it
        if one.words & {"override", "final"} or one.name.startswith(("operator", "~")):
            return False
        return not (one.in_class and one.name == one.scope.name) and not one.name.isupper()
    return True


def check_unused(tree: Tree) -> list[Problem]:
    """Nothing is declared that nothing names, and no member of an object is written that nothing reads."""
    uses = Uses(tree)
    problems = []
    for path in tree.sources("src", "include"):
        for one in uses.files[path].declared:
            if not is_checked(path, one) or uses.in_directives(one.name):
                continue
            found = uses.of(path, one)
            if one.kind == "variable" and one.in_class and one.scope.name in uses.files[path].compared:
                continue
            if not found:
                why = "is declared, and nothing uses it: take it out"
            elif one.kind == "variable" and one.in_class and all(use.written for _, use in found):
                why = "is written, and nothing reads it: take it out"
            else:
                continue
            problems.append(
                Problem(
                    path, one.line, f"{one.kind} {one.path} {why} (or mark it [[{MARK}]], if it is only to be held)"
                )
            )
    return problems
