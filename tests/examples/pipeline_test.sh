#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pipeline_test.sh PIPELINE: each line is that of factor, in order, and a line that is no number is named.
set -euo pipefail
pipeline=$1
unset MORROW_CLUSTER
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Hard and easy ones by turns, so that later pieces are done before earlier ones, and many more than the window holds.
for ((i = 0; i < 40; ++i)); do
  printf '%s\n' $((1000003 * 999983 - i)) {1..7}
done >"$folder/numbers"
"$pipeline" "$folder/numbers" "$folder/factors"
diff <(factor <"$folder/numbers") "$folder/factors"
diff <(seq 1000000000000000 1000000000000099 | factor) <("$pipeline")

printf '12\ntwelve\n' >"$folder/wrong"
status=0
"$pipeline" "$folder/wrong" >"$folder/output" 2>"$folder/error" || status=$?
((status == 2))
grep -qF "pipeline: 'twelve' is not a number" "$folder/error"
