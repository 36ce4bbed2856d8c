// SPDX-License-Identifier: Apache-2.0

// When is it certain that a future never ends?
//
// Hard: a false answer kills a task that was healthy. Waits end in many ways (a timeout, one of several futures, a
// failure), each worker knows its own only, and what is written down of them is older than what is so.
//
// Solved in three steps.
//
// What is written down is such that it stays harmless when it is old. A record names an execution by its claim, and the
// futures that must end before it goes on. If it has gone on meanwhile, enough of them have ended; and an end stays an
// end: the future is final, or freed. Only a value that was lost is computed again, so what is computed again counts as
// something that goes on. Waits with a timeout are not written down at all.
//
// Then everything counts as going on unless there is a reason. A future is stuck when its execution waits for more
// stuck ones than it can do without; when it depends on a stuck one; or when it is ready and each worker that is large
// enough has given away what it needs to executions that are stuck themselves. The largest set of futures for which
// all that holds together is found by taking away, again and again, what does go on (as in the detection of deadlocks
// in the OR model: Chandy, Misra and Haas, "Distributed Deadlock Detection", TOCS 1983). Whatever is not read, since
// there is too much of it, goes on.
//
// Of the stuck ones most wait only for the others. A deadlock is a strongly connected part of them from which no wait
// leads out: it is stuck by itself. All that wait for it learn of it by its failure.

#include "control/wait_graph.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "control/faults.h"
#include "control/keys.h"

namespace morrow::control {
namespace {

constexpr std::size_t kWaits = 1'000;         // that are looked at; of more, the others count as going on
constexpr std::size_t kNodes = 10'000;        // futures: some 10 ms of reading
constexpr std::size_t kDependencies = 1'000;  // of one future; one that is stuck suffices

/// Whether so much is kept of something that what needs it finds too little.
bool lacks(std::uint64_t need, std::uint64_t total, std::uint64_t kept) { return need != 0 && need + kept > total; }

std::uint64_t amount(const Resources& resources, const std::string& name) {
  const auto found = resources.named_micro.find(name);
  return found == resources.named_micro.end() ? 0 : found->second;
}

}  // namespace

WaitGraph::WaitGraph(store::Transaction& transaction, store::Read read) : tx_(transaction), read_(read) {
  read_waits();
  while (!unread_.empty() && nodes_.size() < kNodes) {
    const std::size_t next = unread_.front();
    unread_.pop_front();
    expand(next);
  }
  if (std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.kind == Kind::kReady; }))
    read_workers();
  find_stuck();
}

std::size_t WaitGraph::at(FutureId id) {
  const auto [place, fresh] = places_.try_emplace(id, nodes_.size());
  if (fresh) {
    nodes_.push_back({.id = id});
    unread_.push_back(place->second);
  }
  return place->second;
}

void WaitGraph::read_waits() {
  for (const auto& [key, value] : tx_.scan(keys::all_long_waits(), read_, kWaits)) {
    const auto wait = parse_record<record::LongWait>(value);
    const FutureId id = keys::listed_future(key);
    const auto bytes = tx_.get(keys::state(id), read_);
    if (!bytes) continue;
    const auto state = parse_record<record::State>(*bytes);
    const bool stands = status_of(state) == Status::kClaimed && state.claim() == wait.claim() &&
                        state.incarnation() == keys::number_of(key) && !state.recomputed();
    if (!stands) continue;
    Node blocked{.id = id, .kind = Kind::kBlocked};
    blocked.resources = Resources::decode(wait.keeps());
    blocked.worker = state.incarnation();
    for (const record::Id& future : wait.futures()) blocked.on.push_back(at(read_id(future)));
    blocked.need = planted(Fault::kFailedBystander) ? blocked.on.size() : wait.need();
    nodes_[at(id)] = std::move(blocked);
  }
}

/// Reads why a future has not ended that is in no long wait itself.
void WaitGraph::expand(std::size_t place) {
  if (nodes_[place].kind != Kind::kGoesOn) return;
  const FutureId id = nodes_[place].id;
  const auto bytes = tx_.get(keys::state(id), read_);
  if (!bytes) return;
  const auto state = parse_record<record::State>(*bytes);
  if (state.recomputed()) return;
  if (status_of(state) == Status::kReady) {
    nodes_[place].kind = Kind::kReady;
    nodes_[place].resources = Resources::decode(state.shape());
  } else if (status_of(state) == Status::kWaiting) {
    std::vector<std::size_t> on;
    for (const auto& [key, unused] : tx_.scan(keys::needs(id), read_, kDependencies))
      on.push_back(at(keys::other_future(key)));
    if (on.empty()) return;  // a check is on its way
    nodes_[place].kind = Kind::kDepends;
    nodes_[place].need = on.size();
    nodes_[place].on = std::move(on);
  }
}

void WaitGraph::read_workers() {
  for (const auto& [key, value] : tx_.scan(keys::workers(), store::Read::kSnapshot)) {
    const Incarnation incarnation = keys::number_of(key);
    if (key == keys::incarnation(incarnation) && !parse_record<record::Incarnation>(value).dying())
      workers_[incarnation];
    const auto found = workers_.find(incarnation);
    if (key != keys::info(incarnation) || found == workers_.end()) continue;
    const WorkerInfo info = decode_worker(incarnation, value);
    found->second = {info.name, info.total, info.draining};
  }
}

const std::string& WaitGraph::worker_name(Incarnation worker) const {
  static const std::string none = "?";
  const auto found = workers_.find(worker);
  return found == workers_.end() ? none : found->second.name;
}

/// Whether a worker may have room for it, now or when what runs there has ended. What fits into no worker at all is no
/// deadlock: one that is large enough may join.
bool WaitGraph::finds_room(const Node& ready) const {
  bool fits_somewhere = false;
  for (const auto& [incarnation, worker] : workers_) {
    if (!ready.resources.fits_in(worker.total)) continue;
    fits_somewhere = true;
    const auto kept = kept_.find(incarnation);
    if (worker.leaves || kept == kept_.end()) return true;
    Resources rest = worker.total;
    rest -= kept->second;
    if (ready.resources.fits_in(rest)) return true;
  }
  return !fits_somewhere;
}

/// Whether it holds something of which the other one finds too little, where that could run.
bool WaitGraph::keeps_from(const Node& blocked, const Node& ready) const {
  const auto worker = workers_.find(blocked.worker);
  const auto kept = kept_.find(blocked.worker);
  if (worker == workers_.end() || kept == kept_.end()) return false;
  const Resources& total = worker->second.total;
  const Resources& needs = ready.resources;
  const Resources& keeps = blocked.resources;
  if (!needs.fits_in(total)) return false;
  if (keeps.memory != 0 && lacks(needs.memory, total.memory, kept->second.memory)) return true;
  if (keeps.gpu_micro != 0 && lacks(needs.gpu_micro, total.gpu_micro, kept->second.gpu_micro)) return true;
  return std::any_of(keeps.named_micro.begin(), keeps.named_micro.end(), [&](const auto& one) {
    return one.second != 0 &&
           lacks(amount(needs, one.first), amount(total, one.first), amount(kept->second, one.first));
  });
}

void WaitGraph::find_stuck() {
  std::vector<std::vector<std::size_t>> waiters(nodes_.size());
  std::vector<std::size_t> going;
  stuck_.assign(nodes_.size(), true);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].kind == Kind::kGoesOn) going.push_back(i);
    if (nodes_[i].kind == Kind::kBlocked) kept_[nodes_[i].worker] += nodes_[i].resources;
    for (const std::size_t other : nodes_[i].on) waiters[other].push_back(i);
  }
  take_away(std::move(going), waiters);
}

/// `going`, and all that goes on since these do.
void WaitGraph::take_away(std::vector<std::size_t> going, const std::vector<std::vector<std::size_t>>& waiters) {
  std::vector<std::size_t> ended(nodes_.size(), 0);  // of what each waits for: so many go on
  const auto goes_on = [&](std::size_t place) {
    stuck_[place] = false;
    going.push_back(place);
  };
  for (const std::size_t place : going) stuck_[place] = false;
  do {
    while (!going.empty()) {
      const std::size_t next = going.back();
      going.pop_back();
      if (nodes_[next].kind == Kind::kBlocked) kept_[nodes_[next].worker] -= nodes_[next].resources;
      for (const std::size_t waiter : waiters[next]) {
        if (stuck_[waiter] && ++ended[waiter] >= nodes_[waiter].need) goes_on(waiter);
      }
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (stuck_[i] && nodes_[i].kind == Kind::kReady && finds_room(nodes_[i])) goes_on(i);
    }
  } while (!going.empty());
}

/// The stuck ones that this one waits for: there is one.
std::vector<std::size_t> WaitGraph::successors(std::size_t from) const {
  std::vector<std::size_t> next;
  const Node& node = nodes_[from];
  if (node.kind == Kind::kReady) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (stuck_[i] && nodes_[i].kind == Kind::kBlocked && keeps_from(nodes_[i], node)) next.push_back(i);
    }
  } else {
    std::copy_if(node.on.begin(), node.on.end(), std::back_inserter(next),
                 [this](std::size_t other) { return stuck_[other]; });
  }
  MORROW_INVARIANT(!next.empty(), "a future that is stuck waits for another one that is", node.id, node.kind);
  return next;
}

std::vector<bool> WaitGraph::reached_from(std::size_t from) const {
  std::vector<bool> reached(nodes_.size());
  std::vector<std::size_t> open{from};
  while (!open.empty()) {
    const std::size_t here = open.back();
    open.pop_back();
    for (const std::size_t next : successors(here)) {
      if (!reached[next]) open.push_back(next);
      reached[next] = true;
    }
  }
  return reached;
}

WaitGraph::Circle WaitGraph::shortest_circle(std::size_t from) const {
  std::unordered_map<std::size_t, std::size_t> came_from;
  std::deque<std::size_t> open{from};
  while (!open.empty()) {
    const std::size_t here = open.front();
    open.pop_front();
    for (const std::size_t next : successors(here)) {
      if (next == from) {
        Circle circle{here};
        while (circle.back() != from) circle.push_back(came_from.at(circle.back()));
        std::reverse(circle.begin(), circle.end());
        return circle;
      }
      if (came_from.try_emplace(next, here).second) open.push_back(next);
    }
  }
  return {};
}

std::vector<WaitGraph::Circle> WaitGraph::deadlock() const {
  const auto first = std::find(stuck_.begin(), stuck_.end(), true);
  if (first == stuck_.end()) return {};
  // From anywhere, to what can be reached and does not lead back, until all that can be reached does.
  auto here = static_cast<std::size_t>(first - stuck_.begin());
  std::vector<bool> members = reached_from(here);
  for (std::size_t i = 0; i < nodes_.size();) {
    std::vector<bool> further = members[i] && i != here ? reached_from(i) : std::vector<bool>();
    if (further.empty() || further[here]) {
      ++i;
    } else {
      here = std::exchange(i, 0);
      members = std::move(further);
    }
  }
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (members[i]) all.push_back(i);
  }
  const bool something_is_kept =
      std::any_of(all.begin(), all.end(), [this](std::size_t i) { return nodes_[i].kind == Kind::kReady; });
  std::vector<Circle> circles;
  for (const std::size_t place : all) {
    if (nodes_[place].kind == Kind::kReady) continue;
    Circle circle = shortest_circle(place);
    MORROW_INVARIANT(!circle.empty(), "a future of a deadlock waits for itself, through others", nodes_[place].id);
    // Where something is kept that others need, only those fail that keep it: then the others go on.
    if (!something_is_kept || nodes_[circle.back()].kind == Kind::kReady) circles.push_back(std::move(circle));
  }
  return circles;
}

}  // namespace morrow::control
