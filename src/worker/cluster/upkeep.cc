// SPDX-License-Identifier: Apache-2.0
//
// Finding the dead without killing the living, with no clock that two machines share.
//
// Each round of a worker changes its counter in the store. A worker whose counter stands still over a lease is taken
// for dead and evicted. But the observer may be the one that stood still: it was stopped by a debugger, its machine
// slept, or the store was away for all. So the FailureDetector measures time in the heartbeats that the observer
// committed itself, and one of them counts for an eighth of the lease at the most, however long ago the last one was: a
// worker that wakes up gives all others most of a lease to show themselves. A wrong verdict costs work and no truth:
// every round reads its own incarnation, so an evicted worker commits nothing more, and joins as a new one.
//
// A worker whose process is gone is another case: nobody suspects anything then, the kernel says so (local_workers.cc),
// and the lease is not waited for.
//
// All else here is work that nobody would notice to be missing: messages are wake-ups, and the store is the truth. So
// each turn also looks for what a wake-up should have told (checks, endings, sessions without a driver); what is found
// often is looked for in each turn, and what is rare more seldom. Work that may be long (an eviction, the end of a
// scope, a fan-out) goes in steps, each a job of its own, so that a round gets between two of them; one chain of steps
// for each subject is under way at a time.
//
// No thread, clock or timer is here: Means brings them, and the simulator runs this very code in virtual time. Read
// next: control/cluster.h for the steps, tests/simulation for the proof.
#include "worker/cluster/upkeep.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"
#include "control/faults.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kBeats = 8;             // over a lease, at least
constexpr std::uint64_t kLongestPauseMs = 500;  // between two turns
constexpr std::size_t kChecks = 1'000;          // that one look takes from the store; the next one finds the others
constexpr std::size_t kWake = 16;               // idle workers, when an eviction leaves work
// Every so many turns: 3 s and 5 min with the longest pause.
constexpr std::uint64_t kRare = 6;
constexpr std::uint64_t kVeryRare = 600;
constexpr std::uint64_t kKeepImageBytes = 2ULL << 30;  // of programs in the store; the least recently used go first

}  // namespace

std::vector<FailureDetector::Suspect> FailureDetector::look(std::uint64_t now,
                                                            const std::vector<control::WorkerSeen>& workers) {
  for (const control::WorkerSeen& worker : workers) {
    if (worker.info.incarnation != self_ || worker.round == own_round_) continue;
    MORROW_INVARIANT(now >= last_beat_, "the clock is never set back", now, last_beat_);
    own_round_ = worker.round;
    const std::uint64_t passed = now - std::exchange(last_beat_, now);
    time_ += control::planted(control::Fault::kSilenceByClock) ? passed : std::min(passed, lease_ / kBeats);
  }
  std::vector<Suspect> suspects;
  std::unordered_map<control::Incarnation, LastSign> seen;
  for (const control::WorkerSeen& worker : workers) {
    if (worker.info.incarnation == self_ || worker.dying) continue;
    LastSign state{worker.round, time_};
    if (const auto before = seen_.find(worker.info.incarnation);
        before != seen_.end() && before->second.round == worker.round)
      state = before->second;
    MORROW_INVARIANT(state.since <= time_, "what was seen was seen before now", state.since, time_);
    seen.emplace(worker.info.incarnation, state);
    if (time_ - state.since >= lease_) suspects.push_back({worker.info.incarnation, worker.round});
  }
  seen_ = std::move(seen);
  return suspects;
}

std::uint64_t FailureDetector::silence_of(control::Incarnation worker) const {
  const auto seen = seen_.find(worker);
  return seen == seen_.end() ? 0 : time_ - seen->second.since;
}

/// The findings of one look at the store.
struct Upkeep::Look {
  bool polls = true;
  bool rare = false;
  bool very_rare = false;
  bool for_endings = false;
  std::vector<control::WorkerSeen> workers;
  std::vector<control::Incarnation> tombstones;
  std::vector<control::OrphanSession> orphans;
  std::vector<control::FutureId> checks;
  std::vector<control::ScopeId> endings;
};

Upkeep::Upkeep(Means means, control::Incarnation incarnation, Options options, Events events)
    : means_(std::move(means)),
      incarnation_(incarnation),
      options_(options),
      period_ms_(std::max<std::uint64_t>(1, std::min(kLongestPauseMs, options.lease_ms / 10))),
      events_(std::move(events)),
      failure_detector_(incarnation, options.lease_ms * 1'000'000) {}

void Upkeep::start() {
  look();
  arm();
}

void Upkeep::arm() {
  means_.after(period_ms_, [this] {
    if (stopped_) return;
    events_.tick();
    look();
    arm();
  });
}

void Upkeep::look() {
  if (looking_) return;
  looking_ = true;
  auto found = std::make_shared<Look>();
  found->polls = options_.polls;
  found->rare = turns_ % kRare == 0;
  found->for_endings = (found->polls && found->rare) || std::exchange(one_went_, false);
  found->very_rare = turns_ % kVeryRare == kVeryRare - 1;
  ++turns_;
  means_.post(
      [found, incarnation = incarnation_](store::Store& store) {
        found->workers = control::workers(store);
        found->tombstones = control::tombstones(store);
        found->orphans = control::orphan_sessions(store);
        if (found->polls) found->checks = control::pending_checks(store, incarnation, kChecks);
        if (found->for_endings && !control::planted(control::Fault::kHalfEnded))
          found->endings = control::endings(store);
        if (found->very_rare) control::collect_images(store, kKeepImageBytes);
      },
      [this, found] { looked(*found); });
}

void Upkeep::looked(Look& found) {
  MORROW_INVARIANT(looking_, "one look at the store is under way", turns_);
  looking_ = false;
  if (stopped_) return;
  events_.workers_seen(found.workers);
  if (!found.checks.empty()) events_.checks_found(found.checks);
  note_who_went(found.workers);
  for (const FailureDetector::Suspect& suspect : failure_detector_.look(means_.clock_ns(), found.workers))
    evict({suspect.incarnation, Cause::kSilent, suspect.round});
  for (const control::Incarnation tombstone : found.tombstones) {
    if (!control::planted(control::Fault::kHalfEvicted)) evict({tombstone, Cause::kBegun, 0});
  }
  time_orphans(found.orphans);
  end_scopes(found.endings);
  if (found.polls && found.rare) fan_out();
}

/// A worker that went, dead or not, may have left scopes half ended.
void Upkeep::note_who_went(const std::vector<control::WorkerSeen>& workers) {
  const bool first = there_.empty();
  std::map<control::Incarnation, There> there;
  for (const control::WorkerSeen& worker : workers) {
    const control::WorkerInfo& info = worker.info;
    const auto known = there_.find(info.incarnation);
    const bool self = info.incarnation == incarnation_;
    const std::string who = "worker " + info.name;
    if (known == there_.end() && !first && !self && !worker.dying)
      events_.say(who + " (process " + std::to_string(info.pid) + " on " + info.host + ") has joined");
    if (info.draining && !self && (known == there_.end() || !known->second.leaves))
      events_.say(who + " is leaving: it gives back what it has not begun");
    there.emplace(info.incarnation, There{info.name, info.draining, known != there_.end() && known->second.evicted});
  }
  for (const auto& [incarnation, worker] : there_) {
    if (there.contains(incarnation)) continue;
    one_went_ = true;
    if (!worker.evicted && incarnation != incarnation_)
      events_.say("worker " + worker.name + (worker.leaves ? " has left" : " has left, or was evicted by another one"));
  }
  there_ = std::move(there);
}

void Upkeep::process_ended(control::Incarnation incarnation) { evict({incarnation, Cause::kEnded, std::nullopt}); }

void Upkeep::evict(Eviction eviction) {
  const control::Incarnation incarnation = eviction.incarnation;
  if (const auto seen = there_.find(incarnation); seen != there_.end()) eviction.name = seen->second.name;
  if (stopped_ || incarnation == incarnation_ || !evicting_.insert(incarnation).second) return;
  struct Step {
    bool more = false;
    bool moved = false;
    std::vector<control::FutureId> checks;
  };
  auto step = std::make_shared<Step>();
  means_.post(
      [step, self = incarnation_, incarnation, round = eviction.round](store::Store& store) {
        step->more = control::evict_step(store, self, incarnation, round, step->moved);
        if (step->moved) return;
        step->checks = control::pending_checks(store, self, kChecks);
        control::wake_idle(store, self, kWake);
      },
      [this, step, eviction] {
        base::must_erase(evicting_, eviction.incarnation, "a worker is evicted by one chain of steps");
        if (step->moved) return;
        if (!step->checks.empty()) events_.checks_found(step->checks);
        events_.work_came();
        if (step->more) {
          Eviction next = eviction;
          next.begun = true;
          evict(next);
        } else if (eviction.begun) {
          say_evicted(eviction);
        }
      });
}

void Upkeep::say_evicted(const Eviction& eviction) {
  if (const auto seen = there_.find(eviction.incarnation); seen != there_.end()) seen->second.evicted = true;
  const std::string who = eviction.name.empty() ? "a worker" : "worker " + eviction.name;
  switch (eviction.cause) {
    case Cause::kSilent:
      return events_.say(who + " gave no sign of life for the lease and is evicted; what it held goes on elsewhere");
    case Cause::kEnded:
      return events_.say(who + " has died (its process is gone) and is evicted; what it held goes on elsewhere");
    case Cause::kBegun:
      return events_.say("the eviction of " + who + " is complete; what it held goes on elsewhere");
  }
}

void Upkeep::end_scopes(const std::vector<control::ScopeId>& scopes) {
  for (const control::ScopeId scope : scopes) {
    if (ending_.insert(scope).second) end_scope(scope);
  }
}

void Upkeep::end_scope(control::ScopeId scope) {
  if (stopped_) return;
  struct Step {
    bool more = false;
    std::vector<control::FutureId> checks;
  };
  auto step = std::make_shared<Step>();
  means_.post(
      [step, self = incarnation_, scope](store::Store& store) {
        step->more = control::ending_step(store, self, scope);
        step->checks = control::pending_checks(store, self, kChecks);
      },
      [this, step, scope] {
        if (!step->checks.empty()) events_.checks_found(step->checks);
        if (step->more) {
          end_scope(scope);
        } else {
          base::must_erase(ending_, scope, "a scope is ended by one chain of steps");
        }
      });
}

void Upkeep::fan_out() {
  if (fanning_out_ || stopped_) return;
  fanning_out_ = true;
  struct Step {
    bool more = false;
    std::vector<control::FutureId> checks;
  };
  auto step = std::make_shared<Step>();
  means_.post(
      [step, incarnation = incarnation_](store::Store& store) {
        step->more = control::fanout_step(store, incarnation);
        step->checks = control::pending_checks(store, incarnation, kChecks);
      },
      [this, step] {
        MORROW_INVARIANT(fanning_out_, "one step of the fan-out is under way");
        fanning_out_ = false;
        if (!step->checks.empty()) events_.checks_found(step->checks);
        if (step->more) fan_out();
      });
}

/// A driver may have knocked here in vain while this worker stood still, or its store did: that time is not its.
void Upkeep::time_orphans(const std::vector<control::OrphanSession>& orphans) {
  const std::uint64_t now = failure_detector_.time();
  std::unordered_map<control::SessionId, Orphan> still;
  for (const control::OrphanSession& session : orphans) {
    Orphan orphan{session.attachment, now, session.grace_ms, false};
    if (const auto before = orphans_.find(session.session);
        before != orphans_.end() && before->second.attachment == session.attachment) {
      orphan = before->second;
    }
    if (!orphan.told && now - orphan.since >= session.grace_ms * 1'000'000) {
      orphan.told = true;
      events_.session_abandoned(session.session, session.attachment);
    }
    still.emplace(session.session, orphan);
  }
  orphans_ = std::move(still);
}

std::optional<std::uint64_t> Upkeep::session_left_ms(control::SessionId session) const {
  const auto orphan = orphans_.find(session);
  if (orphan == orphans_.end()) return std::nullopt;
  const std::uint64_t gone_ms = (failure_detector_.time() - orphan->second.since) / 1'000'000;
  return orphan->second.grace_ms - std::min(orphan->second.grace_ms, gone_ms);
}

}  // namespace morrow::worker
