#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "control/cluster.h"
#include "control/round.h"
#include "control/types.h"

/// What the brain is told and what it asks for. Values only: no socket, clock or process is in here.
namespace morrow::worker {

using Time = std::uint64_t;        ///< nanoseconds of a monotonic clock
using ExecutorId = std::uint32_t;  ///< drawn by the brain, from 1
using ClientId = std::uint64_t;    ///< a driver's connection, drawn by the shell

/// Who waits for a future: a driver's connection or an executor's task.
struct Waiter {
  ClientId client = 0;  ///< 0: an executor
  ExecutorId executor = 0;
  friend auto operator<=>(const Waiter&, const Waiter&) = default;
};

/// Numbers that may be turned; times in nanoseconds.
struct Knobs {
  std::uint32_t executor_cap = 256;
  std::uint32_t above_cap = 16;        ///< processes more, for what timed waits and wait(n) need
  Time hand_ahead = 10'000'000;        ///< work that an executor is given ahead
  Time linger = 50'000'000;            ///< how long a submit may wait for company, or for its own end
  Time collect_after = 1'000'000;      ///< results behind which a task runs so long are not waited for
  Time brief = 100'000;                ///< a task is expected to end at once
  Time wait_for_brief = 1'000'000;     ///< how long an end waits for those of brief tasks that were submitted before
  Time resume_after = 3'000'000;       ///< a task whose value is there runs after so long, resources or not
  Time keep_for_resuming = 1'000'000;  ///< a slot is kept so long for a task whose value is being committed
  Time heartbeat = 500'000'000;
  Time idle_after = 5'000'000;              ///< idle for so long: register as idle
  Time poll = 1'000'000'000;                ///< the slow poll behind every wake-up; jittered; 0: off
  Time keep_idle_executor = 5'000'000'000;  ///< how long an executor above the machine's width stays with nothing to do
  std::uint32_t max_round_ops = 2'000;
  std::size_t max_round_bytes = 700'000;
  std::size_t recent_bytes = 32u << 20;  ///< outcomes kept in memory for those who ask soon
  std::uint32_t max_interruptions = 10;  ///< times a task is started again because another one killed its process
  Time starving_after = 1'000'000'000;   ///< a task that waited so long keeps others from taking what it needs
};

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

struct KillExecutor {
  ExecutorId executor = 0;
};

/// A program that nobody needs: end its first process.
struct RetireProgram {
  std::string program;
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
};

/// One line for the driver's standard error.
struct Notice {
  control::SessionId session = 0;
  std::string text;
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

struct SetIdle {
  bool idle = false;
  control::Resources free;
};

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

/// Scopes that began to close: work them off.
struct EndScopes {
  std::vector<control::ScopeId> scopes;
};

/// The epoch has ended (somebody buried this worker): stop all, join again or exit.
struct Fenced {};

}  // namespace action

using Action = std::variant<action::StartExecutor, action::Dispatch, action::CollectResults, action::Revoke,
                            action::KillExecutor, action::RetireProgram, action::Ready, action::Ack, action::Welcome,
                            action::Refuse, action::SessionEnded, action::Notice, action::CommitRound,
                            action::ClaimWork, action::FindReadyDependencies, action::SetIdle, action::WakeIdle,
                            action::FreeObjects, action::Prefetch, action::EndScopes, action::Fenced>;

}  // namespace morrow::worker
