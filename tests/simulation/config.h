// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/simulation/plan.h"
#include "tests/simulation/timeline.h"

namespace morrow::simulation {

/// What a seed makes of a run: how large it is, and what goes wrong in it.
struct Config {
  std::uint64_t seed = 0;

  // The cluster.
  std::size_t workers = 2;
  std::size_t drivers = 1;
  std::uint64_t cpus = 2;
  std::uint32_t executor_cap = 16;
  std::uint64_t lease_ms = 2'000;
  Time linger = 5 * kMillisecond;
  std::uint32_t drained_items = 1000;  ///< so many items of its inbox a worker takes in one round
  Time idle_after = 5 * kMillisecond;  ///< a worker with nothing to do registers as idle
  PlanSizes sizes;
  std::uint64_t room_for_values = kAmpleRoom;  ///< so many large values find room in a worker's object memory

  // The store and the network.
  Time step_delay = 100 * kMicrosecond;  ///< the most that a step of a transaction takes
  std::uint64_t step_percent = 50;       ///< so many steps take time: others go on in between
  Time hop = 50 * kMicrosecond;          ///< the most that a message takes
  Time watch_delay = kMillisecond;       ///< the most that a watch takes
  std::uint64_t conflict_percent = 0;    ///< commits that are told to conflict
  std::uint64_t unknown_percent = 0;     ///< commits whose answer is lost
  std::uint64_t lost_watch_percent = 0;

  // Adversaries, until `calm_after`.
  bool polls = true;                    ///< the slow poll behind every wake-up
  Time calm_after = 2 * kSecond;        ///< of the start: then all is healed
  std::uint64_t short_pauses = 0;       ///< so many times a worker stands still for less than a lease
  std::uint64_t long_pauses = 0;        ///< for longer than a lease: it is evicted and comes back
  std::uint64_t outages = 0;            ///< the store is away, also for longer than a lease
  Time welcome_patience = 2 * kSecond;  ///< so long a driver waits for a welcome, then it goes to another worker
  std::uint64_t moves = 0;              ///< a driver loses its connection; its old worker may stand still
  std::uint64_t crashes = 0;            ///< an executor dies
  std::uint64_t leaves = 0;             ///< a worker leaves, another joins
  std::uint64_t vanishes = 0;           ///< a driver dies without a word
  std::uint64_t naps = 0;               ///< the first driver is away for about its grace
  std::uint64_t loss_percent = 0;       ///< so many looks at a large value find it damaged
  std::uint64_t deaths = 0;             ///< a worker dies, with all that it holds
  bool one_machine = false;             ///< workers are on one machine, where the kernel tells of a death at once
  std::uint64_t lost_machines = 0;      ///< … and the drivers that it serves with it
  std::uint64_t cut_offs = 0;           ///< a worker is cut off from the store alone, also for longer than a lease
  std::uint64_t lies = 0;               ///< a worker has not what the store says that it has
  std::uint64_t silences = 0;           ///< nothing gets through between a worker and its drivers, one way or both

  std::uint64_t shortages = 0;              ///< the store is full, but for deletions
  std::uint64_t start_failure_percent = 0;  ///< so many starts of a process fail, but never two after each other
  std::uint64_t unfit = 0;                  ///< a worker can't start the program for a while, though another one can

  Time patience = 300 * kSecond;  ///< after `calm_after` all must end within so long

  static constexpr std::uint64_t kAmpleRoom = 4096;
  bool scarce_room() const { return room_for_values != kAmpleRoom; }
  std::string text() const;
};

Config draw_config(std::uint64_t seed);

}  // namespace morrow::simulation
