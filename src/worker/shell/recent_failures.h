// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "wire/messages.pb.h"
#include "worker/brain/actions.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// What failed at this worker, so that people find it when its future and its session are gone: the last ones for an
/// hour, and counts since the start. Not thread-safe.
class RecentFailures {
 public:
  static constexpr std::size_t kMostKept = 10'000;
  static constexpr std::size_t kMostBytes = 4 << 20;  ///< of their names and reasons
  static constexpr Time kKeptFor = 3'600'000'000'000;

  explicit RecentFailures(std::string worker) : worker_(std::move(worker)) {}

  /// Gives the line for the log. An attempt that is tried again is only counted.
  std::string add(Time now, const action::TaskFailed& failed);
  /// The first one first.
  std::vector<wire::FutureInfo> recent(Time now) const;

  /// Ends by kind of failure.
  const std::map<control::FailureKind, std::uint64_t>& ends() const { return ends_; }
  /// Attempts that failed and were tried again.
  std::uint64_t retries() const { return retries_; }

 private:
  std::string worker_;
  static std::size_t bytes_of(const wire::FutureInfo& info) { return info.name().size() + info.reason().size(); }
  void drop_first();

  std::deque<std::pair<Time, wire::FutureInfo>> kept_;
  std::size_t bytes_ = 0;  ///< of what is kept
  std::map<control::FailureKind, std::uint64_t> ends_;
  std::uint64_t retries_ = 0;
};

/// "exception", "crash", …: as metrics call it.
const char* name_of(control::FailureKind kind);

}  // namespace morrow::worker
