# SPDX-License-Identifier: Apache-2.0
"""Holds the house: what is promised of the source tree as a whole.

house.py CHECK [--root FOLDER] [--build FOLDER]   says what breaks this promise, where, and how to mend it
house.py picture [--root FOLDER]                  prints the rooms, their arrows and places to look at
"""

import argparse
import pathlib
import signal
import sys

import arrows
import build_lists
import picture
import rooms
import words
from tree import Tree

CHECKS = {
    "table": rooms.check_table,
    "circles": rooms.check_circles,
    "includes": arrows.check_includes,
    "permissions": arrows.check_permissions,
    "lists": build_lists.check_lists,
    "voided": words.check_voided,
    "left-to-do": words.check_left_to_do,
    "licenses": words.check_licenses,
}


def main() -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `| head` ends it quietly
    parser = argparse.ArgumentParser()
    parser.add_argument("check", choices=[*CHECKS, "all", "picture"])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--build", help="a folder with compile_commands.json")
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    if arguments.check == "picture":
        picture.draw(tree)
        return 0
    names = CHECKS if arguments.check == "all" else [arguments.check]
    problems = [problem for name in names for problem in CHECKS[name](tree)]
    for problem in sorted(set(problems)):
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
