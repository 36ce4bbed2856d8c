// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace morrow::base {

/// `signal 11 (Segmentation fault)`. Thread-safe.
std::string describe_signal(int signal);

/// A wait status in words that go on after a noun: `was killed by signal 9 (Killed)` or `exited with status 3`.
/// Thread-safe.
std::string describe_exit(int wait_status);

}  // namespace morrow::base
