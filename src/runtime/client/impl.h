// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/client/client.h"

/// The inside of Client, shared by client.cc and objects.cc; nobody else includes it.
namespace morrow::runtime {

inline constexpr std::size_t kMaxIdsInAwait = 100'000;  // a frame has an end

struct Client::Answer {
  bool here = false;
  bool pending = false;
  std::uint64_t size = 0;
  std::uint64_t object = 0;  ///< the value is to be fetched, and then unpinned
  std::uint64_t worker = 0;  ///< who pinned it, as `workers_` counts
  bool large = false;        ///< the value lies in an object, and was not asked for
  detail::FailureKind failure = detail::FailureKind::kNone;
  detail::Value value;
  std::string failure_bytes;
  detail::FutureId root;
};

// What one call waits for.
struct Client::Awaiting {
  std::span<const detail::FutureId> ids;
  bool values = false;
  bool only_small = false;
  bool blocks = false;
  bool poll = false;
  bool in_order = false;  // done when all are there, or the first failure in their order is known
  std::size_t need = 0;
  std::uint64_t claim = 0;
  std::uint64_t first_token = 0;
  std::vector<Answer> answers = {};
  std::size_t count = 0;
  std::size_t good = 0;  // the first so many are there and did not fail
  Waiting waiting = {};

  bool done() {
    if (!in_order) return count >= need;
    while (good < answers.size() && answers[good].here && answers[good].failure == detail::FailureKind::kNone) ++good;
    return good == answers.size() || answers[good].here;
  }

  std::size_t parts() const { return (ids.size() + kMaxIdsInAwait - 1) / kMaxIdsInAwait; }

  wire::Await message(std::size_t part) const {
    wire::Await message;
    message.set_token(first_token + part);
    const auto some = ids.subspan(part * kMaxIdsInAwait, std::min(kMaxIdsInAwait, ids.size() - part * kMaxIdsInAwait));
    message.mutable_ids()->Reserve(2 * static_cast<int>(some.size()));
    for (const detail::FutureId id : some) {
      message.add_ids(id.scope);
      message.add_ids(id.sequence);
    }
    message.set_claim(claim);
    message.set_values(values);
    message.set_only_small(only_small);
    message.set_blocks(blocks);
    message.set_poll(poll);
    if (need < ids.size()) message.set_need(static_cast<std::uint32_t>(std::min(need, some.size())));
    return message;
  }
};

}  // namespace morrow::runtime
