// SPDX-License-Identifier: Apache-2.0

// The end of a worker, by itself or by others.
//
// Hard: nobody can tell a dead worker from a slow one. A worker that stood still for a minute goes on in the middle of
// a round, and must not publish a result of a future that another worker runs by then. And a dead worker may leave more
// behind than one transaction can hold.
//
// Solved by a fence. Each round reads its worker's incarnation with a conflict. An eviction first overwrites that key,
// and only if the heartbeat that was seen to stand still has not moved: from this commit on every round of the old
// worker fails, whenever it comes. A worker that comes back joins as another incarnation. Where the kernel says that
// the process is gone, the heartbeat needs not be waited for: the same transaction, by the same fence, at once. What is
// left behind is then given back in chunks, each a transaction of its own, by any worker, as often as it takes:
// fan-outs, claims, checks, the inbox, sessions. A tombstone stands until the last chunk, so that an eviction whose
// worker died is gone on with.
//
// A claim counts as a failed try of its future when its worker died (it may have killed it), and not when that left,
// unless it may be run only once: nobody knows then whether it had begun.
//
// To read: docs/design.md, "Leases and fences"; how silence is told is src/worker/cluster/. Gray and Cheriton, "Leases"
// (SOSP 1989); the sequencers of Chubby (Burrows, OSDI 2006, 2.4) are the same fence.

#include "base/invariant.h"
#include "control/cluster.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/sources.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr std::size_t kClaims = 20;
constexpr std::size_t kChecks = 50;
constexpr std::size_t kItems = 200;
constexpr std::size_t kSessions = 50;

void end_incarnation(Transition& t, Incarnation incarnation) {
  MORROW_INVARIANT(incarnation != 0, "a worker that ends is one", t.self);
  record::Incarnation mark;
  mark.set_dying(true);
  t.tx.set(keys::incarnation(incarnation), serialize(mark));
  t.tx.set(keys::tombstone(incarnation), "");
  t.tx.clear(keys::idle(incarnation));
}

void return_claim(Transition& t, Incarnation incarnation, FutureId id, bool died) {
  const Neighbours neighbours = t.neighbours(id);
  Entry& entry = t.load(id);
  if (!entry.exists || entry.status() != Status::kClaimed || entry.state.incarnation() != incarnation) {
    // No transaction leaves such a key; if the store has one all the same, no eviction may stand still over it.
    t.tx.clear(keys::claimed(incarnation, id));
    return;
  }
  const bool may_run_again = t.spec(id, entry.state)->max_retries != 0;
  if (died || !may_run_again) {
    if (!planted(Fault::kUncountedDeath)) entry.state.set_tries(entry.state.tries() + 1);
    if (entry.state.tries() > t.spec(id, entry.state)->max_retries) {
      coverage_mark<"a eviction failed what was tried too often">();
      t.finish(id, entry, neighbours,
               Outcome{FailureKind::kCrash,
                       sources::encode_failure(FailureKind::kCrash,
                                               died ? "the worker that ran it died"
                                                    : "the worker that ran it was stopped, and it may not run twice",
                                               *t.spec(id, entry.state), entry.state.tries()),
                       {}});
      return;
    }
  }
  t.unclaim(id, entry);
  t.enter_index(id, entry, {});
  t.save(id, entry);
}

/// Works off one chunk of what `incarnation` leaves; at last its own keys. True while there is more.
bool evict_chunk(Transition& t, Incarnation incarnation, bool died) {
  const auto conflict = store::Read::kConflict;
  const auto fanouts = t.tx.scan(keys::fanouts(incarnation), conflict, 1);
  for (const auto& [key, unused] : fanouts) {
    if (planted(Fault::kLeftFanout)) break;
    const FutureId id = keys::listed_future(key);
    if (t.load(id).state.fanout() == incarnation) {
      t.fan_out(id);
      t.settle();
    } else {
      t.tx.clear(key);
    }
  }
  if (!fanouts.empty() && !planted(Fault::kLeftFanout)) {
    coverage_mark<"a eviction worked off a fan-out">();
    return true;
  }
  const auto claims = t.tx.scan(keys::claimed(incarnation), conflict, kClaims);
  for (const auto& [key, unused] : claims) {
    return_claim(t, incarnation, keys::listed_future(key), died);
    t.settle();
  }
  if (!claims.empty()) {
    coverage_mark<"a eviction gave back claims">();
    return true;
  }
  const auto checks = t.tx.scan(keys::checks(incarnation), conflict, kChecks);
  for (const auto& [key, unused] : checks) {
    t.check(keys::listed_future(key), 0, incarnation);
    t.settle();
  }
  if (!checks.empty()) {
    coverage_mark<"a eviction looked at checks">();
    return true;
  }
  const auto inbox = t.tx.scan(keys::inbox(incarnation), conflict, kItems);
  for (const auto& [key, unused] : inbox) t.tx.clear(key);
  if (!inbox.empty()) {
    coverage_mark<"a eviction emptied an inbox">();
    return true;
  }
  const auto waits = t.tx.scan(keys::long_waits(incarnation), conflict, kItems);
  for (const auto& [key, unused] : waits) t.tx.clear(key);
  if (!waits.empty()) return true;
  const auto sessions = t.tx.scan(keys::attached(incarnation), conflict, kSessions);
  for (const auto& [key, unused] : sessions) {
    t.tx.clear(key);
    if (planted(Fault::kLeftSessions)) continue;
    const SessionId id = keys::attached_session(key);
    SessionEntry& entry = t.session(id);
    if (!entry.exists || entry.session.ending() || entry.session.incarnation() != incarnation) continue;
    entry.session.set_incarnation(0);
    entry.dirty = true;
    t.tx.set(keys::orphan(id), "");
  }
  t.flush();
  if (!sessions.empty()) {
    coverage_mark<"a eviction orphaned sessions">();
    return true;
  }
  for (const std::string& key : {keys::incarnation(incarnation), keys::info(incarnation), keys::round(incarnation),
                                 keys::claim_round(incarnation), keys::signal(incarnation), keys::idle(incarnation),
                                 keys::tombstone(incarnation)}) {
    t.tx.clear(key);
  }
  return false;
}

}  // namespace

bool evict_step(store::Store& store, Incarnation self, Incarnation incarnation, std::optional<std::uint64_t> seen_round,
                bool& moved) {
  bool more = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    more = false;
    moved = false;
    Transition t(transaction, self);
    const auto mark = transaction.get(keys::incarnation(incarnation), store::Read::kConflict);
    if (!t.alive(self) || !mark) return;
    more = true;
    if (parse_record<record::Incarnation>(*mark).dying()) {
      more = evict_chunk(t, incarnation, true);
      return;
    }
    const auto round = transaction.get(keys::round(incarnation), store::Read::kConflict);
    const std::uint64_t number = round ? parse_record<record::Round>(*round).number() : 0;
    if (!seen_round || number == *seen_round) {
      end_incarnation(t, incarnation);
    } else {
      coverage_mark<"a worker that seemed silent was alive">();
      moved = true;
      more = false;
    }
  });
  return more;
}

void leave(store::Store& store, Incarnation incarnation) {
  bool more = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, incarnation);
    more = t.alive(incarnation);
    if (more) end_incarnation(t, incarnation);
  });
  while (more) {
    store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
      Transition t(transaction, incarnation);
      more = transaction.get(keys::tombstone(incarnation), store::Read::kConflict).has_value() &&
             evict_chunk(t, incarnation, false);
    });
  }
}

std::vector<Incarnation> tombstones(store::Store& store) {
  std::vector<Incarnation> out;
  for (const auto& [key, unused] : store.begin_read()->scan(keys::tombstones(), store::Read::kSnapshot)) {
    out.push_back(keys::number_of(key));
  }
  return out;
}

}  // namespace morrow::control
