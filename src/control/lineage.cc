// SPDX-License-Identifier: Apache-2.0

// A value that no living worker has any more is computed again.
//
// Hard: a large value lies in the memory of workers, and dies with the last of them. Those who need it find out at
// different times, some of them while it is being computed again or has been; its dependencies may be lost too; and a
// worker may copy the value in the moment in which another one finds that nobody has it.
//
// Solved by keeping the specification of each future whose value lies with workers, and by one transaction that goes
// from final back to ready. It reads the holders with a conflict, so a copy that is just being noted makes it fail. It
// names the object that was lost, so a report that comes late changes nothing. Dependencies get their edges and needs
// anew; one whose value is lost is found by the run that needs it, which gives its claim back and waits. So a loss
// travels up as far as it must and no further.
//
// Whoever saw the value relies on it, so a cancel that comes while it is computed again changes nothing.
//
// It counts as a failed try, so that a task that kills its workers does not go on for ever. Values that were put,
// futures with a freed dependency, and those with too many dependencies are not computed again: the error says which.
//
// To read: docs/design.md, "Objects", under Loss. The idea is the lineage of Spark's RDDs (Zaharia et al., NSDI 2012);
// for futures, Ray's ownership (Wang et al., NSDI 2021).

#include <string>

#include "base/invariant.h"
#include "base/result.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

/// A transaction takes so many edges; more would be written in steps, as a submit's are.
constexpr std::size_t kMostDependencies = 2000;

OpResult never(const std::string& why) {
  return finished(std::make_shared<Outcome>(
      Outcome{FailureKind::kLost, "no worker that is alive has its value any more; " + why, {}}));
}

/// Done when the future can be computed once more.
base::Result<void> can_run_once_more(Transition& t, const record::State& state, const Spec& spec) {
  if (!can_run_again(spec)) {
    return base::Problem{spec.payload.empty() ? "it was put, so nothing can compute it again"
                                              : "with max_retries = 0 it is not computed again"};
  }
  if (state.tries() >= spec.max_retries) {
    return base::Problem{"it was tried " + std::to_string(state.tries()) +
                         " times besides, and max_retries allows no more: a loss counts as a failed attempt"};
  }
  const auto dependencies = distinct(spec.dependencies);
  if (dependencies.size() > kMostDependencies) {
    return base::Problem{"it depends on " + std::to_string(dependencies.size()) +
                         " futures, and what depends on more than " + std::to_string(kMostDependencies) +
                         " is not computed again"};
  }
  for (const FutureId& dependency : dependencies) {
    if (t.failure_of(dependency, t.load(dependency)))
      return base::Problem{"it can't be computed again, since a value that it depends on was freed"};
  }
  return {};
}

}  // namespace

bool can_run_again(const Spec& spec) { return !spec.payload.empty() && spec.max_retries > 0; }

OpResult Transition::recompute(const op::LostValue& value, Claim claim) {
  const FutureId id = value.future;
  MORROW_INVARIANT(value.object != 0, "a lost value is an object", id);
  // Nothing begins anew behind the walk through a closing scope.
  if (!scope(id.scope).open() && !planted(Fault::kBegunBehindWalk)) return verdict(Verdict::kAbsent);
  Entry& entry = load(id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (!entry.final()) {
    coverage_mark<"a lost value was being computed again already">();
    return verdict(Verdict::kWaiting);
  }
  if (entry.state.outcome().object().number() != value.object) {
    coverage_mark<"a lost value had been computed again already">();
    return finished(entry);
  }
  if (entry.state.fanout() != 0) {
    // The worker that has this on its list may not come to it, while all that need the value come back here again.
    coverage_mark<"a value was lost while its end was still being told">();
    fan_out(id);
    return verdict(Verdict::kAgain);
  }
  // With a conflict: a worker that has just copied it must not be missed.
  const auto holders = tx.scan(keys::holders(id), store::Read::kConflict);
  for (const auto& [key, object] : holders) {
    const Incarnation holder = keys::neighbour_worker(key);
    const bool same = keys::read_u64(object, 0) == value.object;
    if (same && holder != self && alive(holder)) return finished(entry);
  }
  const SpecPtr spec = this->spec(id, entry.state);
  if (const auto possible = can_run_once_more(*this, entry.state, *spec); !possible) return never(possible.problem());

  coverage_mark<"a lost value is computed again">();
  for (const auto& [key, object] : holders) {
    tx.clear(key);
    // One that has something else: nobody would tell it later.
    if (keys::read_u64(object, 0) != value.object) tell_freed(keys::neighbour_worker(key), keys::read_u64(object, 0));
  }
  entry.state.clear_outcome();
  entry.state.set_tries(entry.state.tries() + 1);
  entry.state.set_recomputed(true);
  std::size_t missing = 0;
  const auto dependencies = distinct(spec->dependencies);
  const auto failure = link(id, dependencies, 0, dependencies.size(), missing);
  MORROW_INVARIANT(!failure, "what is computed again has no failed dependency", id, failure->failure, failure->root);
  if (entry.state.detached()) keep_needed(id, *spec);
  if (missing != 0) {
    move_to(id, entry, Status::kWaiting);
    save(id, entry);
    return verdict(Verdict::kWaiting);
  }
  move_to(id, entry, Status::kReady);
  return make_ready(id, entry, spec, claim);
}

OpResult apply(Transition& t, const op::Lost& op) { return t.recompute(op.value, op.claim); }

}  // namespace morrow::control
