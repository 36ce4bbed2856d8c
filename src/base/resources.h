// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace morrow::base {

/// One of a resource. Millionths are fine enough that n shares of one n-th, rounded down, fill it, and no further one
/// fits, for all n up to 1,000.
inline constexpr std::uint64_t kOneMicro = 1'000'000;

/// What a task needs, or a worker has. Amounts other than memory are in millionths.
struct Resources {
  std::uint64_t cpu_micro = 0;
  std::uint64_t memory = 0;  ///< bytes
  std::uint64_t gpu_micro = 0;
  std::map<std::string, std::uint64_t> named_micro;

  bool fits_in(const Resources& free) const;
  Resources& operator+=(const Resources& other);
  /// Never below zero: an amount that is oversubscribed stays at zero. A ledger needs exact accounting.
  Resources& operator-=(const Resources& other);
  friend bool operator==(const Resources&, const Resources&) = default;

  /// A short canonical encoding that sorts stably and goes into keys: the same requirements, the same bytes.
  std::string encode() const;
  /// \throws std::invalid_argument
  static Resources decode(std::string_view bytes);
  /// For people: "2 cpus, 4.0 GiB, 1 gpu, license 1".
  std::string text() const;
};

}  // namespace morrow::base
