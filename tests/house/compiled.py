# SPDX-License-Identifier: Apache-2.0
"""What a build compiles, source by source."""

import json
import pathlib
import re

INCLUDED = re.compile(r'^#include "(.*)"', re.MULTILINE)


def entries(build: str) -> list[dict]:
    """Those of its compile_commands.json. A file of CMake's that joins sources stands for each of them."""
    found = []
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8")):
        file = entry["file"]
        if "/Unity/unity_" not in file:
            found.append(entry)
            continue
        for source in INCLUDED.findall(pathlib.Path(file).read_text(encoding="utf-8")):
            found.append({**entry, "file": source, "command": entry["command"].replace(file, source)})
    return found
