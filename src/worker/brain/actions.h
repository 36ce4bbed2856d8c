// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "control/cluster.h"
#include "control/deadlocks.h"
#include "control/round.h"
#include "control/types.h"
#include "worker/ids/ids.h"

/// What the brain asks for. Values only: no socket, clock or process is in here.
namespace morrow::worker {

namespace action {

/// Start an executor under this number.
struct StartExecutor {
  ExecutorId executor = 0;
  std::string program;
  std::vector<unsigned> devices;
};

/// Offer the claim word and send the task.
struct Dispatch {
  ExecutorId executor = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  bool nested = false;
  bool brief = false;  ///< expected to end at once
  control::Runnable task;
};

/// Take the results that this executor may hold: what it runs takes longer than was expected.
struct CollectResults {
  ExecutorId executor = 0;
};

/// Take a task back if the executor did not start it; answer at once by `Brain::revoked`.
struct Revoke {
  ExecutorId executor = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

/// End this process; `Brain::executor_exited` follows.
struct KillExecutor {
  ExecutorId executor = 0;
};

/// A program that has no executors and no task: end its first process.
struct RetireProgram {
  std::string program;
  bool wanted = false;  ///< a session here may need it again
};

/// An answer to an await.
struct Ready {
  Waiter to;
  std::uint64_t token = 0;
  std::uint32_t index = 0;
  control::FutureId id;
  bool pending = false;
  bool with_value = true;
  bool only_small = false;
  control::OutcomePtr outcome;
  control::Claim claim = 0;  ///< of the task that waits
  bool hosts = false;        ///< it can run another one on top of its stack meanwhile
};

/// All changes of this client up to `number` are committed.
struct Ack {
  Waiter to;
  std::uint64_t number = 0;
};

/// The session is open: the driver is welcome.
struct Welcome {
  ClientId client = 0;
  std::uint64_t attachment = 0;
  std::uint64_t applied = 0;
};

/// The session is not (any more) this client's: say why and close the connection.
struct Refuse {
  ClientId client = 0;
  std::string sentence;
};

/// The end of the session is committed.
struct SessionEnded {
  ClientId client = 0;
  control::SessionId session = 0;
  std::uint64_t applied = 0;  ///< all of its changes: the number of the last, which ended it
};

/// One line for the driver's standard error.
struct Notice {
  control::SessionId session = 0;
  std::string text;
};

/// The store is full, so that what a driver submits waits; or has room again.
struct StoreRoom {
  ClientId client = 0;
  bool full = false;
  std::string sentence;  ///< of the store, when it is full
};

/// Commit; answer by `Brain::round_done`. One at a time.
struct CommitRound {
  std::shared_ptr<const control::Round> round;
};

/// Claim from the index; answer by `Brain::claim_done`. One at a time.
struct ClaimWork {
  control::ClaimRequest request;
};

/// What must run for `id` to end; answer by `Brain::ready_dependencies_done`.
struct FindReadyDependencies {
  control::FutureId id;
};

/// All tasks here that have been blocked for long, in waits without a timeout: write that down, and end the deadlocks
/// there are; answer by `Brain::deadlocks_ended`. One at a time.
struct NoteLongWaits {
  std::vector<control::LongWait> waits;
};

/// Register this worker as idle with what it has free, or take the registration back.
struct SetIdle {
  bool idle = false;
  control::Resources free;
  std::vector<control::LeftToOthers> left = {};
};

/// Work was put into the index: wake so many of the idle workers.
struct WakeIdle {
  std::uint32_t limit = 1;
};

/// Objects here that nobody needs: free their memory once nobody looks at them.
struct FreeObjects {
  std::vector<std::uint64_t> objects;
};

/// A task of the backlog needs these: have them here by the time it starts, if there is room.
struct Prefetch {
  std::vector<std::pair<control::FutureId, control::ObjectRef>> objects;
};

/// An attempt failed here: for people, who find it when its future is gone.
struct TaskFailed {
  control::FutureId id;
  control::SpecPtr spec;
  std::uint32_t attempt = 0;  ///< from 1
  bool again = false;         ///< it is tried again
  control::OutcomePtr outcome;
};

/// Scopes that began to close: work them off.
struct EndScopes {
  std::vector<control::ScopeId> scopes;
};

/// The incarnation has ended (somebody evicted this worker): stop all, join again or exit.
struct Fenced {};

}  // namespace action

using Action =
    std::variant<action::StartExecutor, action::Dispatch, action::CollectResults, action::Revoke, action::KillExecutor,
                 action::RetireProgram, action::Ready, action::Ack, action::Welcome, action::Refuse,
                 action::SessionEnded, action::Notice, action::StoreRoom, action::CommitRound, action::ClaimWork,
                 action::FindReadyDependencies, action::NoteLongWaits, action::SetIdle, action::WakeIdle,
                 action::FreeObjects, action::Prefetch, action::TaskFailed, action::EndScopes, action::Fenced>;

}  // namespace morrow::worker
