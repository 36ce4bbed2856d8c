// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include <morrow/detail/core.h>

/// A stand-in for the library behind the public headers, in one process and one thread: it copies what `submit` packs,
/// as sending would, calls the invoker, and keeps the result's bytes.
namespace fake {

/// What the last `submit` was given.
struct LastSubmit {
  morrow::Options options;
  std::source_location where;
  std::vector<morrow::detail::FutureId> dependencies;
  std::vector<morrow::detail::FutureId> handles;
  std::vector<std::size_t> code_pointers;
  morrow::detail::Bytes closure;
  std::string function_name;
  std::uint64_t scope = 0;
};

/// Forgets everything; call it before each test.
void reset();
const LastSubmit& last();
/// How many values are held: submitted and not released.
std::size_t held();
/// Whether the last task that returned may have returned futures.
bool last_result_may_hold_futures();
/// While it is on, what is submitted waits for `run_one`.
void hold(bool on);
/// Runs the oldest task that waits.
void run_one();
/// The scopes that are open, outermost first, and those that ended, in order.
const std::vector<std::uint64_t>& open_scopes();
const std::vector<std::uint64_t>& ended_scopes();

}  // namespace fake
