# SPDX-License-Identifier: Apache-2.0
"""The lists of sources in CMake files."""

import posixpath
import re

from tree import Problem, Tree

COMMAND = re.compile(r"\b([A-Za-z_]\w*)\s*\(([^()]*)\)")
# Commands that say something of a file that another one has listed.
NO_LISTS = {
    "file",
    "set_source_files_properties",
    "set_property",
    "get_filename_component",
    "message",
    "configure_file",
}


def _commands(text: str):
    """Name, arguments and line of each command."""
    plain = re.sub(r"#[^\n]*", "", text)
    for match in COMMAND.finditer(plain):
        yield match[1].lower(), match[2], match.start(2), plain


def _listed(tree: Tree, path: str):
    """The sources that a CMake file lists: path and line."""
    folder = path.rpartition("/")[0]
    for name, arguments, begin, plain in _commands(tree.text(path)):
        if name in NO_LISTS:
            continue
        for match in re.finditer(r"[^\s\";]+\.cc\b(?!\.)", arguments):
            said = re.sub(r"^\$\{(CMAKE_CURRENT_SOURCE_DIR|CMAKE_CURRENT_LIST_DIR)\}/", "", match[0])
            if "$" not in said:  # else it is made by the build
                yield posixpath.normpath(posixpath.join(folder, said)), plain.count("\n", 0, begin + match.start()) + 1


def check_lists(tree: Tree) -> list[Problem]:
    """Every .cc of src is listed once, by its name, in a CMake file of its folder or of one around it."""
    problems = []
    lists: dict[str, list[tuple[str, int]]] = {}
    for path in tree.paths:
        if not path.startswith("src/") or not path.endswith((".cmake", "CMakeLists.txt")):
            continue
        for name, arguments, begin, plain in _commands(tree.text(path)):
            if name == "file" and re.match(r"\s*GLOB", arguments):
                line = plain.count("\n", 0, begin) + 1
                problems.append(
                    Problem(path, line, "GLOB takes whatever lies in the folder: list the files by their names")
                )
        for source, line in _listed(tree, path):
            lists.setdefault(source, []).append((path, line))
            if not tree.has(source):
                problems.append(Problem(path, line, f"{source} does not exist: take it out of the list"))
    for path in tree.sources("src"):
        if not path.endswith(".cc"):
            continue
        places = lists.get(path, [])
        inside = [place for place in places if path.startswith(place[0].rpartition("/")[0] + "/")]
        if not inside:
            problems.append(Problem(path, 1, "no CMake file of its folder lists it: add it to the sources of its room"))
        for place in places[1:]:
            problems.append(
                Problem(
                    *place, f"{path} is listed already, in {places[0][0]}:{places[0][1]}: link the target that has it"
                )
            )
    return problems
