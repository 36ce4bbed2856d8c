// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "data/extents.h"
#include "worker/objects/object.h"

/// The sentences by which people learn that there is no room in object memory.
namespace morrow::worker {

/// "640 kB", "80 MB"
std::string amount_text(std::uint64_t bytes);

/// For a value of this size; `why` goes on after the sentence.
ObjectProblem no_room(const data::Extents& extents, const std::string& owner, std::uint64_t size_bytes,
                      const std::string& why);

/// For values of this size that somebody has to read together, where they are more than all of it.
ObjectProblem never_room(const data::Extents& extents, const std::string& owner, std::uint64_t size_bytes);

}  // namespace morrow::worker
