// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace morrow::wire {

/// The claim words of one executor, in memory shared between it and its worker: a word for each slot of its queue says
/// who may have the task in it. {generation, state} change together in one 64-bit word, so a slot that was used again
/// cannot be claimed by mistake. Either side may hold rubbish from the other (user code can write there): treat a word
/// only by compare-and-swap against what was expected. Thread-safe. The same file has room for the crash record of the
/// executor, at kCrashOffset, and for its held results, at kResultsOffset.
class ClaimWords {
 public:
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::size_t kCrashOffset = 8192;
  static constexpr std::size_t kResultsOffset = 16384;
  static constexpr std::size_t kFileBytes = 65536;

  /// Of a slot; 0: no task was ever offered in it.
  enum class State : std::uint32_t { kReady = 1, kTaken = 2, kRevoked = 3 };

  /// Makes the file (a memfd). \throws std::system_error
  static int create_file();

  /// Maps it; not inherited by a fork (MADV_DONTFORK). The descriptor may be closed afterwards. \throws
  /// std::system_error
  explicit ClaimWords(int file);
  ~ClaimWords();
  ClaimWords(const ClaimWords&) = delete;
  ClaimWords& operator=(const ClaimWords&) = delete;

  /// The worker offers a task: {generation, ready}. The slot is in range.
  void offer(std::uint32_t slot, std::uint32_t generation);
  /// The executor takes it; false when it was revoked. Slots out of range are false.
  bool take(std::uint32_t slot, std::uint32_t generation);
  /// The worker takes it back; false when the executor has it.
  bool revoke(std::uint32_t slot, std::uint32_t generation);
  /// Whether the executor took it.
  bool taken(std::uint32_t slot, std::uint32_t generation) const;

  std::byte* memory() const { return reinterpret_cast<std::byte*>(words_); }

 private:
  bool change(std::uint32_t slot, std::uint32_t generation, State from, State to);
  std::atomic<std::uint64_t>* words_ = nullptr;
};

}  // namespace morrow::wire
