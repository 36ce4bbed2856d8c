# SPDX-License-Identifier: Apache-2.0
"""Headers of src/ compile alone.

x.cc that includes x.h before all else proves it of x.h where sources are compiled one by one, as ./dev build debug
does. The other headers are compiled here.
The public headers are compiled by tests/public.
"""

import concurrent.futures
import os
import re
import shlex
import subprocess

from arrows import includes_of
from compiled import entries
from tree import Problem, Tree

ANY_INCLUDE = re.compile(r"^\s*#\s*include\b.*")


def _first_include(tree: Tree, path: str) -> tuple[int, str | None]:
    """Its line, and the file of ours that it names."""
    for number, line in enumerate(tree.lines(path), 1):
        if ANY_INCLUDE.match(line):
            return number, next((one.target for one in includes_of(tree, path) if one.line == number), None)
    return 1, None


def check_first_includes(tree: Tree) -> list[Problem]:
    """x.cc includes x.h before all else."""
    problems = []
    for path in tree.sources("src"):
        header = path.removesuffix(".cc") + ".h"
        if path.endswith(".cc") and tree.has(header):
            line, first = _first_include(tree, path)
            if first != header:
                text = f"include {header.removeprefix('src/')} first: so its own source proves that it compiles alone"
                problems.append(Problem(path, line, text))
    return problems


class Compiler:
    """Compiles headers as the build compiles the sources beside them."""

    def __init__(self, tree: Tree, build: str):
        self._tree = tree
        self._flags: dict[str, list[str]] = {}  # by folder
        for entry in entries(build):
            path = os.path.relpath(entry["file"], tree.root)
            if path.startswith("src/") and entry["file"].endswith(".cc"):
                self._flags.setdefault(path.rpartition("/")[0], self._flags_of(entry["command"]))

    @staticmethod
    def _flags_of(command: str) -> list[str]:
        words = shlex.split(command)
        return words[: words.index("-o")]

    def _for(self, header: str) -> list[str]:
        folder = header.rpartition("/")[0]
        while folder not in self._flags and "/" in folder:
            folder = folder.rpartition("/")[0]
        near = self._flags.get(folder)
        return near or next((flags for path, flags in self._flags.items() if path.startswith(folder + "/")), [])

    def problem(self, header: str) -> Problem | None:
        """Why it does not compile alone."""
        flags = self._for(header)
        if not flags:
            return Problem(header, 1, "the build compiles no source beside it, so its flags are not known")
        # Twice, so that a header with no guard is found too.
        text = f'#include "{self._tree.root / header}"\n' * 2
        done = subprocess.run(
            [*flags, "-fsyntax-only", "-x", "c++", "-"], input=text, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return None
        error = re.search(r"^(\S+?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", done.stderr, re.MULTILINE)
        if not error:
            return Problem(header, 1, f"does not compile alone: {done.stderr.strip()}")
        where = os.path.relpath(error[1], self._tree.root)
        line = int(error[2]) if where == header else 1
        place = "" if where == header else f" (at {where}:{error[2]})"
        return Problem(header, line, f"does not compile alone: {error[3]}{place}; include what it names")


def unproven(tree: Tree) -> list[str]:
    """The headers that no source of their own proves."""
    proven = {_first_include(tree, path)[1] for path in tree.sources("src") if path.endswith(".cc")}
    return [path for path in tree.sources("src") if path.endswith(".h") and path not in proven]


def check_headers(tree: Tree, build: str) -> list[Problem]:
    """The headers that no source proves compile alone."""
    problems = []
    compiler = Compiler(tree, build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems += [problem for problem in pool.map(compiler.problem, unproven(tree)) if problem]
    return problems
