#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tiles_test.sh TILES: the same picture by one processor and by all, whatever the size of the tiles at its edges.
set -euo pipefail
tiles=$1
unset MORROW_CLUSTER
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

processors=$(taskset -cp $$ | sed 's/.*: //')
by_all=$("$tiles" 300 "$folder/by_all.pgm")
by_one=$(taskset -c "${processors%%[,-]*}" "$tiles" 300 "$folder/by_one.pgm")
[[ $by_all == "300 x 300 pixels, checksum "* && $by_all == "$by_one" ]]
cmp "$folder/by_all.pgm" "$folder/by_one.pgm"

# A header of 15 bytes and the pixels. The first is outside of the set, the middle of its body inside.
[[ $(head -c 15 "$folder/by_all.pgm" | tr '\n' ' ') == "P5 300 300 255 " ]]
[[ $(stat -c %s "$folder/by_all.pgm") == $((15 + 300 * 300)) ]]
pixel() { od -An -tu1 -j $((15 + $1 * 300 + $2)) -N 1 "$folder/by_all.pgm" | tr -d ' '; }
[[ $(pixel 0 0) == 255 && $(pixel 150 200) == 0 ]]
