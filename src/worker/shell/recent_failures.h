// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/messages.pb.h"
#include "worker/brain/actions.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// What failed at this worker, so that people find it when its future and its session are gone: the last ones for an
/// hour, and counts since the start. However much fails, it takes a bounded number of bytes and of lines in the log.
/// Not thread-safe.
class RecentFailures {
 public:
  static constexpr std::size_t kMostKept = 10'000;
  static constexpr std::size_t kMostBytes = 4 << 20;
  static constexpr Time kKeptFor = 3'600'000'000'000;
  /// More of them nobody reads, and they would push all else out of the log.
  static constexpr std::uint64_t kLinesASecond = 20;

  explicit RecentFailures(std::string worker) : worker_(std::move(worker)) {}

  /// Gives the line for the log; nothing when there were enough of them in this second. An attempt that is tried again
  /// is only counted.
  std::optional<std::string> add(Time now, const action::TaskFailed& failed);
  /// The line about those that had none in the seconds that are over; nothing: each had one. To be asked now and then.
  std::optional<std::string> left_out(Time now);
  /// The first one first.
  std::vector<wire::FutureInfo> recent(Time now) const;

  /// Ends by kind of failure.
  const std::map<control::FailureKind, std::uint64_t>& ends() const { return ends_; }
  /// A task has failed for good by what it did, and not since somebody cancelled it or another one failed.
  bool any_by_itself() const;
  /// Attempts that failed and were tried again.
  std::uint64_t retries() const { return retries_; }

 private:
  bool may_write_line(Time now);
  void forget_first();

  std::string worker_;
  std::deque<std::pair<Time, wire::FutureInfo>> kept_;
  std::map<control::FailureKind, std::uint64_t> ends_;
  std::uint64_t retries_ = 0;
  std::size_t kept_bytes_ = 0;
  Time second_ = 0;  ///< the one that lines are counted in
  std::uint64_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

/// "exception", "crash", …: as metrics call it.
const char* name_of(control::FailureKind kind);

}  // namespace morrow::worker
