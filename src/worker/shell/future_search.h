// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/questions.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Whether the whole name is one that the pattern describes, in which * stands for any text.
bool matches(std::string_view pattern, std::string_view name);

/// The name of a future: of its task, or as its failure tells it. Empty: nobody knows it any more.
std::string name_of(const control::FutureSeen& future);

/// Futures that were looked for.
struct FoundFutures {
  std::vector<control::FutureSeen> futures;
  std::size_t more = 0;  ///< that would have been found too
};
/// Looks through the store, page by page; an empty pattern means any name. Finds `most` at most, and counts the rest.
void find_futures(const PostToStore& post, const control::FutureFilter& filter, const std::string& pattern,
                  std::size_t most, std::function<void(FoundFutures)> then);

}  // namespace morrow::worker
