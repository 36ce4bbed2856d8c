#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# gtest_test.sh GTEST: its tests pass.
set -euo pipefail
unset MORROW_CLUSTER
output=$("$1")
printf '%s\n' "$output"
[[ $output == *"[  PASSED  ] 3 tests."* && $output != *FAILED* ]]
