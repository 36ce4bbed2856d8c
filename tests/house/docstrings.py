# SPDX-License-Identifier: Apache-2.0
"""What is said of what is declared."""

from cxx import Source, take_apart
from declarations import Declaration, declarations
from tree import Problem, Tree

PUBLIC = "include/morrow/"
# They do what they do everywhere.
SPEAK_FOR_THEMSELVES = ("operator", "~", "begin", "end")


class Said:
    """The comments of a file by the declarations that they stand at."""

    def __init__(self, source: Source):
        self._above = {comment.last for comment in source.comments if comment.alone}
        self._behind = {comment.first for comment in source.comments if not comment.alone}
        self._directives = {line for line, _ in source.directives}
        self._marks = [(comment.last, comment.text) for comment in source.comments if "cond" in comment.text]
        self._last: Declaration | None = None
        self._last_is_said = False

    def says(self, one: Declaration) -> bool:
        """Whether a comment stands above it or behind it, or at the overload before it. Ask in the order of a file."""
        last_line = one.line if one.kind in ("class", "enum") else one.last_line
        above = one.line - 1
        while above in self._directives:  # as #if, between a comment and what is declared in two ways
            above -= 1
        said = above in self._above or any(line in self._behind for line in range(one.line, last_line + 1))
        if not said and self._last and self._last_is_said:
            said = (self._last.name, self._last.scope, self._last.kind) == (one.name, one.scope, "function")
        self._last, self._last_is_said = one, said
        return said

    def hides(self, one: Declaration) -> bool:
        """Whether it stands between \\cond and \\endcond, so that the reference leaves it out."""
        hidden = False
        for line, text in self._marks:
            if line < one.line:
                hidden = "\\endcond" not in text and (hidden or "\\cond" in text)
        return hidden


def _is_for_users(one: Declaration) -> bool:
    scope = one.scope
    while scope:
        if scope.kind == "namespace" and scope.name in ("detail", ""):
            return False
        scope = scope.scope
    return one.is_visible() and not one.owner


def _needs_words(path: str, one: Declaration) -> bool:
    if one.specialized:
        return False
    if one.kind in ("class", "enum") and one.defined:
        return True
    if not path.startswith(PUBLIC) or path.startswith(PUBLIC + "detail/") or not _is_for_users(one):
        return False
    if one.kind == "function":
        if one.words & {"default", "delete", "override"} or one.copies_or_moves():
            return False
        return not one.name.startswith(SPEAK_FOR_THEMSELVES)
    return one.kind == "concept" or (one.kind in ("alias", "variable") and not one.in_class)


def check_docstrings(tree: Tree) -> list[Problem]:
    """Every class says what it is, and every public declaration what it does."""
    problems = []
    for path in tree.sources("src", "include"):
        source = take_apart(tree.text(path))
        said = Said(source)
        for one in declarations(source):
            if said.says(one) or not _needs_words(path, one):
                continue
            if one.kind == "class" or not said.hides(one):
                problems.append(
                    Problem(path, one.line, f"{one.kind} {one.path}: say above it what it is or does (///)")
                )
    return problems
