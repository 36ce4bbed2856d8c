// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/claim_words.h"

namespace morrow::wire {

/// The results of brief tasks that an executor has not sent yet, in the memory it shares with its worker.
///
/// A send for each of many short tasks costs more than the tasks. So the executor keeps the frames of their results
/// here and sends them together. The next task may run for an hour, or kill the process, against all expectation: then
/// the worker takes the results from here, and drops results that come twice. User code can write here: the worker
/// copies before it parses.
class HeldResults {
 public:
  /// `words` must outlive it.
  explicit HeldResults(const ClaimWords& words) : memory_(words.memory() + ClaimWords::kResultsOffset) {}

  // ---- the executor ----

  /// Keeps a frame; false when there is no room for it.
  bool hold(std::string_view frame);
  bool empty() const;
  std::string_view frames() const;
  /// They were sent.
  void clear();

  // ---- the worker ----

  /// Frames that the executor held when they were copied.
  struct Copy {
    std::uint64_t generation = 0;
    std::string frames;
  };
  /// A copy of the frames, if there are any.
  std::optional<Copy> read() const;
  /// Whether the executor still holds the frames that were copied: if not, it has sent them.
  bool holds(const Copy& copy) const;

 private:
  static constexpr std::size_t kHeadBytes = 64;
  static constexpr std::size_t kRoom = ClaimWords::kFileBytes - ClaimWords::kResultsOffset - kHeadBytes;

  // {generation, length} change together: a copy that was overtaken by a `clear` is known as such.
  std::atomic<std::uint64_t>& state() const;
  char* bytes() const { return reinterpret_cast<char*>(memory_) + kHeadBytes; }

  std::byte* memory_;
};

}  // namespace morrow::wire
