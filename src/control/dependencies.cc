// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_set>

#include "base/invariant.h"
#include "base/must.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {

std::vector<FutureId> distinct(const std::vector<FutureId>& ids) {
  std::vector<FutureId> out;
  if (ids.size() <= 8) {
    for (const FutureId& id : ids) {
      if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
    }
    return out;
  }
  std::unordered_set<FutureId> seen;
  for (const FutureId& id : ids) {
    if (seen.insert(id).second) out.push_back(id);
  }
  return out;
}

std::optional<Outcome> Transition::failure_of(FutureId dependency, const Entry& entry) {
  if (!entry.exists) return Outcome{FailureKind::kReleased, {}, dependency};
  if (!entry.final() || entry.status() == Status::kRealized) return std::nullopt;
  const record::Outcome& outcome = entry.state.outcome();
  std::string bytes = outcome.bytes();
  // What was cancelled or released has no failure of its own that would tell.
  if (bytes.empty() && static_cast<FailureKind>(outcome.failure()) == FailureKind::kReleased)
    bytes = "it was released, or its scope has ended";
  return Outcome{FailureKind::kDependency, std::move(bytes), outcome.has_root() ? read_id(outcome.root()) : dependency};
}

std::optional<Outcome> Transition::link(FutureId id, const std::vector<FutureId>& dependencies, std::size_t begin,
                                        std::size_t end, std::size_t& missing) {
  MORROW_INVARIANT(begin <= end && end <= dependencies.size(), "a part of the dependencies lies within them", id, begin,
                   end, dependencies.size());
  for (std::size_t i = begin; i < end; ++i) {
    if (auto failure = failure_of(dependencies[i], load(dependencies[i]))) return failure;
  }
  for (std::size_t i = begin; i < end; ++i) {
    // The edge pins the dependency until `id` is final, finished or not.
    const bool ended = load(dependencies[i]).final();
    if (!ended || !planted(Fault::kUnpinned)) tx.set(keys::edge(dependencies[i], id), "");
    if (ended) continue;
    tx.set(keys::need(id, dependencies[i]), "");
    ++missing;
  }
  return std::nullopt;
}

std::optional<Runnable> Transition::assemble(FutureId id, const Entry& entry, const SpecPtr& spec,
                                             std::optional<Outcome>& failure) {
  Runnable runnable{id, entry.state.claim(), entry.state.tries(), spec, {}};
  runnable.crashes.assign(entry.state.crashes().begin(), entry.state.crashes().end());
  runnable.recomputed = entry.state.recomputed();
  runnable.dependencies.reserve(spec->dependencies.size());
  bool missing = false;
  for (const FutureId& dependency : spec->dependencies) {
    // The edge keeps it, and what is final keeps its outcome or loses a value that is nowhere any more, as its
    // executor finds out: a snapshot suffices.
    const auto known = futures_.find(dependency);
    Entry read;
    if (known == futures_.end()) {
      if (const auto value = tx.get(keys::state(dependency), store::Read::kSnapshot)) {
        read.exists = true;
        read.state = parse_record<record::State>(*value);
      }
    }
    const Entry& there = known == futures_.end() ? read : known->second;
    failure = failure_of(dependency, there);
    if (failure) return std::nullopt;
    if (!there.final() && !load(dependency).final() && !planted(Fault::kEarlyDependent)) {
      // Read with a conflict: its end would clear this need, and look at the edges.
      coverage_mark<"a future that was to run needs a lost value once more">();
      tx.set(keys::need(id, dependency), "");
      missing = true;
      continue;
    }
    runnable.dependencies.push_back(read_outcome((there.final() ? there : load(dependency)).state.outcome()));
  }
  if (missing) return std::nullopt;
  MORROW_INVARIANT(runnable.dependencies.size() == spec->dependencies.size(), "a run has all that it depends on", id,
                   runnable.dependencies.size(), spec->dependencies.size());
  return runnable;
}

OpResult Transition::make_ready(FutureId id, Entry& entry, const SpecPtr& spec, Claim claim, bool taken) {
  MORROW_INVARIANT(spec != nullptr && !entry.final(), "a future that is to run has not ended", id, entry.status());
  std::optional<Outcome> failure;
  std::optional<Runnable> runnable;
  const bool needs_all = claim != 0 || entry.state.dependencies() != 0;
  if (needs_all) runnable = assemble(id, entry, spec, failure);
  if (failure) {
    coverage_mark<"a future that was to be ready failed instead">();
    note_record(entry);  // also when it is freed by its end
    finish(id, entry, neighbours(id), *failure);
    return finished(std::make_shared<Outcome>(*failure));
  }
  if (needs_all && !runnable) {
    move_to(id, entry, Status::kWaiting);
    save(id, entry);
    return verdict(Verdict::kWaiting);
  }
  const Home home = runnable && !taken ? home_of(*runnable) : Home();
  if (claim == 0 || home.worker != 0) {
    enter_index(id, entry, home);
    save(id, entry);
    return verdict(Verdict::kReady);
  }
  hold(id, entry, claim);
  save(id, entry);
  OpResult result = verdict(Verdict::kClaimed);
  result.runnable = std::move(base::not_null(runnable, "a future that is claimed was put together before"));
  result.runnable.claim = claim;
  return result;
}

OpResult Transition::check(FutureId id, Claim claim, Incarnation list) {
  FutureId failed;
  for (const bool bad : {false, true}) {
    const std::string key = keys::check(list, id, bad);
    const auto posted = tx.get(key, store::Read::kConflict);
    if (!posted) continue;
    tx.clear(key);
    if (bad) failed = keys::read_id(*posted, 0);
  }
  Entry& entry = load(id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (entry.final()) return finished(entry);
  switch (entry.status()) {
    case Status::kReady:
      return verdict(Verdict::kReady);
    case Status::kClaimed:
      return {};
    case Status::kWaiting:
      break;
    default:
      return verdict(Verdict::kWaiting);
  }
  if (failed != FutureId{}) {
    if (const auto failure = failure_of(failed, load(failed))) {
      finish(id, entry, neighbours(id), *failure);
      return finished(std::make_shared<Outcome>(*failure));
    }
  }
  // Needs of a waiting future only go away, and each that goes posts a check: a snapshot suffices.
  const bool missing = !tx.scan(keys::needs(id), store::Read::kSnapshot, 1).empty();
  if (missing && !planted(Fault::kEarlyDependent)) {
    coverage_mark<"a check found something missing">();
    // What was posted in this very transaction is for a later one: the needs that this one still sees may go in another
    // one that does not see ours go either.
    if (list == self && posted_.contains(id)) {
      coverage_mark<"a check stood in the round that posted it">();
      tx.set(keys::check(list, id, false), keys::encode_id(id));
    }
    return verdict(Verdict::kWaiting);
  }
  return make_ready(id, entry, spec(id, entry.state), claim);
}

OpResult apply(Transition& t, const op::Check& op) { return t.check(op.id, op.claim, t.self); }

}  // namespace morrow::control
