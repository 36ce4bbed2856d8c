// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "wire/frame.h"

namespace morrow::runtime {

/// The changes that a driver asked for and that are not committed yet: kept as frames, to be sent again to another
/// worker when this one is lost. Not thread-safe.
class UnacknowledgedChanges {
 public:
  /// Keeps a change, whose number is higher than those of all before it. Returns its frame, which is good until the
  /// next call.
  std::string_view add(std::uint64_t number, wire::FrameType type, const google::protobuf::MessageLite& message);
  /// Forgets all changes up to this number.
  void acknowledge(std::uint64_t number);
  /// The highest number, at most `applied`, up to which it is enough that the store has the changes. A put that several
  /// workers are to hold is through only when a worker says so.
  std::uint64_t through(std::uint64_t applied) const;
  /// All that is left, as frames that are marked as sent before.
  std::string resend_frames() const;

  std::size_t size() const { return changes_.size(); }
  /// Whether it is so much that nothing more should be asked for.
  bool is_full() const { return !fits(4); }
  /// Whether there is place again for a good deal, after it was full.
  bool has_space() const { return fits(3); }

 private:
  /// A change that is kept until the worker acknowledges it.
  struct Change {
    std::uint64_t number;
    wire::FrameType type;
    std::size_t bytes;
    bool wants_copies;
  };

  bool fits(std::size_t quarters) const;

  std::deque<Change> changes_;
  std::string frames_;  ///< of the changes, from begin_ on
  std::size_t begin_ = 0;
};

}  // namespace morrow::runtime
