// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/types.h"
#include "wire/messages.pb.h"
#include "worker/brain/actions.h"
#include "worker/brain/brain.h"
#include "worker/pool/events.h"
#include "worker/shell/means.h"
#include "worker/shell/memory_watch.h"
#include "worker/shell/task_output.h"
#include "worker/shell/task_starter.h"

namespace morrow::worker {

/// The executors of this worker: the numbers that the brain draws for them beside those of the pool's processes, and
/// what their processes say. Holds an entry for each executor from its start to its end. Owns no process. Main thread
/// only; `tasks` and `output` must outlive it.
class ExecutorTable final : public ExecutorEvents {
 public:
  /// What it acts with.
  struct Means {
    // The pool's, see ExecutorPool.
    std::function<ExecutorProcess(const std::string& program, const std::vector<unsigned>& devices)> start;
    std::function<void(ExecutorProcess)> kill;
    std::function<void(ExecutorProcess)> collect_results;
    std::function<void(ExecutorProcess)> drain_output;
    std::function<bool(ExecutorProcess, std::uint32_t slot, std::uint32_t generation)> taken;
    std::function<void(ExecutorProcess, wire::FrameType, const google::protobuf::MessageLite&)> send;
    /// See MemoryWatch. May be empty: nobody watches. `task` is the one that ran, or null.
    std::function<std::optional<OutOfMemory>(ExecutorId, const HandedTask* task, const ExecutorExit&, bool killed)>
        out_of_memory = {};
    // The object memory's, see Objects.
    std::function<void(ExecutorId)> may_read;
    std::function<void(ExecutorId)> reads_no_more;
    std::function<bool(ExecutorId, std::uint64_t object, std::uint64_t size, const ObjectOwner&, bool keeps)> seal;
    std::function<void(ExecutorId, std::uint64_t object)> unpin;
    std::function<void(std::function<void()> then)> after_waiting;
  };
  /// For the brain, but for those that say otherwise.
  struct Events {
    std::function<void(ExecutorId)> started;
    std::function<void(ExecutorId, const Brain::Exit&)> exited;
    std::function<void(const std::string& program, const std::string& reason)> program_failed;
    std::function<void(ExecutorId, Brain::Done)> task_done;
    /// A frame that is not the end of a task. \throws wire::ProtocolError
    std::function<void(ExecutorId, wire::FrameType, std::string_view payload)> frame;
    Say warn;
  };
  /// What it is told of this worker once.
  struct Options {
    std::string worker;  ///< this one's name
    control::Incarnation incarnation = 0;
  };

  ExecutorTable(Means means, Options options, Events events, TaskStarter& tasks, TaskOutput& output);

  // ---- what the brain says ----
  void carry_out(action::StartExecutor& start);
  void carry_out(action::KillExecutor& kill);
  void carry_out(action::CollectResults& collect);

  // ---- what the pool says ----
  void executor_ready(ExecutorProcess process) override;
  void executor_exited(ExecutorProcess process, const ExecutorExit& exit) override;
  void executor_frame(ExecutorProcess process, wire::FrameType type, std::string_view payload) override;
  void executor_output(ExecutorProcess process, bool to_stderr, std::string_view text) override;
  void program_failed(const std::string& program, const std::string& sentence) override;

  /// A task of it got no room for a value, since other tasks hold it: one that fails for this is tried again.
  void found_no_room(ExecutorId executor);

  // ---- to look at ----
  /// Sends a frame to its process; executors that are gone are ignored.
  void send(ExecutorId executor, wire::FrameType type, const google::protobuf::MessageLite& message);
  /// The process of this executor; nothing: it is gone.
  std::optional<ExecutorProcess> process_of(ExecutorId executor) const;
  /// All that are here.
  std::vector<ExecutorId> all() const;
  /// \pre the executor is here
  const std::string& program_of(ExecutorId executor) const;

 private:
  /// An executor, from its start to its end.
  struct Entry {
    ExecutorId number = 0;
    ExecutorProcess process{};
    std::string program;
    bool started = false;
    bool killed = false;                  ///< the brain wanted it
    bool found_no_room = false;           ///< a task of it, since other tasks held the room
    std::string start_failure;            ///< why it can't run tasks, as it said; empty: it can
    std::optional<Brain::Done> late_end;  ///< the end of that task, until it is told
  };
  Entry* by_process(ExecutorProcess process);
  Entry* by_number(ExecutorId number);
  void task_done(Entry& entry, std::string_view payload);
  control::OutcomePtr outcome_of(const Entry& entry, const HandedTask& task, bool contended);
  void tell_end(ExecutorId number, Brain::Done done);
  void tell_late_end(ExecutorId number);

  Means means_;
  const Options options_;
  Events events_;
  TaskStarter& tasks_;
  TaskOutput& output_;
  std::unordered_map<ExecutorId, std::unique_ptr<Entry>> entries_;
  std::unordered_map<ExecutorProcess, Entry*> by_process_;  ///< the same entries
  wire::TaskDone task_done_;                                ///< used again and again, so that its memory is
};

}  // namespace morrow::worker
