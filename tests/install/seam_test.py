# SPDX-License-Identifier: Apache-2.0
"""cmake/seam.list has all functions of the library that the public headers call: those that lie in none of its rooms."""
import fnmatch
import re
import subprocess
import sys

library, list_file = sys.argv[1:]
rooms = re.compile(r"_ZNK?6morrow(7runtime|4wire|4base|4data)")
symbols = subprocess.run(["nm", "--defined-only", library], capture_output=True, text=True, check=True).stdout
functions = {
    name
    for name in re.findall(r"^[0-9a-f]+ T (_ZNK?6morrow\S+)$", symbols, re.MULTILINE)
    if not rooms.match(name)
}
patterns = re.findall(r"^  (\S+);$", open(list_file, encoding="utf-8").read(), re.MULTILINE)

left_out = sorted(name for name in functions if not any(fnmatch.fnmatchcase(name, one) for one in patterns))
unused = sorted(one for one in patterns if not any(fnmatch.fnmatchcase(name, one) for name in functions))
if not functions or left_out or unused:
    sys.exit(f"{list_file}: functions that it leaves out: {left_out}; names that there are none of: {unused}")
