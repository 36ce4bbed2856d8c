// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/questions.h"
#include "wire/messages.pb.h"
#include "worker/brain/task_seen.h"
#include "worker/shell/means.h"
#include "worker/shell/why_sentences.h"

namespace morrow::worker {

/// Answers why a future is not there yet: follows what it waits for, through the store, this worker's tasks and those
/// of others, to its root, and tells where that stands. why.cc opens with the way. Holds the questions that are under
/// way; decides nothing. Main thread only.
class Why {
 public:
  /// What it acts with.
  struct Means {
    PostToStore post;
    std::function<std::optional<TaskSeen>(control::FutureId)> explain;
    std::function<std::vector<TaskSeen>()> explain_all;
    std::function<RunsOn(const TaskSeen&)> runs_on;
    /// The answer of `own` there, as bytes; empty: there is none. Called on the main thread, never from inside.
    std::function<void(const std::string& address, control::FutureId, std::function<void(std::string)> then)> ask;
    std::function<std::string()> store_trouble;  ///< that it is full, slow or away; empty: it is well
    /// When a session without a driver ends; nothing: it has one.
    std::function<std::optional<std::uint64_t>(control::SessionId)> session_left_ms;
    CallLater after;
    std::function<Time()> now;
  };
  Why(Means means, control::Incarnation self) : means_(std::move(means)), self_(self) {}

  using Then = std::function<void(const wire::WhyReply&)>;
  /// By id or by name. `then` is called once, within some seconds.
  void answer(const wire::WhyRequest& request, const Then& then);
  /// What this worker alone knows of the future, for another one: as `root` what it waits for. Empty: nothing.
  wire::WhyReply own(control::FutureId id) const;
  /// That the store is full, slow or away; empty: it is well. Not to be asked for each of many.
  std::string store_trouble() const { return means_.store_trouble(); }
  /// Of a task of this worker.
  wire::FutureInfo info_of(const TaskSeen& task, const std::string& store_trouble) const;
  /// Of a future that the store has.
  wire::FutureInfo info_of(const control::FutureSeen& future, const std::vector<control::WorkerSeen>& workers) const;

 private:
  struct Question;
  using QuestionPtr = std::shared_ptr<Question>;
  void by_name(const std::string& name, const Then& then);
  void by_ids(const std::vector<control::FutureId>& ids, std::uint64_t more, const Then& then);
  void next(const QuestionPtr& question, control::FutureId id);
  void own_task(const QuestionPtr& question, const TaskSeen& task);
  void look_up(const QuestionPtr& question, control::FutureId id);
  void found(const QuestionPtr& question, control::FutureId id, const std::vector<control::FutureSeen>& chain,
             const std::vector<control::WorkerSeen>& workers);
  void ask_holder(const QuestionPtr& question, const control::FutureSeen& future,
                  const std::vector<control::WorkerSeen>& workers);
  static void finish(const QuestionPtr& question);
  std::string silent_store() const;
  std::string without_driver(const control::FutureSeen& future) const;

  Means means_;
  const control::Incarnation self_;
};

}  // namespace morrow::worker
