// SPDX-License-Identifier: Apache-2.0

// Tasks that wait for each other.
//
// Hard: a task may await any future whose handle it has: its own, that of its parent, one that depends on what it has
// not returned yet. Or it keeps a GPU while it awaits a task that needs one. Then all of them wait for ever, on several
// workers perhaps, of which none sees more than its own part; and what is quick must not become slower for it.
//
// Solved by writing down only what is slow. A worker writes a record for each of its tasks that has been blocked for a
// second in a wait without a timeout: the futures that it waits for, and what it keeps. The records of all workers,
// together with the states and needs of futures, are the graph of waits (wait_graph.cc). Whoever wrote a new one looks
// at the graph: of those who stand in a circle the last one sees all of it. First it reads only; a deadlock that it
// finds is found once more, and ended, in one transaction that reads all with conflicts.
//
// The futures end there as failed, as a cancel ends them: their workers are told by their inboxes and end the
// processes, and no try is counted. So it does not matter who finds it, nor whether the worker of a task is about to
// die. A record whose execution is over counts for nothing; it goes when its worker writes its waits anew, or is
// evicted.
//
// To read: wait_graph.cc for when a deadlock is certain; src/worker/brain/long_waits.cc for what is written down.

#include "control/deadlocks.h"

#include <map>
#include <utility>

#include "base/shown.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"
#include "control/wait_graph.h"

namespace morrow::control {
namespace {

constexpr std::size_t kAtOnce = 50;      // futures of a deadlock that end in one transaction; the others follow
constexpr std::size_t kSpelledOut = 12;  // futures of a circle, for people

/// A future to be failed, and why.
struct Victim {
  FutureId id;
  std::string sentence;
};

/// Says what a circle is made of, and what would mend it.
class Spelling {
 public:
  Spelling(Transition& t, const WaitGraph& graph) : t_(t), graph_(graph) {}

  std::string sentence(const WaitGraph::Circle& circle) {
    std::string text;
    bool something_is_kept = false;
    for (std::size_t i = 0; i < circle.size() && i < kSpelledOut; ++i) {
      const WaitGraph::Node& from = graph_.node(circle[i]);
      const WaitGraph::Node& to = graph_.node(circle[(i + 1) % circle.size()]);
      something_is_kept |= from.kind == WaitGraph::Kind::kReady;
      text += (i == 0 ? "" : ", ") + step(from, to);
    }
    if (circle.size() > kSpelledOut) text += ", and so on, " + std::to_string(circle.size()) + " in all";
    return "a deadlock, none of these can ever end: " + text +
           (something_is_kept ? "; wait for it where nothing of that is kept, in the driver, say, or ask for less"
                              : "; one of them has to go on without waiting for the next");
  }

 private:
  std::string step(const WaitGraph::Node& from, const WaitGraph::Node& to) {
    const std::string whom = from.id == to.id ? "itself" : name(to.id);
    switch (from.kind) {
      case WaitGraph::Kind::kReady:
        return name(from.id) + " needs " + from.resources.text() + ", and " + whom + " keeps " + to.resources.text() +
               " of worker " + graph_.worker_name(to.worker);
      case WaitGraph::Kind::kDepends:
        return name(from.id) + " depends on " + whom;
      default:
        return name(from.id) + " waits for " + whom;
    }
  }

  /// "train (0123456789abcdef/5)".
  std::string name(FutureId id) {
    const Entry& entry = t_.load(id);
    return (entry.exists ? base::shown_line(t_.spec(id, entry.state)->name) + " " : "") + "(" + text_of(id) + ")";
  }

  Transition& t_;
  const WaitGraph& graph_;
};

std::vector<Victim> find_victims(Transition& t, store::Read read) {
  const WaitGraph graph(t.tx, read);
  std::vector<Victim> victims;
  Spelling spelling(t, graph);
  for (const WaitGraph::Circle& circle : graph.deadlock()) {
    if (victims.size() == kAtOnce) break;
    victims.push_back({graph.node(circle.front()).id, spelling.sentence(circle)});
  }
  return victims;
}

void fail(Transition& t, const Victim& victim, const MakeDeadlockFailure& make_failure) {
  const Neighbours neighbours = t.neighbours(victim.id);
  Entry& entry = t.load(victim.id);
  if (!entry.exists || entry.final()) return;  // freed with another one
  coverage_mark<"a task that waited for itself was failed">();
  const OutcomePtr outcome = make_failure(victim.sentence, *t.spec(victim.id, entry.state));
  if (entry.status() == Status::kClaimed) t.tx.clear(keys::long_wait(entry.state.incarnation(), victim.id));
  t.tell_holder(victim.id, entry);
  t.finish(victim.id, entry, neighbours, *outcome);
  t.settle();
}

}  // namespace

void note_long_waits(store::Store& store, Incarnation self, const std::vector<LongWait>& waits) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, self);
    if (!t.alive(self)) return;
    std::map<std::string, std::string> now;
    for (const LongWait& wait : waits) {
      record::LongWait out;
      out.set_claim(wait.claim);
      for (const FutureId id : wait.futures) put_id(id, *out.add_futures());
      out.set_need(wait.need);
      out.set_keeps(wait.keeps.encode());
      now[keys::long_wait(self, wait.id)] = serialize(out);
    }
    for (const auto& [key, value] : transaction.scan(keys::long_waits(self), store::Read::kConflict)) {
      const auto same = now.find(key);
      if (same == now.end()) {
        transaction.clear(key);
      } else if (same->second == value) {
        now.erase(same);
      }
    }
    for (const auto& [key, value] : now) transaction.set(key, value);
  });
}

EndedDeadlocks end_deadlocks(store::Store& store, Incarnation self, const MakeDeadlockFailure& make_failure) {
  EndedDeadlocks ended;
  if (planted(Fault::kUnseenCircle)) return ended;
  for (bool more = true; more;) {
    const auto reading = store.begin_read();
    Transition look(*reading, self);
    if (find_victims(look, store::Read::kSnapshot).empty()) return ended;
    std::vector<Victim> victims;
    std::vector<ScopeId> endings;
    store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
      Transition t(transaction, self);
      victims.clear();
      endings.clear();
      if (!t.alive(self)) return;
      victims = find_victims(t, store::Read::kConflict);
      for (const Victim& victim : victims) fail(t, victim, make_failure);
      endings = std::move(t.endings);
    });
    more = !victims.empty();
    if (more) ended.sentences.push_back(std::move(victims.front().sentence));
    ended.endings.insert(ended.endings.end(), endings.begin(), endings.end());
  }
  return ended;
}

}  // namespace morrow::control
