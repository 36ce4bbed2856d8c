// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/index_claims.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

// The index holds what any worker may run. Each look is a transaction that competes with those of all other workers, so
// a worker looks only when there is a reason to:
//
// - something came: a signal, a poll, or an operation of its own put it there (`note_work`). What comes while a claim
// is
//   under way is worth another look, so the note is cleared when a claim starts and not when it is answered;
// - a look takes only what fits what is free at that moment. What it left is worth another look when something came
// free
//   since (`may_hold_rest_` and `freed_`);
// - a blocked task awaits a future that may be ready there: it is asked for by id, whether it fits now or not, since
//   nobody here goes on without it. But what finds no room here until blocked tasks go on is left to others.
//
// It takes as much as can start at once, and beyond that as much as is done soon, so that short tasks do not pay one
// transaction each. Small tasks, which always fit, would starve a large one for ever: so now and then it asks for one
// that fits the whole machine, beside what blocked tasks keep, and what is free does not matter.
//
// control/claims.cc does the look; the answer comes to work_from_index.cc.
namespace morrow::worker {

namespace {

constexpr std::size_t kMaxById = 100;     // futures: a claim each, in one transaction
constexpr std::uint32_t kMaxTasks = 64;   // of a look, beside those ahead: what a shard of the index shows at once
constexpr Time kMaxAhead = 512;           // tasks: more would be too much to hand to others when they become idle
constexpr Time kShortestUsualNs = 1'000;  // shorter than any task takes to be handed over

}  // namespace

std::optional<control::ClaimRequest> IndexClaims::start(Time now, bool room, const Ledger& ledger, Time usual,
                                                        RandomIds& random) {
  if (under_way_) return std::nullopt;
  if (may_hold_rest_ && freed_) may_hold_work_ = true;
  if (!may_hold_work_ && by_id_.empty()) return std::nullopt;
  control::ClaimRequest request;
  request.incarnation = incarnation_;
  request.random = random.draw();
  request.kept = ledger.kept();
  const auto last = by_id_.size() <= kMaxById ? by_id_.end() : std::next(by_id_.begin(), kMaxById);
  request.by_id.assign(by_id_.begin(), last);
  by_id_.erase(by_id_.begin(), last);
  const bool any = may_hold_work_ && room;
  if (any) ask_for_work(now, ledger, usual, request);
  if (!any && request.by_id.empty()) return std::nullopt;
  request.claims.resize(request.limit + request.ahead + request.by_id.size());
  for (control::Claim& claim : request.claims) claim = random.draw();
  under_way_ = true;
  return request;
}

void IndexClaims::ask_for_work(Time now, const Ledger& ledger, Time usual, control::ClaimRequest& request) {
  request.free = ledger.free();
  request.limit = kMaxTasks;
  request.ahead = static_cast<std::uint32_t>(std::min(hand_ahead_ / std::max(usual, kShortestUsualNs), kMaxAhead));
  if (now >= next_fair_) {
    next_fair_ = now + starving_after_;
    request.free = ledger.beside_kept();
    request.limit = 1;
    request.ahead = 0;
  }
  may_hold_work_ = false;
  may_hold_rest_ = request.free != ledger.total();
  freed_ = false;
}

void IndexClaims::finish(const control::ClaimResult& result) {
  MORROW_INVARIANT(under_way_, "a claim that is answered is under way", result.taken.size());
  under_way_ = false;
  may_hold_work_ |= result.more;
  may_hold_rest_ |= !result.taken.empty();
}

}  // namespace morrow::worker
