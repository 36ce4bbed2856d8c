// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/invariant.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {

SessionEntry& Transition::session(SessionId id) {
  const auto [it, fresh] = sessions_.try_emplace(id);
  if (fresh) {
    if (const auto value = tx.get(keys::session(id), store::Read::kConflict)) {
      it->second.exists = true;
      it->second.session = parse_record<record::Session>(*value);
    }
  }
  return it->second;
}

Verdict Transition::accept(const Origin& origin, bool apply) {
  switch (origin.kind) {
    case Origin::Kind::kWorker:
      return Verdict::kDone;
    case Origin::Kind::kExecution: {
      const Entry& parent = load(origin.future);
      const bool holds = parent.exists && parent.status() == Status::kClaimed && parent.state.claim() == origin.claim &&
                         parent.state.incarnation() == self;
      if (!holds) coverage_mark<"an execution asked for a change after its claim had ended">();
      return holds ? Verdict::kDone : Verdict::kStale;
    }
    case Origin::Kind::kSession:
      break;
  }
  SessionEntry& entry = session(origin.session);
  if (planted(Fault::kRisenFuture) && entry.exists && !entry.session.ending()) {
    entry.session.set_applied(std::max(entry.session.applied(), origin.number));
    entry.dirty = true;
    return Verdict::kDone;
  }
  if (!entry.exists || entry.session.attachment() != origin.attachment || entry.session.ending()) {
    coverage_mark<"a session's message came from an old attachment">();
    return Verdict::kStale;
  }
  if (origin.early) return Verdict::kDone;
  if (origin.number <= entry.session.applied()) {
    coverage_mark<"a session's message came again">();
    return Verdict::kAgain;
  }
  if (apply) {
    entry.session.set_applied(origin.number);
    entry.dirty = true;
  }
  return Verdict::kDone;
}

void Transition::flush() {
  for (auto& [id, entry] : sessions_) {
    if (entry.exists && entry.dirty) tx.set(keys::session(id), serialize(entry.session));
    entry.dirty = false;
  }
}

OpResult apply(Transition& t, const op::OpenSession& op) {
  SessionEntry& entry = t.session(op.session);
  OpResult result;
  if (!entry.exists) {
    if (op.reopen) {
      // Its driver has just named its program here, which was the last thing that this session used.
      t.remove_uses(op.session);
      return verdict(Verdict::kAbsent);
    }
    entry.exists = true;
    entry.session.set_program(op.program);
    MORROW_INVARIANT(t.self != 0, "a session is attached to a worker", op.session);
    ScopeEntry& scope = t.scope(op.session);
    scope.scope.set_session(true);
    t.save_scope(op.session, scope);
    if (!op.program.empty() && t.tx.get(keys::content_header(keys::kProgram, op.program), store::Read::kConflict)) {
      add_user(t.tx, keys::kProgram, op.program, op.session);
    }
  } else if (entry.session.ending()) {
    return verdict(Verdict::kAbsent);
  } else if (op.opening < entry.session.opening() && op.opening != 0 && !planted(Fault::kStolenSession)) {
    coverage_mark<"an old connection was to take a session back">();
    return verdict(Verdict::kStale);
  } else if (const Incarnation old = entry.session.incarnation(); old != 0) {
    t.tx.clear(keys::attached(old, op.session));
    if (old != t.self && entry.session.attachment() != op.attachment && t.alive(old)) {
      coverage_mark<"a session moved from a living worker">();
      t.tx.set(keys::inbox_moved(old, op.session, entry.session.attachment()), "");
      t.touch(old);
    }
  } else {
    coverage_mark<"an orphaned session was taken up again">();
    t.tx.clear(keys::orphan(op.session));
  }
  entry.session.set_attachment(op.attachment);
  entry.session.set_incarnation(t.self);
  entry.session.set_grace_ms(op.grace_ms);
  entry.session.set_opening(op.opening);
  entry.dirty = true;
  t.tx.set(keys::attached(t.self, op.session), "");
  result.applied = entry.session.applied();
  return result;
}

OpResult apply(Transition& t, const op::EndSession& op) {
  SessionEntry& entry = t.session(op.session);
  if (op.origin.kind == Origin::Kind::kSession) {
    if (const Verdict passed = t.accept(op.origin); passed != Verdict::kDone) return verdict(passed);
  }
  if (!entry.exists) return verdict(Verdict::kAbsent);
  if (entry.session.ending()) return {};
  const bool orphan = entry.session.incarnation() == 0;
  const bool same = entry.session.attachment() == op.attachment || planted(Fault::kEndedOrphan);
  if (op.origin.kind == Origin::Kind::kWorker && ((!orphan && !planted(Fault::kEndedOrphan)) || !same)) {
    coverage_mark<"an abandoned session had come back">();
    return verdict(Verdict::kStale);
  }
  if (orphan) t.tx.clear(keys::orphan(op.session));
  if (!orphan) t.tx.clear(keys::attached(entry.session.incarnation(), op.session));
  entry.session.set_ending(true);
  entry.dirty = true;
  t.close_scope(op.session, t.scope(op.session));
  return {};
}

std::string socket_of_session(store::Store& store, SessionId session) {
  const auto transaction = store.begin_read();
  const auto value = transaction->get(keys::session(session), store::Read::kSnapshot);
  if (!value) return {};
  const Incarnation incarnation = parse_record<record::Session>(*value).incarnation();
  const auto info = transaction->get(keys::info(incarnation), store::Read::kSnapshot);
  return info ? decode_worker(incarnation, *info).socket : std::string();
}

void note_left_out_lines(store::Store& store, Incarnation self, SessionId session, const std::string& place,
                         std::uint64_t lines) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, self);
    SessionEntry& entry = t.session(session);
    if (!entry.exists) return;
    auto& all = *entry.session.mutable_left_out();
    const auto found = std::find_if(all.begin(), all.end(), [&](const record::LeftOutLines& one) {
      return one.incarnation() == self && one.place() == place;
    });
    record::LeftOutLines& noted = found != all.end() ? *found : *all.Add();
    noted.set_incarnation(self);
    noted.set_place(place);
    noted.set_lines(lines);
    entry.dirty = true;
    t.flush();
  });
}

}  // namespace morrow::control
