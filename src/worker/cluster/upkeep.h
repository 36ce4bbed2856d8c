// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/cluster.h"
#include "store/store.h"

namespace morrow::worker {

/// Tells from the heartbeats of others who is silent. Time passes with this worker's own committed heartbeats, and each
/// counts for an eighth of the lease at the most: while the store is away, or this process was stopped, nobody falls
/// silent. Values only; belongs to one thread.
class FailureDetector {
 public:
  FailureDetector(control::Incarnation self, std::uint64_t lease_ns) : self_(self), lease_(lease_ns) {}

  /// A worker that was silent for the lease, and the round of its last heartbeat.
  struct Suspect {
    control::Incarnation incarnation = 0;
    std::uint64_t round = 0;
  };
  /// Takes in what the store says of all workers, at `now` (monotonic, nanoseconds); returns those that were silent for
  /// the lease.
  std::vector<Suspect> look(std::uint64_t now, const std::vector<control::WorkerSeen>& workers);
  /// What it measures silence with, in nanoseconds: it passes with own heartbeats.
  std::uint64_t time() const { return time_; }
  /// For how long that worker has given no sign, in nanoseconds; 0 also when nothing is known of it.
  std::uint64_t silence_of(control::Incarnation worker) const;

 private:
  /// The last heartbeat of a worker, and since when it is the last.
  struct LastSign {
    std::uint64_t round = 0;
    std::uint64_t since = 0;  ///< in time_
  };
  control::Incarnation self_;
  std::uint64_t lease_;
  std::uint64_t own_round_ = 0;
  std::uint64_t last_beat_ = 0;
  std::uint64_t time_ = 0;
  std::unordered_map<control::Incarnation, LastSign> seen_;
};

/// The share of a worker in the upkeep of the cluster: looks who is alive, evicts the dead, ends the work that others
/// left unfinished, serves queues that overflowed. It owns no thread, clock or timer: the shell and the simulator give
/// it theirs. Belongs to one thread.
class Upkeep {
 public:
  /// How it reaches the store and the clock; the simulator gives its own.
  struct Means {
    /// Runs `job` where the store is, after all that is more urgent, then `done` here; never from inside the call.
    std::function<void(std::function<void(store::Store&)> job, std::function<void()> done)> post;
    /// Calls `then` once after so many milliseconds, unless the worker ends before.
    std::function<void(std::uint64_t milliseconds, std::function<void()> then)> after;
    std::function<std::uint64_t()> clock_ns;  ///< monotonic
  };
  /// Its findings, told on the loop.
  struct Events {
    std::function<void(const std::vector<control::WorkerSeen>&)> workers_seen;
    std::function<void(const std::vector<control::FutureId>&)> checks_found;
    std::function<void(control::SessionId, std::uint64_t attachment)> session_abandoned;
    std::function<void(const std::string& sentence)> say;
    std::function<void()> tick;
    std::function<void()> work_came;  ///< an eviction left something in the index
  };
  /// The lease of the cluster, and whether it also looks with no wake-up.
  struct Options {
    std::uint64_t lease_ms = 0;
    bool polls = true;  ///< also looks for work that some wake-up should have told of; off in some simulations
  };

  Upkeep(Means means, control::Incarnation incarnation, Options options, Events events);

  void start();
  void stop() { stopped_ = true; }

  /// The process of this worker is gone, as the kernel says: it is evicted at once. What is only silent has its lease.
  void process_ended(control::Incarnation incarnation);

  /// When a session that has no driver will be ended, as this worker counts; nothing: it has one, or is not known.
  std::optional<std::uint64_t> session_left_ms(control::SessionId session) const;

  /// Works off scopes that began to close, chunk by chunk between other work.
  void end_scopes(const std::vector<control::ScopeId>& scopes);
  /// Serves futures with very many waiters or dependents that ended.
  void fan_out();

  /// For how long that worker has given no sign, in nanoseconds.
  std::uint64_t silence_of(control::Incarnation worker) const { return failure_detector_.silence_of(worker); }

 private:
  struct Look;
  void arm();
  void look();
  void looked(Look& found);
  void note_who_went(const std::vector<control::WorkerSeen>& workers);
  /// Why a worker is evicted.
  enum class Cause { kSilent, kEnded, kBegun };
  /// An eviction, from its first step to its last.
  struct Eviction {
    control::Incarnation incarnation = 0;
    Cause cause = Cause::kSilent;
    std::optional<std::uint64_t> round;  ///< at which it fell silent
    bool begun = false;
    std::string name = {};
  };
  void evict(Eviction eviction);
  void say_evicted(const Eviction& eviction);
  void end_scope(control::ScopeId scope);
  void time_orphans(const std::vector<control::OrphanSession>& orphans);

  Means means_;
  control::Incarnation incarnation_;
  Options options_;
  std::uint64_t period_ms_;
  Events events_;
  FailureDetector failure_detector_;
  bool stopped_ = false;
  bool looking_ = false;
  bool fanning_out_ = false;
  std::uint64_t turns_ = 0;
  std::set<control::ScopeId> ending_;
  std::set<control::Incarnation> evicting_;
  /// A worker of the last look.
  struct There {
    std::string name;
    bool leaves = false;
    bool evicted = false;  ///< by this one, which says so itself
  };
  std::map<control::Incarnation, There> there_;
  bool one_went_ = true;  ///< since the last look for scopes that close; at first some may have gone before
  /// A session that no driver is attached to.
  struct Orphan {
    std::uint64_t attachment = 0;
    std::uint64_t since = 0;  ///< by the failure detector's time
    std::uint64_t grace_ms = 0;
    bool told = false;
  };
  std::unordered_map<control::SessionId, Orphan> orphans_;
};

}  // namespace morrow::worker
