// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/no_room.h"

#include <fmt/format.h>

namespace morrow::worker {

using control::FailureKind;

namespace {

std::string amount(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1 << 20;
  return bytes < 10 * kMebi ? fmt::format("{} kB", bytes / 1000) : fmt::format("{} MB", bytes / 1'000'000);
}

}  // namespace

ObjectProblem no_room(const data::Extents& extents, const std::string& owner, std::uint64_t size_bytes,
                      const std::string& why) {
  const std::uint64_t free = extents.capacity() - extents.used();
  const std::uint64_t piece = extents.largest_free();
  return {FailureKind::kNoRoom,
          fmt::format("no room for a value of {}: of the {} of object memory of worker {}, {} are held and {} free{}{}",
                      amount(size_bytes), amount(extents.capacity()), owner, amount(extents.used()), amount(free),
                      piece < free ? ", the largest piece " + amount(piece) : "", why)};
}

ObjectProblem never_room(const data::Extents& extents, const std::string& owner, std::uint64_t size_bytes) {
  return {FailureKind::kNoRoom,
          fmt::format("no room for the values it depends on: together they need {}, and the object memory of worker {} "
                      "is {}; start the worker with a larger --object-memory, or let it depend on fewer at once",
                      amount(size_bytes), owner, amount(extents.capacity()))};
}

}  // namespace morrow::worker
