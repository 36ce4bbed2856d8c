# SPDX-License-Identifier: Apache-2.0
"""The table of rooms and arrows in docs/design.md.

    | room | what lives there | may use |
    |---|---|---|
    | `src/worker/brain/` | pure decisions | base, control, `worker/ids.h` |

A room is a folder, or a single file that others may use without the folder around it. A file belongs to the deepest
room that contains it. In "may use" a room goes by its path below src/ or include/. The row "all of `src/`" says what
every room there may use beside.
"""

import dataclasses
import functools
import re

from tree import Problem, Tree

TABLE = "docs/design.md"
HOUSES = ("src", "include", "examples", "bench")
NOTHING = "nothing of ours"
# The inside of the room around it: no room of its own.
INSIDE = "detail"
EVERY_ROOM = re.compile(r"all of `([^`]+)`")


@dataclasses.dataclass
class Room:
    """A row of the table."""

    path: str  # without a slash at the end
    purpose: str
    uses: list[str]  # names of rooms
    line: int  # of the table
    shared: list[str] = dataclasses.field(default_factory=list)  # what every room around it may use

    @property
    def allowed(self) -> list[str]:
        return list(dict.fromkeys(self.shared + self.uses))

    @property
    def name(self) -> str:
        return room_name(self.path)


def room_name(path: str) -> str:
    path = path.strip().strip("`").rstrip("/")
    for house in ("src/", "include/"):
        path = path.removeprefix(house)
    return path


def _cells(line: str) -> list[str] | None:
    line = line.strip()
    if not (line.startswith("|") and line.endswith("|")):
        return None
    return [cell.strip() for cell in line[1:-1].split("|")]


def _names(cell: str) -> list[str]:
    if cell.replace("`", "").strip() == NOTHING:
        return []
    return [room_name(part) for part in cell.split(",")]


class Rooms:
    """The rooms by name, and the room of each file."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.rooms: dict[str, Room] = {}
        self.shared: list[Room] = []  # rows of all rooms of a folder, with the folder as their path
        self.problems: list[Problem] = []
        self._read()
        self._by_path = {room.path: room for room in self.rooms.values()}

    def _read(self) -> None:
        inside = False
        for number, line in enumerate(self.tree.lines(TABLE), 1):
            cells = _cells(line)
            if cells is None:
                inside = False
            elif cells[0] == "room" and cells[-1] == "may use" and len(cells) == 3:
                inside = True
            elif inside and set(cells[0]) != {"-"}:
                self._row(number, cells)
        if not self.rooms:
            self.problems.append(
                Problem(TABLE, 1, "there is no table with the columns: room | what lives there | may use")
            )
        for room in self.rooms.values():
            for row in self.shared:
                if room.path.startswith(row.path + "/"):
                    room.shared += [name for name in row.uses if name != room.name]

    def _row(self, number: int, cells: list[str]) -> None:
        if len(cells) != 3:
            self.problems.append(Problem(TABLE, number, f"a row of the rooms has 3 cells, not {len(cells)}"))
            return
        every = EVERY_ROOM.fullmatch(cells[0])
        if every:
            self.shared.append(Room(every[1].rstrip("/"), cells[1], _names(cells[2]), number))
            return
        room = Room(cells[0].strip("`").rstrip("/"), cells[1], _names(cells[2]), number)
        if room.name in self.rooms:
            self.problems.append(
                Problem(TABLE, number, f"{room.path} has a row already, at line {self.rooms[room.name].line}")
            )
            return
        self.rooms[room.name] = room

    @functools.lru_cache(maxsize=None)
    def room_of(self, path: str) -> Room | None:
        """The deepest room that contains this file."""
        while path:
            if path in self._by_path:
                return self._by_path[path]
            path = path.rpartition("/")[0]
        return None


def _homeless(tree: Tree, rooms: Rooms) -> list[Problem]:
    """Folders with sources and no row."""
    folders: dict[str, str] = {}
    for path in tree.sources(*HOUSES):
        room = rooms.room_of(path)
        folder = path.rpartition("/")[0].removesuffix("/" + INSIDE)
        if room is None or room.path not in (folder, path):
            folders.setdefault(folder, path)
    text = f"has no row in the table of rooms: say in {TABLE} what lives there and what it may use"
    return [Problem(path, 1, f"{folder}/ {text}") for folder, path in sorted(folders.items())]


def _wrong_names(rooms: Rooms, row: Room) -> list[str]:
    """What is wrong with what this row may use."""
    hint = f"write names of rooms with commas between, or '{NOTHING}'"
    found = [
        f"'{name}' in what {row.path} may use is no room of the table; {hint}"
        for name in row.uses
        if name not in rooms.rooms
    ]
    if row.name in row.uses:
        found.append(f"{row.path} uses itself anyway: take '{row.name}' out")
    found += [
        f"{row.path} may use '{name}' anyway, as all rooms there: take it out"
        for name in row.uses
        if name in row.shared
    ]
    return found


def check_table(tree: Tree) -> list[Problem]:
    """Every folder is a room, every room a folder, and every name in the table a room."""
    rooms = Rooms(tree)
    problems = rooms.problems + _homeless(tree, rooms)
    inhabited = {room.name for room in map(rooms.room_of, tree.sources(*HOUSES)) if room}
    for room in rooms.rooms.values():
        found = _wrong_names(rooms, room)
        if not tree.has(room.path):
            found.append(f"{room.path} does not exist: take the row out, or mend its path")
        elif room.name not in inhabited:
            found.append(f"no source file lives in {room.path}: take the row out")
        if not room.purpose:
            found.append(f"say what lives in {room.path}")
        problems += [Problem(TABLE, room.line, text) for text in found]
    for row in rooms.shared:
        problems += [Problem(TABLE, row.line, text) for text in _wrong_names(rooms, row)]
    return problems


def check_circles(tree: Tree) -> list[Problem]:
    """An arrow of the table never points back."""
    rooms = Rooms(tree)
    problems = list(rooms.problems)
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            circle = way[way.index(name) :] + [name]
            problems.append(
                Problem(
                    TABLE,
                    rooms.rooms[way[-1]].line,
                    f"the arrows go in a circle: {' → '.join(circle)}; "
                    "take one out: move what both rooms need into a room below them",
                )
            )
            return
        if name in done or name not in rooms.rooms:
            return
        for used in rooms.rooms[name].allowed:
            if used != name:
                visit(used, way + [name])
        done.add(name)

    for name in sorted(rooms.rooms):
        visit(name, [])
    return problems
