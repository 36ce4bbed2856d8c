// SPDX-License-Identifier: Apache-2.0
#include "wire/held_results.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

namespace morrow::wire {

namespace {

std::size_t length_of(std::uint64_t state) { return state & 0xffffffffU; }
std::uint64_t generation_of(std::uint64_t state) { return state >> 32; }

}  // namespace

std::atomic<std::uint64_t>& HeldResults::state() const {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(memory_);
}

bool HeldResults::hold(std::string_view frame) {
  const std::uint64_t now = state().load(std::memory_order_relaxed);
  const std::size_t length = std::min(length_of(now), kRoom);
  if (frame.size() > kRoom - length) return false;
  std::memcpy(bytes() + length, frame.data(), frame.size());
  state().store(generation_of(now) << 32 | (length + frame.size()), std::memory_order_release);
  return true;
}

bool HeldResults::empty() const { return length_of(state().load(std::memory_order_relaxed)) == 0; }

std::string_view HeldResults::frames() const {
  return {bytes(), std::min(length_of(state().load(std::memory_order_relaxed)), kRoom)};
}

void HeldResults::clear() {
  const std::uint64_t now = state().load(std::memory_order_relaxed);
  // Read and written in one: what is written next can't be seen under the old generation.
  state().exchange((generation_of(now) + 1) << 32, std::memory_order_acq_rel);
}

std::optional<HeldResults::Copy> HeldResults::read() const {
  const std::uint64_t now = state().load(std::memory_order_acquire);
  Copy copy{generation_of(now), std::string(bytes(), std::min(length_of(now), kRoom))};
  if (copy.frames.empty() || !holds(copy)) return std::nullopt;
  return copy;
}

bool HeldResults::holds(const Copy& copy) const {
  // Written back as it is: so the bytes are read before, as a load could not have it. (ThreadSanitizer knows no
  // fences.)
  return generation_of(state().fetch_add(0, std::memory_order_acq_rel)) == copy.generation;
}

}  // namespace morrow::wire
