#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kmers_test.sh KMERS: its counts are those of sort and uniq, for words over the ends of lines and of ranges.
set -euo pipefail
kmers=$1
unset MORROW_CLUSTER
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Two sequences, of more letters than a task takes, in lines of 60; some letters are unknown.
awk 'BEGIN {
  srand(5)
  for (i = 1; i <= 5000; ++i) {
    if (i == 1 || i == 3000) print ">sequence " i
    line = ""
    for (j = 0; j < 60; ++j) line = line (rand() < 0.001 ? "N" : substr("ACGT", 1 + int(4 * rand() * rand()), 1))
    print line
  }
}' >"$folder/sequence.fasta"

awk '/^>/ { text = text "N"; next } { text = text $0 } END {
  for (i = 1; i <= length(text) - 4; ++i) print substr(text, i, 5)
}' "$folder/sequence.fasta" | grep -v N | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2 >"$folder/expected"
words=$(awk '{ words += $1 } END { print words }' "$folder/expected")
printf '%d words of 5 letters, %d different ones\n' "$words" "$(wc -l <"$folder/expected")" >>"$folder/expected"
"$kmers" "$folder/sequence.fasta" 5 1024 >"$folder/counted"
diff "$folder/expected" "$folder/counted"
