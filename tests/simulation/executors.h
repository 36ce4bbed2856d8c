// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/process.h"
#include "tests/simulation/script.h"
#include "tests/simulation/start_luck.h"
#include "worker/brain/brain.h"

namespace morrow::simulation {

using worker::ExecutorId;

/// The processes of one worker that run tasks: they interpret plans instead of calling functions.
class Executors {
 public:
  struct World {
    Timeline& timeline;
    Random& random;
    Plans& plans;
    control::Resources total;
    std::function<std::uint64_t()> fresh;  ///< ids for tokens and scopes
    std::function<void(const std::string&)> wrong;
    std::function<void(const std::string&)> odd;  ///< perhaps wrong: seen by a task that may have lost its claim
    /// A task's value that is too large for a record: it lies with the worker from here on.
    std::function<control::ObjectRef(ExecutorId, std::uint64_t number, std::uint64_t size)> make_object = {};
    /// Room for such a value: there is some, or others hold it.
    std::function<void(ExecutorId, std::uint64_t number, std::uint64_t size, std::function<void(bool, bool)>)> reserve =
        {};
    /// Reads the large values no more that it depends on.
    std::function<void(ExecutorId, std::uint32_t slot, std::uint32_t generation)> values_read = {};
    /// Of 16 tasks so many end with a large value.
    std::uint64_t large_values = 1;
    std::function<void(ExecutorId, worker::Brain::Done)> task_done = {};
    std::function<void(ExecutorId, const worker::Brain::Exit&)> exited = {};
    std::function<void(const Plan&)> kill_worker = {};      ///< by a task with this plan
    std::function<void(FutureId, const Plan&)> begun = {};  ///< a task is executed
    std::function<StartLuck::Fate(const std::string& program)> start_fate = {};
    /// It can't be started; those of its processes that were to start are gone.
    std::function<void(const std::string& program, const std::vector<ExecutorId>& gone)> program_failed = {};
  };
  /// Sizes of large values: of those that may be lost, and of those that can't be computed again, since the task was
  /// given futures that may be freed by then.
  static constexpr std::uint64_t kMayBeLost = 3'000'001;
  static constexpr std::uint64_t kStays = 3'000'000;

  static constexpr std::uint64_t kRoomBytes = (kMayBeLost / 4096 + 1) * 4096;  ///< of one of them, in whole pages

  /// `tell` hands an event to the worker's main thread.
  Executors(World world, worker::Brain& brain, std::function<void(std::function<void()>)> tell);
  ~Executors();

  void start(const worker::action::StartExecutor& start);
  /// Gives the process a task whose values are here.
  void give(const worker::action::Dispatch& dispatch);
  /// True when it was taken back.
  bool take_back(ExecutorId executor, std::uint32_t slot, std::uint32_t generation);
  void kill(const worker::action::KillExecutor& kill);
  void ready(const worker::action::Ready& ready);
  /// What runs in this process waits for room in the object memory, or no more.
  void lacks_room(ExecutorId executor, bool lacks);

  /// Since when none of its processes runs; now: one does.
  Time without_process_since() const;

  /// A process that runs a task dies. False when there is none.
  bool crash_one();

  /// What the processes do, for people.
  std::string text() const;

  std::size_t tasks_begun = 0;

 private:
  class Task;
  struct Process;
  using ProcessPtr = std::shared_ptr<Process>;

  ProcessPtr find(ExecutorId id) const;
  void down(Process& process, std::function<void()> event);
  void up(Process& process, std::function<void()> event);
  void next_task(Process& process);
  void task_stands(Process& process);
  void finish_task(Process& process, control::Outcome outcome);
  void write_value(Process& process, control::Outcome outcome, std::uint64_t number);
  void end_task(Process& process, control::Outcome outcome, std::uint64_t number);
  void values_read(Process& process, const worker::action::Dispatch& sent);
  void crash(Process& process);
  void fail_program(const std::string& program);
  void count_resources();

  World world_;
  worker::Brain& brain_;
  std::function<void(std::function<void()>)> tell_;
  std::map<ExecutorId, ProcessPtr> processes_;
  Time last_end_ = 0;  ///< of a process
};

/// The specification of a child as it is submitted: its payload names the plan and the handles it is given.
control::SpecPtr make_spec(const ChildPlan& child, std::vector<FutureId> dependencies,
                           const std::vector<FutureId>& given, control::SessionId session);

inline constexpr const char* kProgram = "program-16-bytes";
inline constexpr const char* kHopelessProgram = "hopeless-program";  ///< no worker can start it

}  // namespace morrow::simulation
