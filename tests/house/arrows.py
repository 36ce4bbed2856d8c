# SPDX-License-Identifier: Apache-2.0
"""The #includes of the tree against the arrows of the table."""

import dataclasses
import re

from rooms import HOUSES, INSIDE, NOTHING, TABLE, Room, Rooms
from tree import Problem, Tree

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<(morrow/[^>]+)>)')


@dataclasses.dataclass(frozen=True)
class Include:
    """An #include of a file of ours."""

    path: str
    line: int
    said: str
    target: str | None  # path of the file, or of what it is generated from; None: there is none


def resolve(tree: Tree, path: str, said: str) -> str | None:
    folder = path.rpartition("/")[0]
    for candidate in (f"src/{said}", f"include/{said}", f"{folder}/{said}", said):
        if tree.has(candidate):
            return candidate
    if said.endswith(".pb.h"):
        source = f"src/{said.removesuffix('.pb.h')}.proto"
        if tree.has(source):
            return source
    return None


def includes_of(tree: Tree, path: str) -> list[Include]:
    """What this file includes of ours."""
    found = []
    for number, line in enumerate(tree.lines(path), 1):
        match = INCLUDE.match(line)
        if match:
            said = match[1] or match[2]
            found.append(Include(path, number, said, resolve(tree, path, said)))
    return found


def includes(tree: Tree) -> list[Include]:
    """All includes in what stands in the table of rooms."""
    return [include for path in tree.sources(*HOUSES) for include in includes_of(tree, path)]


def used_arrows(tree: Tree, rooms: Rooms) -> dict[tuple[str, str], list[Include]]:
    """The arrows between rooms that includes follow."""
    arrows: dict[tuple[str, str], list[Include]] = {}
    for include in includes(tree):
        source = rooms.room_of(include.path)
        target = rooms.room_of(include.target) if include.target else None
        if source and target and source is not target:
            arrows.setdefault((source.name, target.name), []).append(include)
    return arrows


def check_includes(tree: Tree) -> list[Problem]:
    """Every include follows an arrow of the table."""
    rooms = Rooms(tree)
    problems = list(rooms.problems)
    for include in includes(tree):
        if include.target is None:
            problems.append(
                Problem(
                    include.path,
                    include.line,
                    f'"{include.said}" is no file of ours: name ours by their path below src/, and others in <>',
                )
            )
        elif not include.path.startswith(("src/", "include/")) and f"morrow/{INSIDE}/" in include.said:
            problems.append(
                Problem(
                    include.path,
                    include.line,
                    f"<{include.said}> is the inside of the library: include the public header that brings it",
                )
            )
    for (source, target), found in used_arrows(tree, rooms).items():
        room = rooms.rooms[source]
        if target in room.allowed:
            continue
        allowed = ", ".join(room.allowed) or NOTHING
        for include in found:
            problems.append(
                Problem(
                    include.path,
                    include.line,
                    f"{source} may not use {target} (it may use {allowed}): move what it needs to a "
                    f"room that it may use, or, if the arrow is right, say so in {TABLE}:{room.line}",
                )
            )
    return problems


def check_permissions(tree: Tree) -> list[Problem]:
    """Every permission of the table is used."""
    rooms = Rooms(tree)
    used = used_arrows(tree, rooms)
    problems = list(rooms.problems)

    def check(row: Room, users: list[str]) -> None:
        for name in row.uses:
            if name in rooms.rooms and name != row.name and not any((user, name) in used for user in users):
                text = f"{row.path} may use {name}, and no include of it does: take it out of the table"
                problems.append(Problem(TABLE, row.line, text))

    for room in rooms.rooms.values():
        check(room, [room.name])
    for row in rooms.shared:
        check(row, [room.name for room in rooms.rooms.values() if room.path.startswith(row.path + "/")])
    return problems
