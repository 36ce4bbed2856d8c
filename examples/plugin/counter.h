// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <morrow/morrow.h>

#include <cstdint>

/// What a plugin of the program counts: numbers with some property. The program and its plugins have this header in
/// common, and nothing else.
class Counter {
 public:
  virtual ~Counter() = default;
  /// What it counts, for people: "primes".
  virtual const char* name() const = 0;
  /// Has the numbers from `begin` up to `end` counted by a task, in the session that the program has open.
  virtual morrow::Future<std::int64_t> count(std::int64_t begin, std::int64_t end) const = 0;
};

/// The function by which a plugin gives its counter, which lives as long as the program.
extern "C" const Counter* morrow_example_counter();
