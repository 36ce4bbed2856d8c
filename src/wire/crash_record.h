// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "wire/claim_words.h"

namespace morrow::wire {

/// The message that the crash handler of an executor leaves for its worker in the claim words' file, at
/// ClaimWords::kCrashOffset: written with one write(2) in a signal handler, so it is plain memory. The reader treats it
/// as rubbish until proved otherwise: user code can scribble there.
struct CrashRecord {
  static constexpr std::uint64_t kMagic = 0x316873617243776dULL;  // "mwCrash1"
  static constexpr std::uint32_t kMaxFrames = 128;

  /// A place in the code, as processes of other address spaces understand it.
  struct CrashedFrame {
    std::uint64_t module = 0;  ///< index in the program's manifest
    std::uint64_t offset = 0;  ///< in it
  };

  std::uint64_t magic = kMagic;
  std::int32_t signal = 0;
  std::uint32_t stack_overflow = 0;  ///< 1: the fault lies at the end of a stack
  std::uint64_t address = 0;         ///< of the fault
  std::uint32_t count = 0;           ///< of the frames that follow, the innermost first
  std::uint32_t unused = 0;
  CrashedFrame frames[kMaxFrames];

  /// The record in `bytes`, which may be cut behind its last frame; nothing when there is none.
  static std::optional<CrashRecord> read(std::string_view bytes) {
    constexpr std::size_t kHead = offsetof(CrashRecord, frames);
    CrashRecord record;
    if (bytes.size() < kHead) return std::nullopt;
    std::memcpy(static_cast<void*>(&record), bytes.data(), kHead);
    if (record.magic != kMagic || record.count > kMaxFrames ||
        bytes.size() - kHead < record.count * sizeof(CrashedFrame))
      return std::nullopt;
    std::memcpy(static_cast<void*>(record.frames), bytes.data() + kHead, record.count * sizeof(CrashedFrame));
    return record;
  }
};

static_assert(sizeof(CrashRecord) <= ClaimWords::kResultsOffset - ClaimWords::kCrashOffset);

}  // namespace morrow::wire
