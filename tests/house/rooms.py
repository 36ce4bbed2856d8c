# SPDX-License-Identifier: Apache-2.0
"""The table of rooms and arrows in docs/design.md.

    | room | what lives there | may use |
    |---|---|---|
    | `src/worker/brain/` | pure decisions | base, control, `worker/ids.h` |

A room is a folder, or a single file that others may use without the folder around it. A file belongs to the deepest
room that contains it. In "may use" a room goes by its path below src/ or include/.
"""

import dataclasses
import functools

from tree import Problem, Tree

TABLE = "docs/design.md"
HOUSES = ("src", "include", "examples", "bench")
NOTHING = "nothing of ours"
# The inside of the room around it: no room of its own.
INSIDE = "detail"


@dataclasses.dataclass
class Room:
    """A row of the table."""

    path: str  # without a slash at the end
    purpose: str
    uses: list[str]  # names of rooms
    line: int  # of the table

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

    def _row(self, number: int, cells: list[str]) -> None:
        if len(cells) != 3:
            self.problems.append(Problem(TABLE, number, f"a row of the rooms has 3 cells, not {len(cells)}"))
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


def check_table(tree: Tree) -> list[Problem]:
    """Every folder is a room, every room a folder, and every name in the table a room."""
    rooms = Rooms(tree)
    problems = list(rooms.problems)
    inhabited = set()
    folders = {}
    for path in tree.sources(*HOUSES):
        room = rooms.room_of(path)
        if room:
            inhabited.add(room.name)
        folder, _, name = path.rpartition("/")
        if folder.endswith("/" + INSIDE):
            folder = folder.removesuffix("/" + INSIDE)
        if room is None or (room.path != folder and room.path != path):
            folders.setdefault(folder, path)
    for folder, path in sorted(folders.items()):
        problems.append(
            Problem(
                path,
                1,
                f"{folder}/ has no row in the table of rooms: say in {TABLE} what lives there and what it may use",
            )
        )
    for room in rooms.rooms.values():
        if not tree.has(room.path):
            problems.append(
                Problem(TABLE, room.line, f"{room.path} does not exist: take the row out, or mend its path")
            )
        elif room.name not in inhabited:
            problems.append(Problem(TABLE, room.line, f"no source file lives in {room.path}: take the row out"))
        if not room.purpose:
            problems.append(Problem(TABLE, room.line, f"say what lives in {room.path}"))
        for name in room.uses:
            if name not in rooms.rooms:
                problems.append(
                    Problem(
                        TABLE,
                        room.line,
                        f"'{name}' in what {room.path} may use is no room of the table; "
                        f"write names of rooms with commas between, or '{NOTHING}'",
                    )
                )
            elif name == room.name:
                problems.append(Problem(TABLE, room.line, f"{room.path} uses itself anyway: take '{name}' out"))
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
        for used in rooms.rooms[name].uses:
            if used != name:
                visit(used, way + [name])
        done.add(name)

    for name in sorted(rooms.rooms):
        visit(name, [])
    return problems
