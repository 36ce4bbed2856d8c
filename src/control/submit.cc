// SPDX-License-Identifier: Apache-2.0

// A future is born.
//
// Hard: a submit may come twice (a driver that changed its worker sends it again), come after its scope closed, depend
// on futures that are ending in this moment, or have ended already itself because it ran ahead of its commit.
//
// Solved in this order. The origin's fence tells a message that came twice; the scope is read with a conflict, so that
// none is born behind the end of its scope. A future that has run already is written once, as final: one record for the
// whole life of a short task. Else each dependency is read with a conflict and gets an edge, which pins it; one that is
// unfinished gets a need too. An end of it that commits first makes this transaction fail; one that commits later sees
// the edge. With no need it is ready at once: claimed by this worker, or put into the index.
//
// To read: docs/design.md, "Run ahead of the commit"; docs/store.md, "Submit".

#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

OpResult submit_failed(Transition& t, FutureId id, Entry& entry, const Outcome& failure) {
  t.move_to(id, entry, Status::kFailed);
  put_outcome(failure, *entry.state.mutable_outcome());
  t.save(id, entry);
  return finished(std::make_shared<Outcome>(failure));
}

/// The last step of a submit whose specification and dependencies were written ahead.
OpResult submit_built(Transition& t, const op::Submit& op, Entry& entry, Claim claim) {
  // A dependency may end right now, and its check find `building`: the read of the first need conflicts with the last
  // one's going.
  entry.state.set_tries(op.tries);
  entry.state.set_detached(op.spec->detached);
  if (op.spec->detached) t.keep_needed(op.id, *op.spec);
  if (!t.tx.scan(keys::needs(op.id), store::Read::kConflict, 1).empty()) {
    t.move_to(op.id, entry, Status::kWaiting);
    t.save(op.id, entry);
    return verdict(Verdict::kWaiting);
  }
  return t.make_ready(op.id, entry, op.spec, claim);
}

}  // namespace

std::optional<std::string> shape_of(const Spec& spec) {
  constexpr std::size_t kNameBytes = 255;
  for (const auto& [name, amount] : spec.requirements.named_micro) {
    if (name.size() > kNameBytes) return std::nullopt;
  }
  std::string shape = spec.requirements.encode();
  if (shape.size() > keys::kMaxShapeBytes) return std::nullopt;
  return shape;
}

OpResult apply(Transition& t, const op::Submit& op) {
  if (const Verdict passed = t.accept(op.origin); passed != Verdict::kDone) return verdict(passed);
  if (!t.enter_scope(op.origin, op.id.scope)) return verdict(Verdict::kAbsent);
  if (op.spec->detached && !t.detach(op.id, *op.spec, op.origin)) return verdict(Verdict::kAbsent);
  if (op.how == op::Submit::How::kEnded) {
    // It ran ahead of the commit: one record, and nothing else of its own.
    const OutcomePtr kept = bounded(op.outcome);
    if (t.create_final(op.id, *kept, *op.spec)) return finished(kept);
  }
  const Claim claim = op.how == op::Submit::How::kClaim ? op.claim : 0;
  Entry& entry = t.load(op.id);
  if (entry.exists) {
    if (entry.status() == Status::kBuilding) return submit_built(t, op, entry, claim);
    return entry.final() ? finished(entry) : verdict(Verdict::kAgain);
  }
  entry.state = record::State();
  entry.state.set_detached(op.spec->detached);
  auto shape = shape_of(*op.spec);
  if (!shape) {
    return submit_failed(t, op.id, entry,
                         Outcome{FailureKind::kUnschedulable, "It asks for too many named resources.", {}});
  }
  const auto dependencies = distinct(op.spec->dependencies);
  std::size_t missing = 0;
  if (const auto failure = t.link(op.id, dependencies, 0, dependencies.size(), missing)) {
    return submit_failed(t, op.id, entry, *failure);
  }
  if (op.spec->detached) t.keep_needed(op.id, *op.spec);
  entry.state.set_dependencies(static_cast<std::uint32_t>(dependencies.size()));
  entry.state.set_shape(std::move(*shape));
  if (!planted(Fault::kUncountedResend)) entry.state.set_tries(op.tries);
  t.write_spec(op.id, entry, encode_spec(*op.spec));
  if (missing != 0) {
    t.move_to(op.id, entry, Status::kWaiting);
    t.save(op.id, entry);
    return verdict(Verdict::kWaiting);
  }
  return t.make_ready(op.id, entry, op.spec, claim);
}

}  // namespace morrow::control
