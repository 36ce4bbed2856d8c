// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/failure.h>

#include "base/mutex.h"
#include "base/resources.h"
#include "wire/messages.pb.h"

/// The future of a session in one process, its running task, and those who wait for it. All of it is guarded by the
/// mutex of the session.
namespace morrow::runtime {

struct FutureRecord;
using FuturePtr = std::shared_ptr<FutureRecord>;

/// How a future ended.
struct Outcome {
  detail::FailureKind failure = detail::FailureKind::kNone;
  detail::Value value;        ///< when it did not fail
  std::string failure_bytes;  ///< else: a wire::Failure, of the future that failed first
  detail::FutureId root;      ///< of a failed dependency: that future
  bool may_hold_futures = true;

  bool ok() const { return failure == detail::FailureKind::kNone; }
};

/// A thread that waits for futures.
struct FutureWaiter {
  std::size_t missing = 0;  ///< how many have to end still
  base::CondVar changed;
};

/// An attempt that runs. It lives in the thread that runs it.
struct RunningTask {
  FuturePtr future;
  std::string name;            ///< of the task
  std::uint64_t claim = 0;     ///< the scope of what it submits
  std::uint64_t sequence = 0;  ///< the last number given in it
  std::chrono::steady_clock::time_point since;
  bool dropped = false;                    ///< its future has another end, and nobody wants this one's
  FutureWaiter* waiter = nullptr;          ///< of its innermost wait
  std::span<const FuturePtr> needs_all{};  ///< what it waits for, if it needs all of them and has no timeout
};

/// A future.
struct FutureRecord {
  /// How far it is.
  enum class Stage {
    kWaiting,  ///< for what it depends on
    kReady,
    kRunning,
    kPaused,  ///< an attempt failed, and the next one comes later
    kEnded,
  };

  detail::FutureId id;
  Stage stage = Stage::kWaiting;
  std::unique_ptr<wire::Submit> call;  ///< until it ended; none of a value that was put
  base::Resources needs;
  detail::Value arguments;              ///< those too large for the call
  std::vector<FuturePtr> dependencies;  ///< until it ended
  std::size_t missing = 0;              ///< of them, that have not ended
  std::vector<FuturePtr> dependents;    ///< with some that have ended
  std::size_t needed_by = 0;            ///< of them, that have not
  std::vector<std::uint64_t> scopes;    ///< that it needs, when it is detached, until it ended
  std::vector<FutureWaiter*> waiters;   ///< until it ended
  std::int64_t order = 0;               ///< while it is ready: its place in the queue
  std::uint32_t failures = 0;           ///< of attempts
  RunningTask* running = nullptr;       ///< its attempt
  bool released = false;
  bool seen = false;  ///< the program knows of its failure, or need not be told
  Outcome outcome;

  bool ended() const { return stage == Stage::kEnded; }
};

}  // namespace morrow::runtime
