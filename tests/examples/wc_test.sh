#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# wc_test.sh WC: the example's totals equal those of find and wc, in each locale, on files made to be hard.
set -euo pipefail
wc_example=$1
unset MORROW_CLUSTER
folder=$(mktemp -d)
trap 'chmod -R u+rwx "$folder"; rm -rf "$folder"' EXIT
tree=$folder/tree
mkdir -p "$tree/deep/deeper" "$tree/closed" "$tree/many"

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

printf 'one two' >"$tree/no_newline_1"
printf 'three four' >"$tree/no_newline_2"
printf ' starts with a space' >"$tree/deep/space"
printf 'ends with one ' >"$tree/deep/deeper/space"
printf '\001\002\377' >"$tree/deep/nothing_printable"
printf 'a\001\200b' >"$tree/deep/word_around_control_bytes"
printf 'caf\303\251 \342\202\254\n\302\240no\302\240break \343\200\200wide \303' >"$tree/utf8"
: >"$tree/empty"
printf 'x' >"$tree/a name with spaces
and a newline"
head -c 3000000 /dev/urandom >"$tree/random"
for i in {1..600}; do printf 'file %d' "$i" >"$tree/many/$i"; done
ln -s "$tree/many" "$tree/link_to_folder"
ln -s "$tree/random" "$tree/link_to_file"
mkfifo "$tree/pipe"
printf 'secret' >"$tree/deep/unreadable"
printf 'secret' >"$tree/closed/inside"
chmod 000 "$tree/deep/unreadable" "$tree/closed"

# The system's administrator reads everything, unless told not to.
plainly=()
if ((EUID == 0)); then plainly=(setpriv --bounding-set -dac_override,-dac_read_search); fi

for locale in C C.UTF-8; do
  export LC_ALL=$locale
  expected=$({ "${plainly[@]}" find "$tree" -type f -exec cat {} + 2>/dev/null || true; } | wc)
  read -r lines words bytes <<<"$expected"
  status=0
  output=$("${plainly[@]}" "$wc_example" "$tree" "$folder/missing" 2>"$folder/errors") || status=$?
  [[ $output == "$lines lines, $words words, $bytes bytes in "* ]] ||
    fail "in the locale $locale it should count $lines $words $bytes, and said: $output $(cat "$folder/errors")"
  ((status == 1)) || fail "with files that can't be read its status should be 1, and was $status"
  for name in deep/unreadable closed ../missing; do
    grep -qF "/${name#../}: " "$folder/errors" || fail "it should name $name: $(cat "$folder/errors")"
  done
done

status=0
"$wc_example" "$tree/many" >/dev/null 2>&1 || status=$?
((status == 0)) || fail "when all files can be read its status should be 0, and was $status"
