#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# refused_test.sh BIN: what can't be meant is refused by each example in one sentence that has it, with status 2.
set -euo pipefail
bin=$1
unset MORROW_CLUSTER
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# refused WORDS EXAMPLE ARGUMENTS...
refused() {
  local words=$1 example=$2 status=0
  shift 2
  [[ -x $bin/$example ]] || return 0 # not in this build
  "$bin/$example" "$@" >output 2>error || status=$?
  if ((status != 2)) || [[ -s output || $(wc -l <error) != 1 ]] || ! grep -qF -- "$words" error; then
    printf '%s %s: status %d, and it said:\n' "$example" "$*" "$status" >&2
    cat output error >&2
    exit 1
  fi
}
refused "usage: fib" fib ninety
refused "'0' is not a number from 1 to" sweep 0
refused "'12x' is not a number from 1 to" tiles 12x
refused "missing/image.pgm can't be written" tiles 100 missing/image.pgm
refused "missing.fasta can't be read" kmers missing.fasta
refused "'32' is not a number from 1 to 31" kmers - 32
refused "missing can't be opened" pipeline missing
refused "missing/factors can't be opened" pipeline /dev/null missing/factors
refused "'65' is not a number from 1 to 64" branch_and_bound 65
refused "'-1' is not a number from 1 to" eigen -1
refused "no plugin can be loaded: missing.so" plugin missing.so
refused "remote_driver: " remote_driver morrow://nonsense
