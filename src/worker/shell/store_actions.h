// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "control/cluster.h"
#include "control/round.h"
#include "control/types.h"
#include "worker/brain/actions.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Takes to the store what the brain wants done there, and brings back what came of it. Holds the committer, which is
/// made and used on the store's thread, and counts the rounds. Owns no thread: it is lent the store's. All but `join`
/// is for the main thread; it must outlive what it has posted.
class StoreActions {
 public:
  /// For the brain, but for the last two: for the upkeep and the sessions of drivers.
  struct Events {
    std::function<void(control::RoundResult)> round_done;
    std::function<void(control::ClaimResult)> claim_done;
    std::function<void(control::FutureId, const std::vector<control::FutureId>& ready)> ready_dependencies_done;
    /// With what is to be checked since something ended.
    std::function<void(const control::EndedDeadlocks&, const std::vector<control::FutureId>& checks)> deadlocks_ended;
    std::function<void()> work_came;  ///< in the index, while this worker registered as idle
    std::function<void()> fan_out;    ///< futures with very many waiters ended: they are to be served
    std::function<void(control::SessionId, std::uint64_t attachment)> session_opened;  ///< the store has it
  };
  /// `self` is what the cluster sees of this worker.
  StoreActions(PostToStore post, control::WorkerInfo self, Events events);

  /// Enters the cluster. On the store's thread, before anything is carried out.
  /// \throws store::StoreError
  void join(store::Store& store);
  /// Leaves the cluster, then calls `left`.
  void leave(std::function<void()> left);

  /// One at a time.
  void carry_out(action::CommitRound& commit);
  /// One at a time.
  void carry_out(action::ClaimWork& claim);
  void carry_out(action::FindReadyDependencies& find);
  /// One at a time.
  void carry_out(action::NoteLongWaits& note);
  void carry_out(action::SetIdle& idle);
  void carry_out(action::WakeIdle& wake);

  /// A count of rounds.
  struct Rounds {
    std::uint64_t begun = 0;  ///< one in flight is counted
    bool in_flight = false;
  };
  /// How many rounds there were.
  Rounds rounds() const { return rounds_; }

 private:
  PostToStore post_;
  const control::WorkerInfo self_;
  Events events_;
  std::shared_ptr<control::Committer> committer_;
  Rounds rounds_;
  bool claim_in_flight_ = false;
};

}  // namespace morrow::worker
