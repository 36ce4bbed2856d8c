# SPDX-License-Identifier: Apache-2.0
"""The picture of the house: rooms and arrows, and places to look at."""

import arrows
from rooms import HOUSES, NOTHING, Rooms
from tree import Tree

LOOK_AT = 12  # places of each kind


def _rooms(tree: Tree, rooms: Rooms) -> None:
    counts: dict[str, list[int]] = {}
    for path in tree.sources(*HOUSES):
        room = rooms.room_of(path)
        count = counts.setdefault(room.name if room else path.rpartition("/")[0] + " (no room)", [0, 0])
        count[0] += 1
        count[1] += len(tree.lines(path))
    width = max(map(len, counts), default=0)
    used = arrows.used_arrows(tree, rooms)
    print(f"{'room':{width}}  files   lines  what lives there, and what it uses (in parentheses: by how many includes)")
    for name, (files, lines) in counts.items():
        room = rooms.rooms.get(name)
        print(f"{name:{width}}  {files:5}  {lines:6}  {room.purpose if room else ''}")
        if not room:
            continue
        targets = [f"{target} ({len(found)})" for (source, target), found in sorted(used.items()) if source == name]
        print(f"{'':{width}}                 uses {', '.join(targets) or NOTHING}")
        for word, names in (
            ("allowed, never used", [target for target in room.uses if (name, target) not in used]),
            (
                "used, not allowed",
                [target for source, target in sorted(used) if source == name and target not in room.uses],
            ),
        ):
            if names:
                print(f"{'':{width}}                 {word}: {', '.join(names)}")


def _places(title: str, places: list[tuple[int, str]]) -> None:
    print(f"\n{title}")
    for size, what in sorted(places, key=lambda place: (-place[0], place[1]))[:LOOK_AT]:
        print(f"  {size:5}  {what}")


def draw(tree: Tree) -> None:
    rooms = Rooms(tree)
    for problem in rooms.problems:
        print(problem)
    _rooms(tree, rooms)
    print("\nPlaces to look at; none of them is a failure.")
    _places("The longest files (lines)", [(len(tree.lines(path)), path) for path in tree.sources(*HOUSES, "tests")])
