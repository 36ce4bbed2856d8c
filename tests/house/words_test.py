# SPDX-License-Identifier: Apache-2.0
"""Faults in words: of comments, of documentation, of the glossary."""

import unittest

import doc_paths
import glossary
import words
from planted import SOUND, HouseTest

LICENSE = "// SPDX-License-" "Identifier: Apache-2.0\n"
HERE = "src/base/defer.h"
GLOSSARY = """
| our word | the field's | what it is | not said |
|---|---|---|---|
| commit queue | commit queue | changes in their order | `gather`, `give_back` in `src/worker/` |
| message | frame | | `Frame`, `frame_` |
"""


class WordsTest(HouseTest):
    """Lines that must not be there, and the one that must."""

    def test_what_is_left_to_do_is_found(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"):
            self.expect(words.check_left_to_do, f"{HERE}:2", word, {HERE: f"\n// {word}: more\n"})

    def test_documentation_may_name_the_words_in_backticks(self):
        files = {"docs/style.md": "No `TO" "DO`.\n", HERE: "// mkdtemp XXXX" "XX\n"}
        self.expect_nothing(words.check_left_to_do, files)

    def test_a_parameter_that_is_cast_away_is_found(self):
        for line in ("(void)now;", "( void ) now;", "static_cast<void>(now);"):
            self.expect(
                words.check_voided, f"{HERE}:1", "now is cast to void", {HERE: f"void f(int now) {{ {line} }}\n"}
            )

    def test_a_result_may_be_cast_away(self):
        self.expect_nothing(words.check_voided, {HERE: "void f() { (void)close(3); }\n"})

    def test_a_field_that_is_a_string_is_found(self):
        place = "src/wire/messages.proto"
        for line in ("string name = 1;", "  repeated string lines = 4;", "map<string, uint64> amounts = 4;"):
            self.expect(words.check_strings, f"{place}:1", "make it bytes", {place: line + "\n"})
        said = "// No string name = 1 here.\nbytes string = 2;\nmap<uint32, bytes> texts = 3;  // a string each\n"
        self.expect_nothing(words.check_strings, {place: said, "docs/proto.md": "string name = 1;\n"})

    def test_a_file_with_no_license_is_found(self):
        licensed = {path: LICENSE + text for path, text in SOUND.items()}
        self.expect_nothing(words.check_licenses, licensed)
        self.expect(words.check_licenses, f"{HERE}:1", "must say", {**licensed, HERE: "#pragma once\n\n" + LICENSE})


class PathsTest(HouseTest):
    """Paths in documentation."""

    def expect_gone(self, said: str) -> None:
        self.expect(doc_paths.check_doc_paths, "README.md:2", "there is no ", {"README.md": f"\nSee {said}.\n"})

    def test_a_path_that_does_not_exist_is_found(self):
        for said in ("`src/base/gone.h`", "`base/gone.h`", "`gone.cc`", "`src/gone/`", "`./dev test docs/gone.md`"):
            self.expect_gone(said)
        for said in ("`worker/gone*.cc`", "`worker/brain/brain.{h,gone.h}`", "[this](docs/gone.md)"):
            self.expect_gone(said)

    def test_a_path_that_exists_may_be_said_from_several_folders(self):
        said = "`src/base/defer.h` `base/defer.h` `defer.h:12` `morrow/core.h` `core.h` `design.md` `src/worker/brain/`"
        self.expect_nothing(
            doc_paths.check_doc_paths, {"README.md": f"{said} `worker/brain/brain.{{h,cc}}` `src/*/*.h`\n"}
        )

    def test_what_is_no_path_of_the_tree_is_left_alone(self):
        said = (
            "`/etc/gone.h` `build/release/gone.h` `std::size_t` `and/or` `~/gone.md` `src/NAME/DIR.h` `https://a.b/c.h`"
        )
        self.expect_nothing(doc_paths.check_doc_paths, {"README.md": said + "\n", "src/base/sub/one.h": ""})


class GlossaryTest(HouseTest):
    """Words that are not said."""

    def expect_said(self, path: str, text: str, word: str) -> None:
        files = {glossary.GLOSSARY: GLOSSARY, path: text}
        self.expect(glossary.check_glossary, f"{path}:1", f"'{word}' is not said", files)

    def test_a_word_is_found_in_names_and_comments(self):
        for text in (
            "void gather_all();\n",
            "class NewGather;\n",
            "int kGatherBytes;\n",
            "// To gather.\n",
            "GATHER\n",
        ):
            self.expect_said(HERE, text, "gather")

    def test_words_in_a_row_are_found_in_their_folder_only(self):
        for text in ("void give_back();\n", "// It must give back what it has.\n", "giveBack();\n"):
            self.expect_said("src/worker/ids.h", text, "give_back")
            self.expect_nothing(
                glossary.check_glossary, {glossary.GLOSSARY: GLOSSARY, "src/worker/ids.h": "", HERE: text}
            )

    def test_a_word_with_a_capital_is_found_as_a_whole_name_only(self):
        self.expect_said(HERE, "struct Frame;\n", "Frame")
        self.expect_said(HERE, "int frame_;\n", "frame_")
        text = "FrameReader reader; int frame; // frames, together\n"
        self.expect_nothing(glossary.check_glossary, {glossary.GLOSSARY: GLOSSARY, HERE: text})

    def test_a_tree_with_no_glossary_has_no_such_problem(self):
        self.expect_nothing(glossary.check_glossary, {HERE: "void gather();\n"})

    def test_a_glossary_with_no_table_says_so(self):
        self.expect(
            glossary.check_glossary, "docs/glossary.md:1", "there is no table", {glossary.GLOSSARY: "# Words\n"}
        )


if __name__ == "__main__":
    unittest.main()
