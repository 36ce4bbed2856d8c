# SPDX-License-Identifier: Apache-2.0
"""A page for users holds what it says: each block of C++ compiles; one that has a main is run, and what it prints is the
block of text behind it, when there is one. A program for a named cluster is compiled alone. A block without main is
taken for statements in a main; a comment `<!-- where: DECLARATIONS -->` in the line before it says what it uses."""
import os
import re
import subprocess
import sys
import tempfile

compiler, include, library, command, page = sys.argv[1:]
# What a block names for the reader it need not use.
FLAGS = ["-std=c++20", "-g1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-but-set-variable", f"-I{include}"]
LIBRARIES = [library, *"-lprotobuf-lite -lssl -lcrypto -lzstd -llz4 -lxxhash -lbacktrace -pthread".split()]
STATEMENTS = (
    "#include <morrow/morrow.h>\n#include <numeric>\n#include <vector>\nusing namespace morrow::literals;\n{}\n"
    "[[maybe_unused]] static void block() {{\n{}}}\n"
)
BLOCK = re.compile(
    r"^(?:<!-- where: (.*?) -->\n)?```cpp\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL
)

text = open(page, encoding="utf-8").read()
environment = {name: value for name, value in os.environ.items() if name != "MORROW_CLUSTER"}
environment["MORROW_COMMAND"] = command


def check(number: int, where: str, code: str, printed: str | None, folder: str) -> None:
    is_program = "int main(" in code
    is_for_cluster = 'Session session("' in code
    source = os.path.join(folder, f"block_{number}.cc")
    with open(source, "w", encoding="utf-8") as file:
        file.write(code if is_program else STATEMENTS.format(where, code))
    program = os.path.join(folder, f"block_{number}")
    libraries = [*LIBRARIES, "-lgtest"] if "<gtest/" in code else LIBRARIES
    to_do = ["-o", program, *libraries] if is_program else ["-fsyntax-only"]
    subprocess.run([compiler, *FLAGS, source, *to_do], check=True)
    if not is_program or is_for_cluster:
        return
    output = subprocess.run([program], env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    if printed is not None and output != printed:
        sys.exit(f"{page}: block {number} should print\n{printed}\nand printed\n{output}")


with tempfile.TemporaryDirectory() as folder:
    blocks = BLOCK.findall(text)
    if len(blocks) != text.count("```cpp"):
        sys.exit(f"{page}: a block of C++ does not end")
    for number, (where, code, printed) in enumerate(blocks, 1):
        check(number, where, code, printed or None, folder)
