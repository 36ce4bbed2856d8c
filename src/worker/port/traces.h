// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace morrow::worker {

/// What the port turned away, for the log and for metrics: each is counted, and told of by address at most once a
/// minute for each reason, however many there are. No clock. Not thread-safe.
class Traces {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Why.
  enum class Reason : std::uint8_t {
    kToken,  ///< a request without the token of the cluster
    kLate,   ///< no token in time
    kRoom,   ///< a stranger went, for another one that came
    kOdd,    ///< it spoke neither HTTP nor TLS as it should
    kFull,   ///< the token was right, and there were too many that have it
  };
  static constexpr std::size_t kReasons = 5;
  /// As metrics name it.
  static std::string_view name_of(Reason reason);

  void add(Reason reason, const std::string& address);
  /// What is to be said now: sentences for the log.
  std::vector<std::string> take(Time now);
  std::uint64_t count(Reason reason) const { return at(reason).total; }

 private:
  /// Of one reason.
  struct Trace {
    std::uint64_t total = 0;
    std::map<std::string, std::uint64_t> since;  ///< counts by address since it was told
    std::uint64_t others = 0;                    ///< of addresses that found no room there
    std::optional<Time> told;
  };
  const Trace& at(Reason reason) const { return traces_.at(static_cast<std::size_t>(reason)); }

  std::array<Trace, kReasons> traces_;
};

}  // namespace morrow::worker
