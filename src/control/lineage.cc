// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "control/coverage_mark.h"
#include "control/transition.h"

// A value that no living worker has any more is computed again, from the specification that stayed with it.
namespace morrow::control {
namespace {

/// A transaction takes so many edges; more would be written in steps, as a submit's are.
constexpr std::size_t kMostDependencies = 2000;

OpResult never(const std::string& why) {
  return finished(std::make_shared<Outcome>(
      Outcome{FailureKind::kLost, "no worker that is alive has its value any more; " + why, {}}));
}

/// Why the future can't be computed once more; empty: it can.
std::string obstacle(Transition& t, const record::State& state, const Spec& spec) {
  if (!can_run_again(spec)) {
    return spec.payload.empty() ? "it was put, so nothing can compute it again"
                                : "with max_retries = 0 it is not computed again";
  }
  if (state.tries() >= spec.max_retries) {
    return "it was tried " + std::to_string(state.tries()) +
           " times besides, and max_retries allows no more: a loss counts as a failed attempt";
  }
  const auto dependencies = distinct(spec.dependencies);
  if (dependencies.size() > kMostDependencies) {
    return "it depends on " + std::to_string(dependencies.size()) + " futures, and what depends on more than " +
           std::to_string(kMostDependencies) + " is not computed again";
  }
  for (const FutureId& dependency : dependencies) {
    if (t.failure_of(dependency, t.load(dependency)))
      return "it can't be computed again, since a value that it depends on was freed";
  }
  return {};
}

}  // namespace

bool can_run_again(const Spec& spec) { return !spec.payload.empty() && spec.max_retries > 0; }

OpResult Transition::recompute(const op::LostValue& value, Claim claim) {
  const FutureId id = value.future;
  // Nothing begins anew behind the walk through a closing scope.
  if (!scope(id.scope).open()) return verdict(Verdict::kAbsent);
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
    // Who has this on its list may not come to it, while all that need the value come back here again and again.
    coverage_mark<"a value was lost while its end was still being told">();
    fan_out(id);
    return verdict(Verdict::kAgain);
  }
  // With a conflict: a worker that has just copied it must not be missed.
  const auto holders = tx.scan(keys::holders(id), store::Read::kConflict);
  for (const auto& [key, object] : holders) {
    const Incarnation holder = keys::neighbour_worker(key);
    if (holder != self && alive(holder)) return finished(entry);
  }
  const SpecPtr spec = this->spec(id, entry.state);
  if (const std::string why = obstacle(*this, entry.state, *spec); !why.empty()) return never(why);

  coverage_mark<"a lost value is computed again">();
  for (const auto& [key, unused] : holders) tx.clear(key);
  entry.state.clear_outcome();
  entry.state.set_tries(entry.state.tries() + 1);
  std::size_t missing = 0;
  const auto dependencies = distinct(spec->dependencies);
  link(id, dependencies, 0, dependencies.size(), missing);  // none of them failed: see obstacle
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
