// SPDX-License-Identifier: Apache-2.0
#include "runtime/in_process/reasons.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/shown.h"
#include "runtime/values/values.h"
#include "wire/future_ids.h"

namespace morrow::runtime {

using Stage = FutureRecord::Stage;

namespace {

std::string seconds_since(std::chrono::steady_clock::time_point begin) {
  const std::chrono::duration<double> span = std::chrono::steady_clock::now() - begin;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", span.count());
  return text.data();
}

const FutureRecord* first_missing(const FutureRecord& future) {
  const auto found = std::find_if(future.dependencies.begin(), future.dependencies.end(),
                                  [](const FuturePtr& dependency) { return !dependency->ended(); });
  return found == future.dependencies.end() ? nullptr : found->get();
}

}  // namespace

std::string named(const FutureRecord& future) {
  wire::FutureId id;
  write_id(id, future.id);
  const std::string name = future.call ? future.call->name() : std::string();
  return wire::future_text(id) + (name.empty() ? "" : " '" + base::shown_line(name) + "'");
}

std::string too_much(const FutureRecord& future, const ResourceCounts& counts) {
  return "needs " + future.needs.text() + ", and this session, in one process, has " + counts.total().text();
}

std::string reason_of(const FutureRecord& future, const ResourceCounts& counts) {
  // What depends on others waits for the one at the end of the chain.
  const FutureRecord* at = &future;
  std::string chain;
  while (at->stage == Stage::kWaiting) {
    const FutureRecord* const next = first_missing(*at);
    if (next == nullptr) break;
    chain = "waits for future " + named(*next) + ", which ";
    at = next;
  }
  switch (at->stage) {
    case Stage::kReady:
      if (!at->needs.fits_in(counts.total())) return chain + too_much(*at, counts) + "; it waits without end";
      return chain + "waits until " + at->needs.text() + " are free";
    case Stage::kRunning:
      return chain + (at->running->waiter == nullptr ? "runs" : "has begun and waits for other futures,") +
             " in this process for " + seconds_since(at->running->since);
    case Stage::kPaused:
      return chain + "failed " + std::to_string(at->failures) + " of " + std::to_string(at->call->max_retries() + 1) +
             " attempts, and the next one begins soon";
    default:
      return chain + "has ended";
  }
}

}  // namespace morrow::runtime
