// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/unacknowledged_changes.h"

#include "base/invariant.h"
#include "runtime/driver/resend.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kMaxChanges = 50'000;
constexpr std::size_t kMaxBytes = 8 << 20;

}  // namespace

std::string_view UnacknowledgedChanges::add(std::uint64_t number, wire::FrameType type,
                                            const google::protobuf::MessageLite& message) {
  MORROW_INVARIANT(changes_.empty() || changes_.back().number < number,
                   "changes are kept in the order of their numbers", changes_.back().number, number);
  const std::size_t begin = frames_.size();
  wire::append_frame(frames_, type, message);
  const auto frame = std::string_view(frames_).substr(begin);
  const bool wants_copies = type == wire::PUT && static_cast<const wire::Put&>(message).copies() > 1;
  changes_.push_back({number, type, frame.size(), wants_copies});
  return frame;
}

void UnacknowledgedChanges::acknowledge(std::uint64_t number) {
  while (!changes_.empty() && changes_.front().number <= number) {
    begin_ += changes_.front().bytes;
    MORROW_INVARIANT(begin_ <= frames_.size(), "each change has its frame", begin_, frames_.size());
    changes_.pop_front();
  }
  // Moved to the front only when that frees more than it moves.
  if (begin_ > frames_.size() / 2) {
    frames_.erase(0, begin_);
    begin_ = 0;
  }
}

std::uint64_t UnacknowledgedChanges::through(std::uint64_t applied) const {
  for (const Change& change : changes_) {
    if (change.number > applied) break;
    if (change.wants_copies) return change.number - 1;
  }
  return applied;
}

std::string UnacknowledgedChanges::resend_frames() const {
  std::string out;
  std::string_view rest = std::string_view(frames_).substr(begin_);
  for (const Change& change : changes_) {
    out += marked_as_resent(change.type, rest.substr(0, change.bytes));
    rest.remove_prefix(change.bytes);
  }
  MORROW_INVARIANT(rest.empty(), "each frame belongs to a change", rest.size(), changes_.size());
  return out;
}

bool UnacknowledgedChanges::fits(std::size_t quarters) const {
  return changes_.size() < kMaxChanges / 4 * quarters && frames_.size() - begin_ < kMaxBytes / 4 * quarters;
}

}  // namespace morrow::runtime
