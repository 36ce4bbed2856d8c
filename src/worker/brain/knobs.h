// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// Numbers that may be turned; times in nanoseconds.
struct Knobs {
  std::uint32_t executor_cap = 256;
  std::uint32_t claim_slots = 1024;    ///< claim words of an executor, as wire::ClaimWords has them
  std::uint32_t above_cap = 16;        ///< processes more, for what timed waits and wait(n) need
  Time hand_ahead = 10'000'000;        ///< work that an executor is given ahead
  Time linger = 50'000'000;            ///< how long a submit may wait for company, or for its own end
  Time collect_after = 1'000'000;      ///< results behind which a task runs so long are not waited for
  Time brief = 100'000;                ///< a task is expected to end at once
  Time wait_for_brief = 1'000'000;     ///< how long an end waits for those of brief tasks that were submitted before
  Time resume_after = 3'000'000;       ///< a task whose value is there runs after so long, resources or not
  Time keep_for_resuming = 1'000'000;  ///< a slot is kept so long for a task whose value is being committed
  Time heartbeat = 500'000'000;
  Time idle_after = 5'000'000;              ///< idle for so long: register as idle
  Time poll = 1'000'000'000;                ///< the slow poll behind every wake-up; jittered; 0: off
  Time keep_idle_executor = 5'000'000'000;  ///< how long an executor above the machine's width stays with nothing to do
  std::uint32_t max_round_ops = 2'000;
  std::size_t max_round_bytes = 700'000;
  std::size_t recent_bytes = 32u << 20;  ///< outcomes kept in memory for those who ask soon
  std::uint32_t max_interruptions = 10;  ///< times a task is started again because another one killed its process
  Time starving_after = 1'000'000'000;   ///< a task that waited so long keeps others from taking what it needs
};

}  // namespace morrow::worker
