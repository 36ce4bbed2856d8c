# SPDX-License-Identifier: Apache-2.0
"""The picture of the house: rooms and arrows, and places to look at."""

import re

import arrows
import unused
from declarations import Declaration
from rooms import HOUSES, NOTHING, Room, Rooms
from tree import Tree

LOOK_AT = 12  # places of each kind
UNITS = re.compile(r"(Ns|Us|Ms|Seconds|Minutes|Hours|Bytes|KB|MB|KiB|MiB|GB|Percent|Bits|Milli|Per[A-Z]\w+|Max\w+s)$")
# Whose type is the unit.
TYPED = {
    "chrono",
    "Duration",
    "milliseconds",
    "seconds",
    "nanoseconds",
    "microseconds",
    "string_view",
    "char",
    "array",
    "bool",
}
UNIT_SAID = re.compile(r"\b(ns|us|ms|s|seconds?|minutes?|bytes?|kB|MB|GB|KiB|MiB|percent|%)(?!\w)")


def _rooms(tree: Tree, rooms: Rooms) -> list[str]:
    counts: dict[str, list[int]] = {}
    for path in tree.sources(*HOUSES):
        room = rooms.room_of(path)
        count = counts.setdefault(room.name if room else path.rpartition("/")[0] + " (no room)", [0, 0])
        count[0] += 1
        count[1] += len(tree.lines(path))
    width = max(map(len, counts), default=0)
    used = arrows.used_arrows(tree, rooms)
    found = [f"{'room':{width}}  files   lines  what lives there; the rooms that it uses, and by how many includes"]
    for name, (files, lines_of_code) in counts.items():
        room = rooms.rooms.get(name)
        found.append(f"{name:{width}}  {files:5}  {lines_of_code:6}  {room.purpose if room else ''}".rstrip())
        if room:
            found += [f"{'':{width}}                 {line}" for line in _arrows(name, room, used)]
    return found


def _arrows(name: str, room: Room, used: dict) -> list[str]:
    """What a room uses, and where that is not what it may use."""
    targets = [target for source, target in sorted(used) if source == name]
    counted = [f"{target} ({len(used[name, target])})" for target in targets]
    said = {
        "uses": counted or [NOTHING],
        "may use, and does not:": [target for target in room.uses if target not in targets],
        "uses, and may not:": [target for target in targets if target not in room.allowed],
    }
    return [f"{title} {', '.join(names)}" for title, names in said.items() if names]


def _places(title: str, places: list[tuple[int, str]]) -> list[str]:
    first = sorted(places, key=lambda place: (-place[0], place[1]))[:LOOK_AT]
    return ["", title, *[f"  {size:5}  {what}" for size, what in first]]


def _is_unitless(tree: Tree, path: str, one: Declaration) -> bool:
    """A constant that counts something and does not say in its name what."""
    if one.kind != "variable" or not re.match(r"k[A-Z]", one.name) or UNITS.search(one.name) or one.words & TYPED:
        return False
    text = tree.lines(path)[one.last_line - 1]
    value = re.search(rf"\b{one.name}\s*(?:=|\{{)\s*([^;]*);\s*(?://(.*))?", text)
    above = tree.lines(path)[one.line - 2] if one.line > 1 else ""
    said = (value[2] or "") + (above if above.lstrip().startswith("//") else "") if value else ""
    return bool(value and re.match(r"[\d.']+", value[1]) and UNIT_SAID.search(said))


def lines(tree: Tree) -> list[str]:
    """The picture, line by line."""
    rooms = Rooms(tree)
    uses = unused.Uses(tree)
    functions, classes, constants, tests_only = [], [], [], []
    for path, file in uses.files.items():
        members: dict[int, int] = {}
        for one in file.declared:
            place = f"{path}:{one.line} {one.path}"
            if one.kind == "function" and one.body:
                functions.append((one.last_line - one.line + 1, place))
            if one.kind == "variable" and one.in_class and not one.words & {"static", "constexpr"}:
                members[id(one.scope)] = members.get(id(one.scope), 0) + 1
            if path.startswith("src/") and _is_unitless(tree, path, one):
                constants.append((one.line, place))
            if path.startswith("src/") and unused.is_checked(path, one):
                readers = {reader for reader, _ in uses.of(path, one)}
                if readers and all(reader.startswith("tests/") for reader in readers):
                    tests_only.append((len(readers), f"{place} ({one.kind})"))
        by_id = {id(one): one for one in file.declared if one.kind == "class"}
        classes += [(count, f"{path}:{by_id[key].line} {by_id[key].path}") for key, count in members.items()]
    return [
        *map(str, rooms.problems),
        *_rooms(tree, rooms),
        "",
        "Places to look at; none of them is a failure.",
        *_places("The longest functions (lines)", functions),
        *_places("The longest files (lines)", [(len(tree.lines(path)), path) for path in uses.files]),
        *_places("The largest classes (data members)", classes),
        *_places("Constants whose unit a comment says and the name does not (line)", constants),
        *_places("What only tests use (by how many files)", tests_only),
    ]
