# SPDX-License-Identifier: Apache-2.0
"""Plants each fault in a small tree and sees that it is found."""

import pathlib
import tempfile
import unittest

import arrows
import build_lists
import rooms
import words
from tree import Tree

LICENSE = "// SPDX-License-" "Identifier: Apache-2.0\n"
TABLE = """# Design

| room | what lives there | may use |
|---|---|---|
| `include/morrow/` | what users include | nothing of ours |
| `src/base/` | small things | nothing of ours |
| `src/wire/` | messages | base |
| `src/worker/` | the process | worker/brain, worker/ids.h |
| `src/worker/ids.h` | numbers | nothing of ours |
| `src/worker/brain/` | decisions | base, worker/ids.h, wire |
| `examples/` | programs of users | morrow |
"""
SOUND = {
    "docs/design.md": TABLE,
    "include/morrow/core.h": "",
    "include/morrow/detail/inside.h": "#include <morrow/core.h>\n",
    "src/base/defer.h": "",
    "src/base/CMakeLists.txt": "",
    "src/wire/messages.proto": "",
    "src/wire/frame.h": '#include "base/defer.h"\n',
    "src/worker/ids.h": "",
    "src/worker/main.cc": '#include "worker/brain/brain.h"\n#include "worker/ids.h"\n',
    "src/worker/CMakeLists.txt": "add_library(worker main.cc brain/brain.cc)  # and not others.cc\n",
    "src/worker/brain/brain.h": '#include "base/defer.h"\n#include "worker/ids.h"\n',
    "src/worker/brain/brain.cc": '#include "worker/brain/brain.h"\n#include "wire/messages.pb.h"\n',
    "examples/wc.cc": "#include <morrow/core.h>\n",
}


class HouseTest(unittest.TestCase):
    """Faults are planted in a copy of the sound tree."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def plant(self, *files: tuple[str, str]) -> Tree:
        """The sound tree, with these files as well, or instead."""
        for path, text in [*SOUND.items(), *files]:
            file = pathlib.Path(self.folder.name, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return Tree(self.folder.name)

    def found(self, check, *files: tuple[str, str]) -> list[str]:
        return [str(problem) for problem in check(self.plant(*files))]

    def expect(self, check, path: str, line: int, words_of_it: str, *files: tuple[str, str]) -> None:
        """One problem is found, there, with these words."""
        found = self.found(check, *files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{path}:{line}: "), found)
        self.assertIn(words_of_it, found[0])

    def expect_in_table(self, check, line: int, words_of_it: str, row: str, instead: str) -> None:
        """One problem is found in that line of the table, where `instead` stands in it for `row`."""
        self.assertIn(row, TABLE)
        self.expect(check, "docs/design.md", line, words_of_it, ("docs/design.md", TABLE.replace(row, instead)))


class TableTest(HouseTest):
    """Rooms and arrows."""

    def test_a_sound_tree_has_no_problem(self):
        checks = [
            rooms.check_table,
            rooms.check_circles,
            arrows.check_includes,
            arrows.check_permissions,
            build_lists.check_lists,
        ]
        for check in checks:
            self.assertEqual(self.found(check), [], check.__name__)

    def test_a_tree_with_no_table_says_so(self):
        for check in (rooms.check_table, rooms.check_circles, arrows.check_includes, arrows.check_permissions):
            self.assertIn("there is no table", " ".join(self.found(check, ("docs/design.md", "# Design\n"))))

    def test_an_include_that_no_arrow_allows_is_found(self):
        self.expect(
            arrows.check_includes,
            "src/base/defer.h",
            2,
            "base may not use wire",
            ("src/base/defer.h", '\n#include "wire/frame.h"\n'),
        )

    def test_a_file_may_be_used_where_the_folder_around_it_may_not(self):
        self.expect(
            arrows.check_includes,
            "src/worker/brain/brain.cc",
            1,
            "worker/brain may not use worker (",
            ("src/worker/machine.h", ""),
            ("src/worker/brain/brain.cc", '#include "worker/machine.h"\n'),
        )

    def test_what_is_generated_belongs_to_its_room(self):
        self.expect(
            arrows.check_includes,
            "src/base/defer.h",
            1,
            "base may not use wire",
            ("src/base/defer.h", '#include "wire/messages.pb.h"\n'),
        )

    def test_an_include_of_no_file_is_found(self):
        self.expect(
            arrows.check_includes,
            "src/base/defer.h",
            1,
            "no file of ours",
            ("src/base/defer.h", '#include "base/gone.h"\n'),
        )

    def test_the_inside_of_the_library_is_not_for_examples(self):
        self.expect(
            arrows.check_includes,
            "examples/wc.cc",
            1,
            "inside of the library",
            ("examples/wc.cc", "#include <morrow/detail/inside.h>\n"),
        )

    def test_a_folder_with_no_row_is_found(self):
        self.expect(
            rooms.check_table,
            "src/worker/port/port.h",
            1,
            "src/worker/port/ has no row",
            ("src/worker/port/port.h", ""),
        )

    def test_a_row_with_no_folder_is_found(self):
        self.expect_in_table(
            rooms.check_table,
            7,
            "src/gone does not exist",
            "| `src/wire/`",
            "| `src/gone/` | x | base |\n| `src/wire/`",
        )

    def test_a_name_that_is_no_room_is_found(self):
        self.expect_in_table(
            rooms.check_table,
            7,
            "'std' in what src/wire may use is no room",
            "messages | base |",
            "messages | base, std |",
        )

    def test_a_row_that_stands_twice_is_found(self):
        row = "| `src/wire/` | messages | base |\n"
        self.expect_in_table(rooms.check_table, 8, "has a row already", row, row + row)

    def test_a_circle_is_found(self):
        self.expect_in_table(
            rooms.check_circles, 7, "in a circle", "small things | nothing of ours |", "small things | wire |"
        )

    def test_a_permission_that_nobody_uses_is_found(self):
        self.expect_in_table(
            arrows.check_permissions,
            7,
            "wire may use morrow, and no include",
            "messages | base |",
            "messages | base, morrow |",
        )


class ListTest(HouseTest):
    """CMake's lists."""

    def list_of(self, text: str) -> tuple[str, str]:
        return "src/worker/CMakeLists.txt", text

    def test_a_source_that_is_not_listed_is_found(self):
        self.expect(
            build_lists.check_lists,
            "src/worker/brain/brain.cc",
            1,
            "no CMake file",
            self.list_of("add_library(worker main.cc)\n"),
        )

    def test_a_source_that_is_listed_twice_is_found(self):
        self.expect(
            build_lists.check_lists,
            "src/worker/CMakeLists.txt",
            2,
            "src/worker/main.cc is listed already",
            self.list_of("add_library(worker main.cc brain/brain.cc)\nadd_library(again main.cc)\n"),
        )

    def test_a_listed_source_that_is_gone_is_found(self):
        self.expect(
            build_lists.check_lists,
            "src/worker/CMakeLists.txt",
            1,
            "src/worker/gone.cc does not exist",
            self.list_of("add_library(worker main.cc brain/brain.cc gone.cc)\n"),
        )

    def test_glob_is_found(self):
        self.expect(
            build_lists.check_lists,
            "src/worker/CMakeLists.txt",
            2,
            "GLOB",
            self.list_of("add_library(worker main.cc brain/brain.cc)\nfile(GLOB sources *.cc)\n"),
        )

    def test_a_property_of_a_source_is_no_list(self):
        self.assertEqual(
            self.found(
                build_lists.check_lists,
                self.list_of(
                    "add_library(worker main.cc ${CMAKE_CURRENT_SOURCE_DIR}/brain/brain.cc ${generated}/x.pb.cc)\n"
                    "set_source_files_properties(main.cc PROPERTIES COMPILE_OPTIONS -w)\n"
                ),
            ),
            [],
        )


class WordsTest(HouseTest):
    """Lines that must not be there, and the one that must."""

    def test_what_is_left_to_do_is_found(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"):
            self.expect(
                words.check_left_to_do, "src/base/defer.h", 2, word, ("src/base/defer.h", f"\n// {word}: more\n")
            )

    def test_documentation_may_name_the_words_in_backticks(self):
        self.assertEqual(
            self.found(
                words.check_left_to_do,
                ("docs/style.md", "No `TO" "DO`.\n"),
                ("src/base/defer.h", "// mkdtemp XXXX" "XX\n"),
            ),
            [],
        )

    def test_a_parameter_that_is_cast_away_is_found(self):
        for line in ("(void)now;", "( void ) now;", "static_cast<void>(now);"):
            self.expect(
                words.check_voided,
                "src/base/defer.cc",
                1,
                "now is cast to void",
                ("src/base/defer.cc", f"void f(int now) {{ {line} }}\n"),
            )
        self.assertEqual(self.found(words.check_voided, ("src/base/defer.cc", "void f() { (void)close(3); }\n")), [])

    def test_a_file_with_no_license_is_found(self):
        files = [(path, LICENSE + text) for path, text in SOUND.items()]
        self.assertEqual(self.found(words.check_licenses, *files), [])
        self.expect(
            words.check_licenses,
            "src/base/defer.h",
            1,
            "must say",
            *files,
            ("src/base/defer.h", "#pragma once\n\n" + LICENSE),
        )


if __name__ == "__main__":
    unittest.main()
