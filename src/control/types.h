// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash_ids.h"
#include "base/resources.h"

/// The words that control and the worker share. Values only.
namespace morrow::control {

using Incarnation = std::uint64_t;  ///< one incarnation of a worker, random; 0 is none
using Claim = std::uint64_t;        ///< one execution of a future, random; also the scope of what it submits; 0 is none
using SessionId = std::uint64_t;    ///< random; also the scope of what the driver submits outside of any Scope
using ScopeId = std::uint64_t;      ///< a session, a Scope block or a claim

/// The scope a future was born in, and its number there.
struct FutureId {
  ScopeId scope = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const FutureId&, const FutureId&) = default;
};

/// "0123456789abcdef/5", as the commands print it.
std::string text_of(const FutureId& id);
std::ostream& operator<<(std::ostream& out, const FutureId& id);

using base::kOneMicro;
using base::Resources;

/// What a future computes and how; immutable once submitted.
struct Spec {
  Resources requirements;
  std::vector<FutureId> dependencies;
  std::uint32_t max_retries = 3;
  bool retry_exceptions = false;
  bool retry_timeouts = false;
  bool fresh_process = false;  ///< it runs in a process of its own
  bool fail_if_unschedulable = false;
  bool detached = false;         ///< its scope outlives all others, and is found by `name`
  std::uint64_t timeout_ns = 0;  ///< 0: none
  std::string name;              ///< for people
  std::string program;  ///< key of the program (image, arguments, environment, folder) that can run it, 16 bytes
  std::uint64_t function_key = 0;  ///< the same for the same function of the same files: to learn how long it takes
  SessionId session = 0;           ///< whose logs and notices it belongs to
  std::string payload;             ///< function, closure and arguments; in between only failures make others look in
};
using SpecPtr = std::shared_ptr<const Spec>;

/// The state of a future in the store; see docs/design.md for the ways between them.
enum class Status : std::uint8_t { kBuilding = 1, kWaiting, kReady, kClaimed, kRealized, kFailed, kCancelled };

/// Why a future has no value.
enum class FailureKind : std::uint8_t {
  kNone = 0,
  kException,  ///< the function threw
  kCrash,      ///< the process died: signal or exit status
  kTimeout,    ///< ran longer than its timeout
  kCancelled,
  kReleased,       ///< the future was released, or its scope ended
  kDependency,     ///< a future it depends on failed; `root` names the first one
  kUnschedulable,  ///< no worker could ever meet its requirements
  kProgram,        ///< the program could not be started as an executor, or is not the one that submitted
  kTooLarge,       ///< the value is larger than a record may be
  kStackOverflow,
  kNoRoom,       ///< the value found no room in the worker's object memory
  kLost,         ///< no worker that is alive has the value any more
  kPoisoned,     ///< it ended its process at each of several attempts
  kStoreFull,    ///< the store had no room for the future, or for its value
  kDeadlock,     ///< it waited, through others, for itself
  kOutOfMemory,  ///< its process was ended since the task used more memory than it asked for, or the machine had none
};
inline constexpr FailureKind kLastFailureKind = FailureKind::kOutOfMemory;

/// A value that is too large for a record: it lies in the memory, or on the disk, of workers.
struct ObjectRef {
  std::uint64_t number = 0;  ///< random; 0: none
  std::uint64_t size = 0;    ///< bytes
  Incarnation maker = 0;     ///< the worker that had it first
  explicit operator bool() const { return number != 0; }
};

/// How a future ended.
struct Outcome {
  FailureKind failure = FailureKind::kNone;
  std::string bytes;       ///< the value, or the failure as the runtime encodes it (opaque here)
  FutureId root;           ///< of a kDependency failure: the future that failed first
  ObjectRef object = {};   ///< the value, when it is not in `bytes`
  bool contended = false;  ///< of a failure: others held what it needed, so that it is tried again; not kept
  bool ok() const { return failure == FailureKind::kNone; }
};
using OutcomePtr = std::shared_ptr<const Outcome>;

/// Whether a future is run again whose execution ended so: `failed` executions have failed, this one counted.
bool retried(const Outcome& outcome, const Spec& spec, std::uint32_t failed);

/// A future to be run, with all that an executor needs.
struct Runnable {
  FutureId id;
  Claim claim = 0;
  std::uint32_t tries = 0;  ///< failed attempts so far
  SpecPtr spec;
  std::vector<OutcomePtr> dependencies;   ///< in the order of spec->dependencies; all ok
  std::vector<std::string> crashes = {};  ///< the failures of the last attempts that ended their process, oldest first
  bool recomputed = false;                ///< its value was lost, and is computed again
};

/// A program that a worker has tried to start for a while, and could not.
struct CannotStart {
  std::string program;  ///< its key
  std::string reason;   ///< one sentence
  friend bool operator==(const CannotStart&, const CannotStart&) = default;
};

/// What a worker publishes of itself.
struct WorkerInfo {
  Incarnation incarnation = 0;
  std::string name;
  std::string host;
  std::int64_t pid = 0;
  std::string socket;   ///< path of the unix socket for local drivers
  std::string address;  ///< address:port of the listener, or empty
  Resources total;
  Resources used;
  std::uint32_t executors = 0;
  bool draining = false;
  std::vector<CannotStart> cannot_start = {};  ///< for now
  /// Where `pid` is a process's alone: the boot of a machine, and a pid namespace of it. Empty: nobody can tell.
  std::string pid_space = {};
  std::uint64_t started_ticks = 0;    ///< of the process, after that boot: its pid may be another's later
  std::uint64_t started_unix_ms = 0;  ///< for people; 0: not known
  std::uint64_t tasks = 0;            ///< that it holds
};

}  // namespace morrow::control

template <>
struct std::hash<morrow::control::FutureId> {
  std::size_t operator()(const morrow::control::FutureId& id) const noexcept {
    return morrow::base::hash_of_id(id.scope, id.sequence);
  }
};
