# SPDX-License-Identifier: Apache-2.0
"""The paths that the documentation names."""

import fnmatch
import re

from tree import Problem, Tree

PAGES = re.compile(r"(docs/[^/]+|README|CONTRIBUTING)\.md")
SUFFIXES = (".cc", ".h", ".md", ".py", ".sh", ".proto", ".cmake", ".txt", ".in")
# A path may be said from one of these.
BASES = ("", "src/", "include/", "include/morrow/", "docs/", "tests/")
NOT_OF_THE_TREE = re.compile(r"[/~$<>-]|build/|\.\./|\w+://")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")


def _spelled_out(word: str) -> list[str]:
    """`shell.{h,cc}` as two."""
    match = re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", word)
    return [match[1] + part + match[3] for part in match[2].split(",")] if match else [word]


class Paths:
    """What there is to be named."""

    def __init__(self, tree: Tree):
        self._tree = tree
        self._names = {path.rpartition("/")[2] for path in tree.paths}
        folders = {path[:at] for path in tree.paths for at, sign in enumerate(path) if sign == "/"}
        self._tops = {folder for folder in folders if "/" not in folder}
        self._tops |= {folder.split("/")[1] for folder in folders if folder.startswith("src/")}

    def is_meant(self, word: str) -> bool:
        """Whether this looks like a path of the tree."""
        if not PATH.fullmatch(word) or NOT_OF_THE_TREE.match(word):
            return False
        if "/" not in word:
            return word.endswith(SUFFIXES) and not word.startswith((".", "*"))
        return word.endswith(SUFFIXES) or word.split("/")[0] in self._tops

    def exists(self, word: str) -> bool:
        word = word.rstrip("/")
        if word in self._names or any(self._tree.has(base + word) for base in BASES):
            return True
        pattern = re.sub(r"[A-Z]{2,}", "*", word)  # tests/TARGET/NAME_test.cc
        if "*" not in pattern:
            return False
        if "/" not in pattern:
            return bool(fnmatch.filter(self._names, pattern))
        return any(next(self._tree.root.glob(base + pattern), None) for base in BASES)


def check_doc_paths(tree: Tree) -> list[Problem]:
    """Every path that the documentation names exists."""
    paths = Paths(tree)
    problems = []
    for page in tree.paths:
        if not PAGES.fullmatch(page):
            continue
        for number, line in enumerate(tree.lines(page), 1):
            for said in re.findall(r"`([^`]+)`", line) + re.findall(r"\]\(([^)#]+)", line):
                for word in said.split():
                    for one in _spelled_out(re.sub(r":\d+$", "", word.removeprefix("./").rstrip(",;:"))):
                        if paths.is_meant(one) and not paths.exists(one):
                            problems.append(Problem(page, number, f"there is no {one}: say the path that it has now"))
    return problems
