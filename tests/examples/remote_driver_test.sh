#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# remote_driver_test.sh REMOTE_DRIVER MORROW: a driver that knows nothing but the line computes on the worker, and one
# that knows no line says what to do.
set -euo pipefail
remote_driver=$1
morrow=$2
unset MORROW_CLUSTER
folder=$(mktemp -d)
worker=
end() {
  if [[ -n $worker ]]; then kill "$worker" && wait "$worker" || true; fi
  rm -rf "$folder"
}
trap end EXIT
fail() {
  printf '%s\n' "$*" >&2
  cat "$folder"/*.log >&2
  exit 1
}

mkdir -m 700 "$folder/run" "$folder/elsewhere"
MORROW_HOME=$folder/home XDG_RUNTIME_DIR=$folder/run "$morrow" worker example --address 127.0.0.1 --port 0 \
  >"$folder/worker.log" 2>&1 &
worker=$!
until grep -q "is ready" "$folder/worker.log"; do
  kill -0 "$worker" 2>/dev/null || fail "the worker did not start"
  sleep 0.1
done
line=$(MORROW_HOME=$folder/home XDG_RUNTIME_DIR=$folder/run "$morrow" token example 2>"$folder/token.log") ||
  fail "there is no line"
[[ $line == morrow://*@127.0.0.1:*/example* ]] || fail "the line is $line"

# The worker's sockets are in a folder that the driver does not know.
export MORROW_HOME=$folder/elsewhere XDG_RUNTIME_DIR=$folder/elsewhere
expected="499999500000, computed on $(uname -n)"
output=$(MORROW_CLUSTER=$line "$remote_driver" 2>"$folder/driver.log") || fail "no driver by the environment"
[[ $output == "$expected" ]] || fail "by the environment: $output"
output=$("$remote_driver" "$line" 2>"$folder/driver.log") || fail "no driver by the argument"
[[ $output == "$expected" ]] || fail "by the argument: $output"

status=0
"$remote_driver" >"$folder/output" 2>"$folder/driver.log" || status=$?
((status == 2)) && grep -qF "morrow token demo_cluster" "$folder/driver.log" || fail "without a line: status $status"
