# SPDX-License-Identifier: Apache-2.0
"""Compiles one program and says whether the compiler answered as promised.

check.py COMPILER-AND-FLAGS... --source FILE [--define NAME --expect TEXT [--own-words]] [--precompile OUTPUT]

Without --expect the program must compile without a word. With it, it must fail; the text must be part of the compiler's
message, and the message must be short: at most two errors. The first must be Morrow's, or with --own-words the compiler's
own. --precompile makes a precompiled header of the source.
"""

import argparse
import subprocess
import sys


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--define")
    parser.add_argument("--expect")
    parser.add_argument("--own-words", action="store_true")
    parser.add_argument("--precompile")
    arguments, compiler = parser.parse_known_args()
    if arguments.precompile:
        command = [*compiler, "-x", "c++-header", arguments.source, "-o", arguments.precompile]
    else:
        command = [*compiler, "-fsyntax-only", arguments.source]
    if arguments.define:
        command.append(f"-D{arguments.define}")
    done = subprocess.run(command, capture_output=True, text=True)
    # Both compilers' words, in the words of g++.
    said = done.stderr.replace("(anonymous namespace)", "{anonymous}").replace(" *", "*")
    errors = [line for line in said.splitlines() if "error: " in line]

    def fail(why: str) -> int:
        print(f"{why}\n{' '.join(command)}\n{done.stderr}")
        return 1

    if arguments.expect is None:
        return 0 if done.returncode == 0 and not done.stderr else fail("It should have compiled without a word:")
    if done.returncode == 0:
        return fail("It compiled, and should not have:")
    # The compiler writes typographic quotes in some locales; the promise is about words.
    if arguments.expect not in said:
        return fail(f"The message should have said '{arguments.expect}':")
    ours = "morrow" in errors[0] and ("static assertion failed" in errors[0] or "#error" in said)
    if not arguments.own_words and not ours:
        return fail("The first error should have been Morrow's own sentence:")
    if len(errors) > 2:
        return fail(f"There should have been one error, or two, and not {len(errors)}:")
    return 0


if __name__ == "__main__":
    sys.exit(main())
