// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "worker/brain/brain.h"

// Work from the shared index; index_claims.cc opens with when it is looked for.
namespace morrow::worker {

void Brain::claim_work() {
  if (leaves() || fenced_) return;
  const bool room = backlog_.empty() && !at_cap();
  const Time usual = run_times_.usual_of_any(setup_.knobs.hand_ahead);
  if (auto request = others_.index_claims.start(now_, room, ledger_, usual, random_)) {
    request->left = all_left_to_others();
    act(action::ClaimWork{std::move(*request)});
  }
}

void Brain::claim_done(Time now, control::ClaimResult result) {
  advance(now);
  others_.index_claims.finish(result);
  if (result.fenced) return fence();
  for (control::Runnable& runnable : result.taken) enter_backlog(hold(std::move(runnable)), false);
}

}  // namespace morrow::worker
