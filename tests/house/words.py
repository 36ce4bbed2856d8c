# SPDX-License-Identifier: Apache-2.0
"""Lines that must not be there, and the one that must."""

import re

from tree import SOURCE_SUFFIXES, Problem, Tree

# In two parts, so that this file holds none of them.
LEFT_TO_DO = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
VOIDED = re.compile(r"\(\s*void\s*\)\s*(\w+)\s*[;,]|static_cast<void>\(\s*(\w+)\s*\)\s*;")
STRING_FIELD = re.compile(r"\bstring\s+\w+\s*=|\bmap\s*<[^>]*\bstring\b")
LICENSE = "SPDX-License-Identifier: Apache-2.0"
LICENSED_SUFFIXES = SOURCE_SUFFIXES + (".proto", ".py", ".sh", ".cmake", "CMakeLists.txt")
LICENSED_NAMES = {"dev", ".ci/run"}


def check_left_to_do(tree: Tree) -> list[Problem]:
    """Nothing is left to do in a comment. In documentation the words may be named, in backticks."""
    problems = []
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            if path.endswith(".md"):
                line = re.sub(r"`[^`]*`", "", line)
            match = LEFT_TO_DO.search(line)
            if match:
                problems.append(
                    Problem(path, number, f"{match[1]}: do it now, or file it where the project files its work")
                )
    return problems


def check_voided(tree: Tree) -> list[Problem]:
    """No parameter or variable is cast to void to quiet the compiler."""
    problems = []
    for path in tree.sources("src", "include", "examples", "bench", "tests"):
        for number, line in enumerate(tree.lines(path), 1):
            match = VOIDED.search(line)
            if match:
                name = match[1] or match[2]
                problems.append(
                    Problem(
                        path,
                        number,
                        f"{name} is cast to void: take the parameter out of the function and of its callers; "
                        "say [[maybe_unused]] only where a template or #if uses it sometimes",
                    )
                )
    return problems


def check_strings(tree: Tree) -> list[Problem]:
    """No field of a message is a string: a peer that says one byte that is not UTF-8 would lose its connection."""
    return [
        Problem(path, number, "a string must be UTF-8, or the whole message can't be read: make it bytes")
        for path in tree.paths
        if path.startswith("src/") and path.endswith(".proto")
        for number, line in enumerate(tree.lines(path), 1)
        if STRING_FIELD.search(line.partition("//")[0])
    ]


def check_licenses(tree: Tree) -> list[Problem]:
    """The first or second line of every source file names the license."""
    return [
        Problem(path, 1, f"the first line, or the second after #!, must say {LICENSE}")
        for path in tree.paths
        if (path.endswith(LICENSED_SUFFIXES) or path in LICENSED_NAMES)
        and not any(LICENSE in line for line in tree.lines(path)[:2])
    ]
