// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "worker/brain/impl.h"

// Work from the shared index.
namespace morrow::worker {

void Brain::Impl::want_claim(Time now) {
  if (claim_in_flight_ || stopping_ || fenced_) return;
  // A look sees only what fits what is free at that moment: when something was in use, what is given back is worth
  // another.
  if (index_rest_ && given_back_) index_maybe_ = true;
  if (!index_maybe_ && by_id_.empty()) return;
  control::ClaimRequest request;
  request.incarnation = setup_.incarnation;
  request.random = draw();
  for (const control::FutureId id : by_id_) {
    if (request.by_id.size() >= 100) break;
    request.by_id.push_back(id);
  }
  for (const control::FutureId id : request.by_id) by_id_.erase(id);
  const bool room = index_maybe_ && !at_cap() && backlog_ == 0;
  if (room) {
    request.free = ledger_.free();
    request.limit = 64;
    // Ahead of the free slots only as much as is done soon, by what the last tasks took.
    const Time usual =
        estimates_.empty() ? setup_.knobs.hand_ahead : std::max<Time>(estimates_.begin()->second.ran, 1'000);
    request.ahead = static_cast<std::uint32_t>(std::min<Time>(setup_.knobs.hand_ahead / usual, 512));
    if (now >= next_fair_claim_) {
      // Now and then one that may not fit what is free at this moment: else small tasks starve a large one in the index
      // for ever.
      next_fair_claim_ = now + setup_.knobs.starving_after;
      request.free = ledger_.total();
      request.limit = 1;
      request.ahead = 0;
    }
  }
  if (!room && request.by_id.empty()) return;
  request.claims.resize(request.limit + request.ahead + request.by_id.size());
  for (control::Claim& claim : request.claims) claim = draw();
  if (room) {
    // From here on: what comes into the index while the claim is under way is worth another look.
    index_maybe_ = false;
    index_rest_ = request.free != ledger_.total();
    given_back_ = false;
  }
  claim_in_flight_ = true;
  act(action::ClaimWork{std::move(request)});
}

void Brain::Impl::claim_done(Time now, control::ClaimResult result) {
  claim_in_flight_ = false;
  if (result.fenced) {
    fenced_ = true;
    act(action::Fenced{});
    return;
  }
  index_maybe_ |= result.more;
  index_rest_ |= !result.taken.empty();
  counters_.claimed += result.taken.size();
  for (control::Runnable& runnable : result.taken) {
    const TaskPtr task = hold(now, std::move(runnable));
    enter_backlog(now, task, false);
  }
}

void Brain::claim_done(Time now, control::ClaimResult result) { impl_->claim_done(now, std::move(result)); }

}  // namespace morrow::worker
