// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "control/cluster.h"
#include "wire/http.h"
#include "worker/port/fetcher.h"

namespace morrow::worker {

/// Has another worker get a copy of a value; `answered` is called on the main thread, never from inside.
using HaveCopied = std::function<void(const wire::Endpoint&, const control::HeldValue&,
                                      std::function<void(Fetcher::Copied, std::string sentence)> answered)>;

/// How far others are with getting a copy of one value: one of them is asked at a time, and each a few times before
/// none is any more. A value.
class CopyRequest {
 public:
  /// Nobody is asked now, and it is time to ask.
  bool is_due(std::uint64_t now_ms) const { return !asked_ && now_ms >= not_before_ms_; }
  /// Of so many others none takes it.
  bool is_hopeless(std::size_t others) const { return refusals_ >= kRounds * others; }

  void ask() { asked_ = true; }
  void answered(std::uint64_t now_ms, Fetcher::Copied copied, std::string sentence) {
    asked_ = false;
    is_taken_ = copied == Fetcher::Copied::kHere || copied == Fetcher::Copied::kUnknown;
    // A copy is counted in a moment; until then nobody else is asked.
    not_before_ms_ = now_ms + (is_taken_ ? kCountedWithinMs : kAskAgainMs);
    // One that is busy says nothing about room, and is asked again for as long as it lives.
    if (copied == Fetcher::Copied::kRefused || copied == Fetcher::Copied::kUnknown) refused(std::move(sentence));
  }
  void refused(std::string sentence) {
    count_refusal();
    refusal_ = std::move(sentence);
  }
  /// It can't even be asked.
  void count_refusal() { ++refusals_; }

  bool is_asked() const { return asked_; }
  /// The last one that was asked has it, or is about to.
  bool is_taken() const { return is_taken_; }
  /// What the last one said that did not take it.
  const std::string& refusal() const { return refusal_; }

 private:
  static constexpr std::uint64_t kAskAgainMs = 500;         // after a refusal
  static constexpr std::uint64_t kCountedWithinMs = 3'000;  // from the copy to its record in the store
  static constexpr std::uint32_t kRounds = 3;               // that all others are asked

  bool asked_ = false;  ///< its answer is to come
  bool is_taken_ = false;
  std::uint32_t refusals_ = 0;
  std::uint64_t not_before_ms_ = 0;
  std::string refusal_;
};

}  // namespace morrow::worker
