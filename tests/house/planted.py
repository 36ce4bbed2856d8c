# SPDX-License-Identifier: Apache-2.0
"""A small sound tree, and faults planted in it."""

import pathlib
import tempfile
import unittest

from tree import Tree

TABLE = """# Design

| room | what lives there | may use |
|---|---|---|
| `include/morrow/` | what users include | nothing of ours |
| `src/base/` | small things | nothing of ours |
| `src/wire/` | messages | base |
| `src/worker/` | the process | worker/brain, worker/ids.h |
| `src/worker/ids.h` | numbers | nothing of ours |
| `src/worker/brain/` | decisions | base, worker/ids.h, wire |
| `examples/` | programs of users | include/morrow |
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
    """Plants faults and sees that they are found."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def plant(self, files: dict[str, str]) -> Tree:
        """The sound tree, with these files as well, or instead."""
        for path, text in {**SOUND, **files}.items():
            file = pathlib.Path(self.root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return Tree(self.root)

    def found(self, check, files: dict[str, str]) -> list[str]:
        return [str(problem) for problem in check(self.plant(files))]

    def expect_nothing(self, check, files: dict[str, str]) -> None:
        self.assertEqual(self.found(check, files), [], check.__name__)

    def expect(self, check, place: str, words: str, files: dict[str, str]) -> None:
        """One problem is found, at `path:line`, with these words."""
        found = self.found(check, files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(place + ": "), found)
        self.assertIn(words, found[0])
