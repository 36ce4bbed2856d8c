// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/no_room.h"

#include <fmt/format.h>

namespace morrow::worker {

using control::FailureKind;

std::string amount_text(std::uint64_t bytes) {
  if (bytes < 1'000'000) return fmt::format("{} kB", bytes / 1000);
  if (bytes < 10'000'000) return fmt::format("{}.{} MB", bytes / 1'000'000, bytes / 100'000 % 10);
  return fmt::format("{} MB", bytes / 1'000'000);
}

ObjectProblem no_room(const data::Extents& extents, const std::string& owner, std::uint64_t size_bytes,
                      const std::string& why) {
  const std::uint64_t free = extents.capacity() - extents.used();
  const std::uint64_t piece = extents.largest_free();
  return {FailureKind::kNoRoom,
          fmt::format("no room for a value of {}: of the {} of object memory of worker {}, {} are held and {} free{}{}",
                      amount_text(size_bytes), amount_text(extents.capacity()), owner, amount_text(extents.used()),
                      amount_text(free), piece < free ? ", the largest piece " + amount_text(piece) : "", why)};
}

ObjectProblem never_room(const data::Extents& extents, const std::string& owner, std::uint64_t size_bytes) {
  return {FailureKind::kNoRoom,
          fmt::format("no room for the values it depends on: together they need {}, and the object memory of worker {} "
                      "is {}; start the worker with a larger --object-memory, or let it depend on fewer at once",
                      amount_text(size_bytes), owner, amount_text(extents.capacity()))};
}

}  // namespace morrow::worker
