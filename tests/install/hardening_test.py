# SPDX-License-Identifier: Apache-2.0
"""What is built is hard to misuse and says nothing of the machine that built it: read by readelf from the files."""
import argparse
import re
import subprocess
import sys


def readelf(options, file):
    command = ["readelf", "-W", *options, file]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def faults_of_linked(file, executable):
    """What a program or a shared library lacks."""
    segments = readelf(["-hl"], file)
    dynamic = readelf(["-d"], file)
    symbols = readelf(["--dyn-syms"], file)
    needs = {
        "is position-independent": re.search(r"Type:\s+DYN", segments)
        and (not executable or re.search(r"FLAGS_1\).*\bPIE\b", dynamic)),
        "has its symbols bound at the start": re.search(r"FLAGS\).*BIND_NOW|FLAGS_1\).*\bNOW\b", dynamic),
        "has them read-only then": "GNU_RELRO" in segments,
        "has no executable stack": re.search(r"GNU_STACK.* RW +0x", segments),
        "has no segment that is written and executed": not re.search(r"LOAD.* RWE ", segments),
        "checks its stack": re.search(r"UND __stack_chk_fail\b", symbols),
        "checks what it copies": re.search(r"UND __(?!stack)\w+_chk\b", symbols),
        "checks its containers": re.search(r"UND _ZSt21__glibcxx_assert_fail", symbols),
        "searches no library where it was built": not re.search(r"\((RPATH|RUNPATH)\)", dynamic),
    }
    return [f"{file}: it should be one that {need}" for need, holds in needs.items() if not holds]


def faults_of_archive(file):
    """The objects without marks for the processor's control-flow protection. A program has the marks when all of it has,
    the start files of the C library too."""
    parts = re.split(r"^File: ", readelf(["-n"], file), flags=re.MULTILINE)[1:]
    if not parts:
        return [f"{file}: it has no objects"]
    unmarked = [part.split("\n")[0] for part in parts if not re.search(r"x86 feature:.*IBT.*SHSTK", part)]
    return [f"{one}: it was compiled without -fcf-protection" for one in unmarked]


def faults_of_paths(file, folders):
    """The places where the file names one of the folders."""
    data = open(file, "rb").read()
    found = []
    for folder in folders:
        # The folder itself or what lies in it, and not another one whose name begins like it.
        match = re.search(re.escape(folder.encode()) + rb"(?![\w.-])[\x20-\x7e]*", data)
        if match:
            found.append(f"{file}: it names a path of the machine that built it: {match.group().decode()}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", action="append", default=[], help="of Morrow: without paths too")
    parser.add_argument("--library", action="append", default=[], help="a shared one")
    parser.add_argument("--archive", action="append", default=[])
    parser.add_argument("--app", action="append", default=[], help="of a user, with the flags that are advised")
    parser.add_argument("--folder", action="append", default=[], help="of the builder: nothing may name it")
    parser.add_argument("--x86", action="store_true")
    arguments = parser.parse_args()
    faults = []
    for file in arguments.program + arguments.app:
        faults += faults_of_linked(file, True)
    for file in arguments.library:
        faults += faults_of_linked(file, False)
    for file in arguments.archive if arguments.x86 else []:
        faults += faults_of_archive(file)
    for file in arguments.program + arguments.library + arguments.archive:
        faults += faults_of_paths(file, arguments.folder)
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
