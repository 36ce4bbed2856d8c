# SPDX-License-Identifier: Apache-2.0
"""The files of the tree, and what is said about them."""

import dataclasses
import functools
import os
import pathlib

# What is not ours, or is no text.
SKIPPED_FOLDERS = {"build", ".git", ".cache", "__pycache__", "corpus"}
SOURCE_SUFFIXES = (".cc", ".h")
TEXT_SUFFIXES = SOURCE_SUFFIXES + (".proto", ".py", ".sh", ".cmake", ".in", ".md", ".txt", ".json", ".yml")
TEXT_NAMES = {"dev", ".ci/run", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore"}


@dataclasses.dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, where it is, and how to mend it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Tree:
    """A source tree; paths are relative to its root, with slashes."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()

    @functools.cached_property
    def paths(self) -> list[str]:
        """Every text file of ours."""
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
            here = os.path.relpath(folder, self.root)
            for name in names:
                path = name if here == "." else f"{here}/{name}"
                if path.endswith(TEXT_SUFFIXES) or path in TEXT_NAMES:
                    found.append(path)
        return sorted(found)

    def sources(self, *folders: str) -> list[str]:
        """The C++ files in these folders, at any depth."""
        begins = tuple(folder.rstrip("/") + "/" for folder in folders)
        return [path for path in self.paths if path.startswith(begins) and path.endswith(SOURCE_SUFFIXES)]

    def has(self, path: str) -> bool:
        return (self.root / path).exists()

    @functools.lru_cache(maxsize=None)
    def text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def lines(self, path: str) -> list[str]:
        return self.text(path).splitlines()
