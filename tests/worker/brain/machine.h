// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/round.h"
#include "store/sim/sim_database.h"
#include "store/store.h"
#include "worker/brain/brain.h"

/// A worker in virtual time: the real brain over the real control and the simulated store, with executors that
/// interpret small scripts. One thread, no clock: the same calls give the same run.
namespace morrow::test {

inline constexpr worker::Time kMillisecond = 1'000'000;
inline constexpr worker::Time kSecond = 1'000 * kMillisecond;

using control::FutureId;
using worker::Time;

/// What a task does, step by step. Children are numbered from 0 in the order it submits them.
struct Step {
  enum class Kind { kWork, kSubmit, kAwait, kAwaitAny, kReturn, kReturnLarge, kThrow, kCrash, kNoRoom };
  Kind kind = Kind::kReturn;
  Time work = 0;                      ///< kWork: nanoseconds
  std::string script;                 ///< kSubmit: the child's script
  control::Resources needs;           ///< kSubmit
  std::vector<std::size_t> children;  ///< kAwait: which; empty: all so far. kAwaitAny: a wait that hosts no nested run
  std::string value;                  ///< kReturn
  /// Futures of other tasks, each the last that was submitted with that script. kSubmit: the child depends on them.
  /// kAwait: they are awaited too.
  std::vector<std::string> others = {};
  bool has_timeout = false;  ///< kAwait, kAwaitAny: though it never passes
  std::uint32_t need = 0;    ///< … and so many suffice; 0: all
};
using Script = std::vector<Step>;

class Machine {
 public:
  struct Setup {
    control::Resources total;
    worker::Knobs knobs;
    Time commit_takes = 30'000;
    std::uint64_t seed = 1;
  };
  explicit Machine(Setup setup);
  ~Machine();

  /// Defines what tasks with this payload do. A script that is not defined returns at once.
  void script(const std::string& name, Script steps) { scripts_[name] = std::move(steps); }
  void script_maker(std::function<Script(const std::string&)> maker) { maker_ = std::move(maker); }

  FutureId submit(const std::string& script, control::Resources needs = one_cpu(),
                  std::function<void(control::Spec&)> adjust = {}, bool resent = false);
  void await(FutureId id);
  void release(FutureId id);
  void cancel(FutureId id);

  /// Runs events until nothing happens any more or `limit` of virtual time is over. Returns false at the limit.
  bool run(Time limit = 3'600'000'000'000ULL);
  /// Runs until the future's outcome reached the driver; false at the limit.
  bool run_until(FutureId id, Time limit = 3'600'000'000'000ULL);

  const control::Outcome* outcome(FutureId id) const;
  Time now() const { return now_; }
  worker::Brain& brain() { return *brain_; }
  control::ClusterCounts count();
  store::Store& store() { return *store_; }
  static control::Resources one_cpu() { return {1'000'000, 0, 0, {}}; }

  /// While it returns true a start of the program fails, and all executors that have not started with it.
  std::function<bool()> start_fails;
  /// While it returns true a process that has started ends before it takes a task.
  std::function<bool()> dies_at_once;
  /// Another worker is seen in the cluster, with so much in all; a reason: it can't start the program of the tasks
  /// here. `idle`: it has nothing to do.
  void see_other(control::Resources total, const std::string& cannot_start = {}, bool idle = false);

  /// The driver goes, and its session is marked as having none.
  void driver_goes();
  /// A worker has waited for the driver of that attachment for its grace.
  void give_up_session(std::uint64_t attachment);
  /// The driver is back, by another connection. Nothing happens before the machine runs on.
  void driver_returns();

  /// Ends the executor that runs a task of this script now, as a crash.
  bool crash(const std::string& script);
  /// The brain is told that the nested run of now waits for a lock. False: there is not one nested run.
  bool waits_for_lock();

  // What was seen.
  std::size_t most_executors = 0;
  std::size_t most_nested = 0;  ///< deepest stack of tasks in one process
  std::size_t started_executors = 0;
  std::vector<std::string> started;  ///< scripts, in the order they began
  std::vector<std::string> ended;
  std::vector<control::Round> rounds;
  std::uint64_t records = 0;
  std::vector<std::string> notices;
  std::vector<std::string> told;     ///< to drivers, of their session: welcome, refused, ended
  std::uint64_t attachment = 0;      ///< of the last welcome
  std::vector<std::string> retired;  ///< programs
  std::uint64_t acked = 0;
  std::size_t running_now = 0;  ///< tasks that compute (not waiting)
  std::size_t most_running = 0;
  std::vector<Time> large_came;  ///< when large values came to tasks

  /// Behind its store.
  const std::shared_ptr<store::SimDatabase> database = std::make_shared<store::SimDatabase>();

 private:
  struct Running;
  struct Process;
  void at(Time time, std::function<void()> event);
  void set_watch();
  void carry_out();
  void settle();
  void do_action(worker::Action& action);
  void advance(worker::ExecutorId id);
  void next_task(worker::ExecutorId id);
  void finish_task(worker::ExecutorId id, control::Outcome outcome);

  Setup setup_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Watch> watch_;
  std::unique_ptr<control::Committer> committer_;
  std::unique_ptr<worker::Brain> brain_;
  std::map<std::string, Script> scripts_;
  std::function<Script(const std::string&)> maker_;
  std::map<worker::ExecutorId, Process> processes_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t event_number_ = 0;
  Time now_ = 1'000'000'000;
  Time armed_ = 0;
  std::uint64_t session_ = 77;
  std::uint64_t number_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t token_ = 0;
  std::map<std::string, FutureId> submitted_;  ///< by script, the last one
  std::map<FutureId, control::OutcomePtr> outcomes_;
};

}  // namespace morrow::test
