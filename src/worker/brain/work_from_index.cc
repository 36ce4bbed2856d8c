// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "worker/brain/brain.h"

// Work from the shared index, and back to it; index_claims.cc opens with when it is looked for.
//
// What a worker holds no other one sees. It holds little, about what is done in 10 ms; but the tasks before that may
// take longer than anybody knew, and a worker that came later, or became idle, would stand beside it with nothing to
// do. So what has waited here for a while goes back when another worker is seen to be idle (`give_to_idle`): as much as
// those could start at once.
namespace morrow::worker {

using Place = HeldTask::Place;

void Brain::claim_work() {
  if (leaves() || fenced_) return;
  const bool room = backlog_.empty() && !at_cap();
  const Time usual = run_times_.usual_of_any(setup_.knobs.hand_ahead);
  if (auto request = others_.index_claims.start(now_, room, ledger_, usual, random_)) {
    request->left = all_left_to_others();
    act(action::ClaimWork{std::move(*request)});
  }
}

void Brain::give_to_idle() {
  if (!others_.view.others_idle() || backlog_.empty() || stopping_ || fenced_) return;
  struct Taker {
    control::WorkerInfo worker;
    control::Resources given;
  };
  std::vector<Taker> takers;
  for (control::WorkerInfo& worker : others_.view.idle_others()) takers.push_back({std::move(worker), {}});
  const auto goes = [&](const HeldTask& task) {
    const control::Spec& spec = *task.run.spec;
    if (now_ - std::min(now_, task.arrived) < setup_.knobs.give_after) return false;
    for (Taker& taker : takers) {
      control::Resources given = taker.given;
      given += spec.requirements;
      if (find_reason(taker.worker, spec.program) != nullptr || !given.fits_in(taker.worker.total)) continue;
      taker.given = std::move(given);
      return true;
    }
    return false;
  };
  relinquish_waiting(goes);
}

void Brain::claim_done(Time now, control::ClaimResult result) {
  advance(now);
  others_.index_claims.finish(result);
  if (result.fenced) return fence();
  for (control::Runnable& runnable : result.taken) enter_backlog(hold(std::move(runnable)), false);
}

}  // namespace morrow::worker
