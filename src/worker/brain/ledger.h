// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/types.h"

namespace morrow::worker {

/// Exact accounting of a worker's resources. May go below zero: oversubscription is bounded by who calls, and counted
/// here.
class Ledger {
 public:
  explicit Ledger(const control::Resources& total);

  bool fits(const control::Resources& need) const;
  /// Whether the machine could ever hold it.
  bool could_fit(const control::Resources& need) const { return need.fits_in(total_); }
  void take(const control::Resources& need);
  void give(const control::Resources& need);

  /// The part of `need` that a waiting task lends: cpus and named resources.
  static control::Resources lendable(const control::Resources& need);

  /// How far the cpus are below zero, in thousandths.
  std::uint64_t cpu_oversubscribed() const;

  control::Resources free() const;  ///< never below zero
  control::Resources used() const;
  const control::Resources& total() const { return total_; }

 private:
  control::Resources total_;
  std::int64_t cpu_ = 0, memory_ = 0, gpu_ = 0;
  std::map<std::string, std::int64_t> named_;
};

/// Which GPUs are taken, by thousandths of a device.
class Devices {
 public:
  explicit Devices(unsigned count);
  /// Whole devices for a thousand or more, a share of one for less; empty when there is no room (or nothing is asked).
  std::vector<unsigned> take(std::uint64_t gpu_milli);
  void give(const std::vector<unsigned>& devices, std::uint64_t gpu_milli);
  bool fits(std::uint64_t gpu_milli) const;

 private:
  std::vector<std::uint64_t> free_;
};

}  // namespace morrow::worker
