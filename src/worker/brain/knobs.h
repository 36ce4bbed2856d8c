// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// Numbers that may be turned; times in nanoseconds. For scale: where the store is at hand a commit takes about
/// 100'000, and the way of a task to an executor and back some thousands.
struct Knobs {
  // ---- executors ----
  /// Processes: a blocked task keeps its own, and each takes some megabytes.
  std::uint32_t executor_cap = 256;
  /// Processes more, for what timed waits and wait(n) need: on top of these nothing else can run.
  std::uint32_t above_cap = 16;
  /// Claim words of an executor, as wire::ClaimWords has them.
  std::uint32_t claim_slots = 1024;
  /// How long an executor above the machine's width stays with nothing to do. Many times what a start takes.
  Time keep_idle_executor = 5'000'000'000;
  /// Programs with nothing to run whose processes are kept since their sessions may go on. Each takes a process at
  /// least, and to start one anew takes no longer than it took at first.
  std::size_t most_idle_programs = 32;

  // ---- what runs ahead ----
  /// A task that is expected to take less ends at once: it is worth waiting for, since a commit takes as long.
  Time brief = 100'000;
  /// Work that an executor is given ahead: little enough for others not to miss it.
  Time hand_ahead = 10'000'000;
  /// Results behind which a task runs so long are not waited for: some brief tasks would be over by then.
  Time collect_after = 1'000'000;
  /// How long an end waits for those of brief tasks that were submitted before.
  Time wait_for_brief = 1'000'000;

  // ---- rounds ----
  /// How long a submit may wait for company, or for its own end: no person notices it.
  Time linger = 50'000'000;
  /// Several fit into the lease, after which others take a worker for dead.
  Time heartbeat = 500'000'000;
  /// Operations of a transaction.
  std::uint32_t max_round_ops = 2'000;
  /// About. Below the megabyte that FoundationDB advises for a transaction.
  std::size_t max_round_bytes = 700'000;
  /// What a round takes from the inbox: about as much as it takes of its own.
  std::uint32_t max_drained_items = 1'000;

  // ---- blocked tasks ----
  /// One whose values are there goes on after so long, cpus or not.
  Time resume_after = 3'000'000;
  /// Cpus are kept so long for one whose value is being committed: some commits.
  Time keep_for_resuming = 1'000'000;
  /// One that waited so long with no timeout may wait for itself, through others; the store is asked. 0: never. Most
  /// waits are shorter, and nobody minds a second before an error. Half of it is between two looks.
  Time long_wait = 1'000'000'000;
  /// Times a task is started again because another one killed its process.
  std::uint32_t max_interruptions = 10;

  // ---- tasks that failed ----
  /// Before the first retry: whatever killed the process may be over.
  Time retry_first = 100'000'000;
  /// Before any: a task that crashes at once must not keep a machine busy with starting it.
  Time retry_most = 5'000'000'000;

  // ---- work from others ----
  /// Idle for so long: register as idle. Gaps between the tasks of a busy driver are shorter.
  Time idle_after = 5'000'000;
  /// The slow poll behind every wake-up, for one that got lost; jittered; 0: off.
  Time poll = 1'000'000'000;
  /// A task that waited here so long is given to a worker that has nothing to do: what runs before it takes its time.
  Time give_after = 500'000'000;
  /// A task that waited so long keeps others from taking what it needs.
  Time starving_after = 1'000'000'000;

  // ---- memory ----
  /// Outcomes kept, for clients that ask soon.
  std::size_t recent_bytes = 32u << 20;
};

}  // namespace morrow::worker
