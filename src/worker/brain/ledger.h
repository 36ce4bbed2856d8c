// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/types.h"

namespace morrow::worker {

/// Exact accounting of a worker's resources: what is free and what is taken are the total at all times. What is free
/// may go below zero: oversubscription is bounded by the caller, and counted here. Never more comes back than was
/// taken. Not thread-safe.
class Ledger {
 public:
  explicit Ledger(const control::Resources& total);

  bool fits(const control::Resources& need) const;
  /// Whether the machine could ever hold it.
  bool could_fit(const control::Resources& need) const { return need.fits_in(total_); }
  void take(const control::Resources& need);
  /// It was taken before.
  void release(const control::Resources& need);

  /// The part of `need` that a task releases while it is blocked: cpus and named resources.
  static control::Resources releasable(const control::Resources& need);
  /// A task that took `held` is blocked: it releases what it may, which is returned, and keeps the rest.
  control::Resources block(const control::Resources& held);
  /// It goes on, or ends, and takes that back.
  void unblock(const control::Resources& held);

  /// Whether one that waited too long for `need` may take it all the same: no more cpus than there are beyond those
  /// that there are, and of named resources none that is not free, since one stands for what only one may use.
  bool may_oversubscribe(const control::Resources& need) const;
  /// How far the cpus are below zero, in millionths.
  std::uint64_t cpu_oversubscribed() const;

  control::Resources free() const;  ///< never below zero
  bool has_free_cpu() const { return cpu_ > 0; }
  control::Resources used() const;
  std::uint64_t used_cpu_micro() const;
  const control::Resources& total() const { return total_; }
  const control::Resources& kept() const { return kept_; }  ///< by blocked tasks
  /// What is there beside that: all that could come free while they wait.
  control::Resources beside_kept() const;
  bool fits_beside_kept(const control::Resources& need) const {
    return could_fit(need) && need.memory + kept_.memory <= total_.memory &&
           need.gpu_micro + kept_.gpu_micro <= total_.gpu_micro;
  }

 private:
  control::Resources total_;
  control::Resources kept_;
  std::int64_t cpu_ = 0, memory_ = 0, gpu_ = 0;  ///< free
  std::map<std::string, std::int64_t> named_;
};

/// Which GPUs are taken, by millionths of a device. No device is taken by more than all of them. Not thread-safe.
class Devices {
 public:
  explicit Devices(unsigned count);
  /// Whole devices for control::kOneMicro or more, a share of one for less; empty when there is no room (or nothing is
  /// asked).
  std::vector<unsigned> take(std::uint64_t gpu_micro);
  /// What `take` gave for the same amount.
  void release(const std::vector<unsigned>& devices, std::uint64_t gpu_micro);
  bool fits(std::uint64_t gpu_micro) const;

 private:
  std::vector<std::uint64_t> free_;
};

}  // namespace morrow::worker
