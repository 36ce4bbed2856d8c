#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# output_test.sh EXPECTED COMMAND...: it succeeds, and its standard output is the contents of the file.
set -euo pipefail
expected=$1
shift
unset MORROW_CLUSTER
output=$("$@")
diff "$expected" <(printf '%s\n' "$output")
