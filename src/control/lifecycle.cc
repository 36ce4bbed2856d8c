// SPDX-License-Identifier: Apache-2.0

// What happens to a future after its submit: its execution ends or is given back, it is awaited, released, cancelled.
//
// Hard: an execution that was taken for dead may still end. Its claim tells: a random number that the state holds while
// that one execution may publish. Whatever takes the future away from it (a cancel, an eviction, a retry) changes the
// claim, and an end with an old one changes nothing. So a task may run twice, and is published once.
//
// An await must not fall between the end of a future and the look for waiters: it reads the state and writes its own
// key under the future's prefix, which the end scans with a conflict. A drain of the inbox clears exactly the keys that
// it read, since others post meanwhile.
//
// To read: docs/design.md, "Leases and fences", "Completions find those who wait".

#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/sources.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr int kCrashesKept = 8;               // of one future; the oldest go first
constexpr std::size_t kCrashBytes = 8 << 10;  // of one: a deep stack has about a kilobyte

/// So that the last of several crashes can tell of them all.
void note_crash(record::State& state, const std::string& failure) {
  if (state.crashes_size() == kCrashesKept) state.mutable_crashes()->DeleteSubrange(0, 1);
  state.add_crashes(failure.size() <= kCrashBytes ? failure : "");
}

bool holds(const Transition& t, const Entry& entry, Claim claim) {
  return entry.exists && entry.status() == Status::kClaimed && entry.state.claim() == claim &&
         entry.state.incarnation() == t.self;
}

}  // namespace

OpResult apply(Transition& t, const op::End& op) {
  const Neighbours neighbours = t.neighbours(op.id);
  Entry& entry = t.load(op.id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (!holds(t, entry, op.claim)) {
    coverage_mark<"an end came after its claim had ended">();
    return verdict(Verdict::kStale);
  }
  OutcomePtr outcome = bounded(op.outcome);
  if (op.lost.object != 0) {
    const OpResult lost = t.recompute(op.lost, 0);
    const bool for_good =
        lost.verdict == Verdict::kAbsent || (lost.verdict == Verdict::kFinished && !lost.outcome->ok());
    if (!for_good) {
      t.unclaim(op.id, entry);
      return t.make_ready(op.id, entry, t.spec(op.id, entry.state), 0);
    }
    if (lost.outcome) outcome = lost.outcome;
  } else if (!outcome->ok()) {
    entry.state.set_tries(entry.state.tries() + 1);
    const SpecPtr spec = t.spec(op.id, entry.state);
    if (retried(*outcome, *spec, entry.state.tries())) {
      if (planted(Fault::kRetriedChildren) && op.next_claim != 0) return t.make_ready(op.id, entry, spec, op.claim);
      coverage_mark<"an execution that failed is tried again">();
      if (outcome->failure == FailureKind::kCrash) note_crash(entry.state, outcome->bytes);
      t.unclaim(op.id, entry);
      return t.make_ready(op.id, entry, spec, op.next_claim, true);
    }
  }
  t.finish(op.id, entry, neighbours, *outcome, op.may_hold_futures);
  return finished(outcome);
}

OpResult apply(Transition& t, const op::Relinquish& op) {
  Entry& entry = t.load(op.id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (!holds(t, entry, op.claim)) return verdict(Verdict::kStale);
  t.unclaim(op.id, entry);
  t.enter_index(op.id, entry, {});
  t.save(op.id, entry);
  return verdict(Verdict::kReady);
}

OpResult apply(Transition& t, const op::Await& op) {
  const Entry& entry = t.load(op.id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (entry.final()) return finished(entry);
  t.tx.set(keys::waiter(op.id, t.self), "");
  return {};
}

OpResult apply(Transition& t, const op::Unawait& op) {
  t.tx.clear(keys::waiter(op.id, t.self));
  if (!t.load(op.id).exists) return verdict(Verdict::kAbsent);
  t.reap(op.id);
  return {};
}

OpResult apply(Transition& t, const op::Release& op) {
  if (const Verdict passed = t.accept(op.origin); passed != Verdict::kDone) return verdict(passed);
  Entry& entry = t.load(op.id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (entry.state.detached()) {
    t.close_scope(op.id.scope, t.scope(op.id.scope));
  } else if (!entry.state.released()) {
    entry.state.set_released(true);
    t.reap(op.id);
    if (entry.exists) t.save(op.id, entry);
  }
  return {};
}

OpResult apply(Transition& t, const op::Cancel& op) {
  if (const Verdict passed = t.accept(op.origin); passed != Verdict::kDone) return verdict(passed);
  const Neighbours neighbours = t.neighbours(op.id);
  Entry& entry = t.load(op.id);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (entry.final()) return finished(entry);
  // Who saw its value relies on it: what has finished stays finished, though the value was lost meanwhile.
  if (entry.state.recomputed() && !planted(Fault::kCancelledAfterEnd)) {
    coverage_mark<"a cancel found that a lost value was being computed again">();
    return verdict(Verdict::kWaiting);
  }
  t.tell_holder(op.id, entry);
  // What depends on it tells which task it was; of one that is written in steps not all may be there.
  const SpecPtr spec = entry.status() == Status::kBuilding ? std::make_shared<Spec>() : t.spec(op.id, entry.state);
  const Outcome outcome{
      FailureKind::kCancelled, sources::encode_failure(FailureKind::kCancelled, "it was cancelled", *spec, 0), {}};
  t.finish(op.id, entry, neighbours, outcome);
  return finished(std::make_shared<Outcome>(outcome));
}

OpResult apply(Transition& t, const op::Drain& op) {
  constexpr std::size_t kDrainBytes = 1'000'000;
  OpResult::Drained drained;
  std::size_t bytes = 0;
  // Others post while this is read: exactly the keys that were read are cleared.
  const auto items = t.tx.scan(keys::inbox(t.self), store::Read::kSnapshot, op.limit + 1);
  std::size_t taken = 0;
  for (const auto& [key, value] : items) {
    if (taken == op.limit || bytes > kDrainBytes) break;
    ++taken;
    bytes += value.size();
    const char kind = keys::inbox_kind(key);
    if (kind == keys::kInboxFreed) {
      drained.freed.push_back(keys::inbox_number(key));
    } else if (kind == keys::kInboxMoved) {
      drained.moved.emplace_back(keys::inbox_number(key), keys::inbox_attachment(key));
    } else {
      const auto item = parse_record<record::InboxItem>(value);
      if (kind == keys::kInboxEnded) {
        drained.ended.push_back({keys::inbox_future(key), read_outcome(item.outcome())});
      } else {
        drained.cancelled.emplace_back(read_id(item.future()), keys::inbox_number(key));
      }
    }
    t.tx.clear(key);
  }
  if (planted(Fault::kDrainedInbox)) t.tx.clear_range(keys::inbox(t.self));
  if (taken < items.size()) coverage_mark<"an inbox held more than one drain takes">();
  drained.more = taken < items.size();
  OpResult result;
  result.drained = std::make_shared<const OpResult::Drained>(std::move(drained));
  return result;
}

OpResult apply(Transition& t, const op::Publish& op) {
  t.tx.set(keys::info(t.self), encode_worker(*op.info));
  return {};
}

}  // namespace morrow::control
