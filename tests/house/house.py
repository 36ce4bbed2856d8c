# SPDX-License-Identifier: Apache-2.0
"""Holds the house: what is promised of the source tree as a whole.

house.py CHECK [--root FOLDER]                  says what breaks this promise, where, and how to mend it
house.py headers --build FOLDER [--root FOLDER]  the same of headers that must compile alone
house.py picture [--root FOLDER]                prints the rooms, their arrows and places to look at
"""

import argparse
import pathlib
import signal
import sys

import alone
import arrows
import build_lists
import doc_paths
import docstrings
import glossary
import picture
import rooms
import unused
import words
from tree import Tree

CHECKS = {
    "table": rooms.check_table,
    "circles": rooms.check_circles,
    "includes": arrows.check_includes,
    "permissions": arrows.check_permissions,
    "lists": build_lists.check_lists,
    "first-includes": alone.check_first_includes,
    "unused": unused.check_unused,
    "docstrings": docstrings.check_docstrings,
    "doc-paths": doc_paths.check_doc_paths,
    "glossary": glossary.check_glossary,
    "voided": words.check_voided,
    "left-to-do": words.check_left_to_do,
    "strings": words.check_strings,
    "licenses": words.check_licenses,
}


def main() -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `| head` ends it quietly
    parser = argparse.ArgumentParser()
    parser.add_argument("check", choices=[*CHECKS, "headers", "picture"])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--build", help="for headers: a folder with compile_commands.json")
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    if arguments.check == "picture":
        print("\n".join(picture.lines(tree)))
        return 0
    if arguments.check == "headers":
        problems = alone.check_headers(tree, arguments.build)
    else:
        problems = CHECKS[arguments.check](tree)
    for problem in sorted(set(problems)):
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
