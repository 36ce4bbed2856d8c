#include "control/cluster.h"
#include "control/probe.h"
#include "control/transition.h"

// The end of a worker, by itself or by others: first its epoch, which fences everything; then what it leaves, in
// chunks.
namespace morrow::control {
namespace {

constexpr std::size_t kClaims = 20;
constexpr std::size_t kChecks = 50;
constexpr std::size_t kItems = 200;
constexpr std::size_t kSessions = 50;

void end_epoch(Transition& t, Epoch epoch) {
  record::Epoch mark;
  mark.set_dying(true);
  t.tx.set(keys::epoch(epoch), serialize(mark));
  t.tx.set(keys::grave(epoch), "");
  t.tx.clear(keys::idle(epoch));
}

void return_claim(Transition& t, Epoch epoch, FutureId id, bool died) {
  const Around around = t.around(id);
  Entry& entry = t.load(id);
  if (!entry.exists || entry.status() != Status::kClaimed || entry.state.epoch() != epoch) {
    probe<"a burial found a claim that had ended">();
    t.tx.clear(keys::claimed(epoch, id));
    return;
  }
  if (died) {
    entry.state.set_tries(entry.state.tries() + 1);
    if (entry.state.tries() > t.spec(id, entry.state)->max_retries) {
      probe<"a burial failed what was tried too often">();
      t.finish(id, entry, around, Outcome{FailureKind::kCrash, "The worker that ran it died.", {}});
      return;
    }
  }
  t.drop_claim(id, entry, false);
  t.enter_index(id, entry, {});
  t.save(id, entry);
}

/// Works off one chunk of what `epoch` leaves; at last its own keys. True while there is more.
bool bury_chunk(Transition& t, Epoch epoch, bool died) {
  const auto conflict = store::Read::kConflict;
  constexpr std::size_t kId = 9;
  const auto fanouts = t.tx.scan(keys::fanouts(epoch), conflict, 1);
  for (const auto& [key, unused] : fanouts) {
    const FutureId id = keys::read_id(key, kId);
    if (t.load(id).state.fanout() == epoch) {
      t.fan_out(id);
      t.settle();
    } else {
      t.tx.clear(key);
    }
  }
  if (!fanouts.empty()) {
    probe<"a burial worked off a fan-out">();
    return true;
  }
  const auto claims = t.tx.scan(keys::claimed(epoch), conflict, kClaims);
  for (const auto& [key, unused] : claims) {
    return_claim(t, epoch, keys::read_id(key, kId), died);
    t.settle();
  }
  if (!claims.empty()) {
    probe<"a burial gave back claims">();
    return true;
  }
  const auto checks = t.tx.scan(keys::checks(epoch), conflict, kChecks);
  for (const auto& [key, unused] : checks) {
    t.check(keys::read_id(key, kId), 0, epoch);
    t.settle();
  }
  if (!checks.empty()) {
    probe<"a burial looked at checks">();
    return true;
  }
  const auto inbox = t.tx.scan(keys::inbox(epoch), conflict, kItems);
  for (const auto& [key, unused] : inbox) t.tx.clear(key);
  if (!inbox.empty()) {
    probe<"a burial emptied an inbox">();
    return true;
  }
  const auto sessions = t.tx.scan(keys::attached(epoch), conflict, kSessions);
  for (const auto& [key, unused] : sessions) {
    t.tx.clear(key);
    const SessionId id = keys::read_u64(key, kId);
    SessionEntry& entry = t.session(id);
    if (!entry.exists || entry.session.ending() || entry.session.epoch() != epoch) continue;
    entry.session.set_epoch(0);
    entry.dirty = true;
    t.tx.set(keys::orphan(id), "");
  }
  t.flush();
  if (!sessions.empty()) {
    probe<"a burial orphaned sessions">();
    return true;
  }
  for (const std::string& key : {keys::epoch(epoch), keys::info(epoch), keys::round(epoch), keys::claim_round(epoch),
                                 keys::signal(epoch), keys::idle(epoch), keys::grave(epoch)}) {
    t.tx.clear(key);
  }
  return false;
}

}  // namespace

bool bury_step(store::Store& store, Epoch self, Epoch epoch, std::uint64_t seen_round, bool& moved) {
  bool more = false;
  store.transact([&](store::Transaction& transaction) {
    more = false;
    moved = false;
    Transition t(transaction, self);
    const auto mark = transaction.get(keys::epoch(epoch), store::Read::kConflict);
    if (!t.alive(self) || !mark) return;
    more = true;
    if (parse_record<record::Epoch>(*mark).dying()) {
      more = bury_chunk(t, epoch, true);
      return;
    }
    const auto round = transaction.get(keys::round(epoch), store::Read::kConflict);
    const std::uint64_t number = round ? parse_record<record::Round>(*round).number() : 0;
    if (number == seen_round) {
      end_epoch(t, epoch);
    } else {
      probe<"a worker that seemed silent was alive">();
      moved = true;
      more = false;
    }
  });
  return more;
}

void leave(store::Store& store, Epoch epoch) {
  bool more = false;
  store.transact([&](store::Transaction& transaction) {
    Transition t(transaction, epoch);
    more = t.alive(epoch);
    if (more) end_epoch(t, epoch);
  });
  while (more) {
    store.transact([&](store::Transaction& transaction) {
      Transition t(transaction, epoch);
      more = transaction.get(keys::grave(epoch), store::Read::kConflict).has_value() && bury_chunk(t, epoch, false);
    });
  }
}

std::vector<Epoch> graves(store::Store& store) {
  std::vector<Epoch> out;
  for (const auto& [key, unused] : store.begin_read()->scan(keys::graves(), store::Read::kSnapshot)) {
    out.push_back(keys::read_u64(key, 1));
  }
  return out;
}

}  // namespace morrow::control
