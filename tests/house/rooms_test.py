# SPDX-License-Identifier: Apache-2.0
"""Faults in the rooms, in their arrows and in the lists of their sources."""

import unittest

import arrows
import build_lists
import picture
import rooms
from planted import TABLE, HouseTest

CHECKS = (rooms.check_table, rooms.check_circles, arrows.check_includes, arrows.check_permissions)


class TableTest(HouseTest):
    """Rooms and arrows."""

    def expect_in_table(self, check, line: int, words: str, row: str, instead: str) -> None:
        """One problem is found in that line of the table, where `instead` stands in it for `row`."""
        self.assertIn(row, TABLE)
        self.expect(check, f"docs/design.md:{line}", words, {"docs/design.md": TABLE.replace(row, instead)})

    def test_a_sound_tree_has_no_problem(self):
        for check in (*CHECKS, build_lists.check_lists):
            self.expect_nothing(check, {})

    def test_a_tree_with_no_table_says_so(self):
        for check in CHECKS:
            self.assertIn("there is no table", " ".join(self.found(check, {"docs/design.md": "# Design\n"})))

    def test_an_include_that_no_arrow_allows_is_found(self):
        files = {"src/base/defer.h": '\n#include "wire/frame.h"\n'}
        self.expect(arrows.check_includes, "src/base/defer.h:2", "base may not use wire (it may use nothing", files)

    def test_a_file_may_be_used_where_the_folder_around_it_may_not(self):
        files = {"src/worker/machine.h": "", "src/worker/brain/brain.cc": '#include "worker/machine.h"\n'}
        place = "src/worker/brain/brain.cc:1"
        self.expect(arrows.check_includes, place, "worker/brain may not use worker (", files)

    def test_what_is_generated_belongs_to_its_room(self):
        files = {"src/base/defer.h": '#include "wire/messages.pb.h"\n'}
        self.expect(arrows.check_includes, "src/base/defer.h:1", "base may not use wire", files)

    def test_a_public_header_belongs_to_its_room(self):
        files = {"src/base/defer.h": "#include <morrow/core.h>\n"}
        self.expect(arrows.check_includes, "src/base/defer.h:1", "base may not use morrow", files)

    def test_an_include_of_no_file_is_found(self):
        files = {"src/base/defer.h": '#include "base/gone.h"\n'}
        self.expect(arrows.check_includes, "src/base/defer.h:1", "no file of ours", files)

    def test_the_inside_of_the_library_is_not_for_examples(self):
        files = {"examples/wc.cc": "#include <morrow/detail/inside.h>\n"}
        self.expect(arrows.check_includes, "examples/wc.cc:1", "inside of the library", files)

    def test_a_folder_with_no_row_is_found(self):
        files = {"src/worker/port/port.h": ""}
        self.expect(rooms.check_table, "src/worker/port/port.h:1", "src/worker/port/ has no row", files)

    def test_a_row_with_no_folder_is_found(self):
        row = "| `src/wire/`"
        self.expect_in_table(rooms.check_table, 7, "src/gone does not exist", row, f"| `src/gone/` | x | base |\n{row}")

    def test_a_room_that_nothing_lives_in_is_found(self):
        row = "| `src/wire/`"
        self.expect_in_table(
            rooms.check_table, 7, "no source file lives in docs", row, f"| `docs/` | x | base |\n{row}"
        )

    def test_a_name_that_is_no_room_is_found(self):
        words = "'std' in what src/wire may use is no room"
        self.expect_in_table(rooms.check_table, 7, words, "messages | base |", "messages | base, std |")

    def test_a_room_that_says_nothing_of_itself_is_found(self):
        self.expect_in_table(rooms.check_table, 7, "say what lives in src/wire", "| messages |", "| |")

    def test_a_row_that_stands_twice_is_found(self):
        row = "| `src/wire/` | messages | base |\n"
        self.expect_in_table(rooms.check_table, 8, "has a row already", row, row + row)

    def test_all_rooms_of_a_folder_may_be_allowed_what_all_need(self):
        every = TABLE.replace(
            "| `src/wire/` | messages | base |",
            "| all of `src/` | | base |\n| `src/wire/` | messages | nothing of ours |",
        )
        every = every.replace("decisions | base, ", "decisions | ")
        for check in CHECKS:
            self.expect_nothing(check, {"docs/design.md": every})
        unused = {
            "docs/design.md": every,
            "src/wire/frame.h": "",
            "src/worker/brain/brain.h": '#include "worker/ids.h"\n',
        }
        self.expect(arrows.check_permissions, "docs/design.md:7", "src may use base, and no include", unused)

    def test_what_all_rooms_may_use_stands_in_no_row_of_one(self):
        row = "| `src/base/` | small things | nothing of ours |\n"
        found = self.found(
            rooms.check_table, {"docs/design.md": TABLE.replace(row, row + "| all of `src/` | | base, gone |\n")}
        )
        self.assertEqual(
            [problem.split(": ")[0] for problem in found], ["docs/design.md:8", "docs/design.md:11", "docs/design.md:7"]
        )
        self.assertIn("src/wire may use 'base' anyway", found[0])
        self.assertIn("'gone' in what src may use is no room", found[2])

    def test_a_circle_through_what_all_rooms_may_use_is_found(self):
        row = "| `src/base/` | small things | nothing of ours |\n"
        self.expect_in_table(
            rooms.check_circles,
            8,
            "base → wire → base",
            row,
            "| all of `src/` | | base |\n| `src/base/` | x | wire |\n",
        )

    def test_a_circle_is_found(self):
        row = "small things | nothing of ours |"
        self.expect_in_table(rooms.check_circles, 7, "base → wire → base", row, "small things | wire |")

    def test_a_permission_that_nobody_uses_is_found(self):
        words = "wire may use morrow, and no include"
        self.expect_in_table(arrows.check_permissions, 7, words, "messages | base |", "messages | base, morrow |")


class ListTest(HouseTest):
    """CMake's lists."""

    LISTS = "src/worker/CMakeLists.txt"
    BOTH = "add_library(worker main.cc brain/brain.cc)\n"

    def expect_of(self, text: str, place: str, words: str) -> None:
        self.expect(build_lists.check_lists, place, words, {self.LISTS: text})

    def test_a_source_that_is_not_listed_is_found(self):
        self.expect_of("add_library(worker main.cc)\n", "src/worker/brain/brain.cc:1", "no CMake file")

    def test_a_source_that_is_listed_twice_is_found(self):
        text = self.BOTH + "add_library(again main.cc)\n"
        self.expect_of(text, f"{self.LISTS}:2", "src/worker/main.cc is listed already")

    def test_a_listed_source_that_is_gone_is_found(self):
        text = "add_library(worker main.cc\n  brain/brain.cc gone.cc)\n"
        self.expect_of(text, f"{self.LISTS}:2", "src/worker/gone.cc does not exist")

    def test_glob_is_found(self):
        self.expect_of(self.BOTH + "file(GLOB sources *.cc)\n", f"{self.LISTS}:2", "GLOB")

    def test_a_property_of_a_source_is_no_list(self):
        text = (
            "add_library(worker main.cc ${CMAKE_CURRENT_SOURCE_DIR}/brain/brain.cc ${generated}/x.pb.cc)\n"
            "set_source_files_properties(main.cc PROPERTIES COMPILE_OPTIONS -w)\n"
        )
        self.expect_nothing(build_lists.check_lists, {self.LISTS: text})


class PictureTest(HouseTest):
    """What ./dev house prints."""

    def test_it_has_each_room_with_its_arrows(self):
        lines = picture.lines(self.plant({}))
        at = next(number for number, line in enumerate(lines) if line.startswith("worker/brain "))
        self.assertRegex(lines[at], r"^worker/brain +2 +4  decisions$")
        self.assertEqual(lines[at + 1].strip(), "uses base (1), wire (1), worker/ids.h (1)")

    def test_it_says_where_the_arrows_are_not_those_of_the_table(self):
        text = " ".join(
            picture.lines(self.plant({"src/base/defer.h": '#include "wire/frame.h"\n', "src/wire/frame.h": ""}))
        )
        self.assertIn("uses, and may not: wire", text)
        self.assertIn("may use, and does not: base", text)

    def test_it_has_the_long_functions_and_the_large_classes(self):
        body = "  int a = 0;\n" * 80
        files = {"src/base/defer.cc": f"void f() {{\n{body}}}\nstruct Many {{\n  int a, b;\n{body}}};\n"}
        text = "\n".join(picture.lines(self.plant(files)))
        self.assertRegex(text, r" 82  src/base/defer.cc:1 f\n")
        self.assertRegex(text, r" 82  src/base/defer.cc:83 Many\n")


if __name__ == "__main__":
    unittest.main()
