// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "store/store.h"
#include "wire/frame.h"
#include "worker/pool/process/executor_groups.h"
#include "worker/pool/process/undertaker.h"
#include "worker/pool/process/visible_devices.h"
#include "worker/pool/program_seal.h"

namespace morrow::worker {

/// An executor's process, as the pool counts them from 1. The brain has numbers of its own, ExecutorId: the two are
/// different types, so that none is taken for the other.
enum class ExecutorProcess : std::uint32_t {};

/// How an executor ended.
struct ExecutorExit {
  int status = 0;            ///< as waitpid gives it
  bool known = true;         ///< false: its fork server died first
  std::string crash_record;  ///< as the crash handler left it, or empty
  std::string reason;        ///< why the worker itself killed it (it broke the protocol), or empty
};

/// News of the pool. Called on the main thread, from inside the io_context, never from inside a call of the pool.
class ExecutorEvents {
 public:
  virtual ~ExecutorEvents() = default;
  virtual void executor_ready(ExecutorProcess executor) = 0;  ///< its process runs; tasks sent before are taken up
  virtual void executor_exited(ExecutorProcess executor, const ExecutorExit& exit) = 0;  ///< the last word about it
  virtual void executor_frame(ExecutorProcess executor, wire::FrameType type, std::string_view payload) = 0;
  virtual void executor_output(ExecutorProcess executor, bool to_stderr,
                               std::string_view text) = 0;  ///< as it was read, not cut into lines
  /// The program can't be run here; its executors get no other word. The sentence says why.
  virtual void program_failed(const std::string& program, const std::string& sentence) = 0;
};

/// Reads the store on the store's thread: runs `job` there, then `done` on the main thread.
using StoreJob = std::function<void(std::function<void(store::Store&)> job, std::function<void()> done)>;

/// How programs are started, and what their processes may use.
struct PoolOptions {
  std::string cache_folder;                 ///< images are materialized here
  std::shared_ptr<const ProgramSeal> seal;  ///< opens programs; null: none is sealed
  int object_memory = -1;                   ///< descriptor that executors get too; -1: none
  std::uint64_t reach_session_ms = 10'000;  ///< a program that did not reach its Session line by then has failed
  Undertaker* undertaker = nullptr;  ///< outlives the pool; null: programs die with this process, not what they left
  ExecutorGroups* groups = nullptr;  ///< outlives the pool
  VisibleDevices devices;            ///< what executors with GPUs, and those with none, see of them
  std::uint64_t stack_bytes = 256u << 20;  ///< RLIMIT_STACK of executors, when the hard limit allows
  /// Gets the output of the first process of a program, before it is an executor: for the worker's log. As it was read,
  /// not cut into lines.
  std::function<void(const std::string& program, std::string_view text)> program_output;
};

}  // namespace morrow::worker
