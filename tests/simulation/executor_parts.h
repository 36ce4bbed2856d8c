// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/executors.h"

namespace morrow::simulation {

using worker::Brain;
using worker::Waiter;
namespace action = worker::action;

/// One process of a worker.
struct Executors::Process {
  ExecutorId id = 0;
  std::string program;
  bool alive = true;
  bool started = false;
  bool lacks_room = false;  ///< the task on top has ended, and waits for room for its value
  std::vector<std::unique_ptr<Task>> stack;
  std::deque<action::Dispatch> queue;
  std::map<std::uint32_t, std::pair<std::uint32_t, bool>> words;  ///< slot: generation, taken
  std::uint64_t number = 0;                                       ///< of its changes
  Time last_up = 0;
  Time last_down = 0;
};

/// One task on the stack of a process.
class Executors::Task : public Script::Owner {
 public:
  Task(Executors& executors, Process& process, action::Dispatch sent)
      : executors_(executors),
        process_(process),
        sent_(std::move(sent)),
        plan_(executors.world_.plans.by_tag(tag(sent_))),
        began(executors.world_.timeline.now()),
        script(*this, plan_, sent_.task.dependencies, given(sent_), executors.world_.random) {}

  const action::Dispatch& sent() const { return sent_; }
  const Plan& plan() const { return plan_; }

  /// Whether this attempt kills its process before the step that comes now.
  bool crashes() const {
    return sent_.task.tries < plan_.crashes &&
           (script.step() >= plan_.crash_at || script.state() == Script::State::kEnded);
  }
  bool given_nothing() const { return given(sent_).empty(); }
  bool throws() const { return sent_.task.tries < plan_.throws; }
  /// It waits for none: so it may read its arguments to its end, and nobody waits for it to let them go for ever.
  bool leaf() const { return plan_.children.empty() && given_nothing(); }
  bool ends_large() const {
    // Chosen by the future, not at random: so other seeds are played as they were.
    const FutureId id = sent_.task.id;
    return (id.scope ^ id.sequence ^ 5) % 16 < executors_.world_.large_values;
  }
  /// One that can't be computed again stays: it was given futures that may be freed by then.
  std::uint64_t large_size() const {
    return sent_.task.spec->dependencies.empty() && given_nothing() ? kMayBeLost : kStays;
  }

  ScopeId root_scope() override { return sent_.task.claim; }
  ScopeId fresh_scope() override { return executors_.world_.fresh(); }
  void submit(FutureId id, const ChildPlan& child, std::vector<FutureId> dependencies,
              std::vector<FutureId> handles) override {
    change([id, spec = make_spec(child, std::move(dependencies), handles, sent_.task.spec->session)](
               Brain& brain, Time now, const Brain::Asker& asker) { brain.submit(now, asker, id, spec); });
  }
  std::uint64_t ask(std::vector<FutureId> ids, std::uint32_t need, bool poll, bool hosts) override {
    Brain::AwaitRequest request;
    request.token = executors_.world_.fresh();
    request.ids = std::move(ids);
    request.claim = sent_.task.claim;
    request.need = need;
    request.poll = poll;
    request.hosts = hosts;
    request.endless = !poll;
    executors_.up(process_,
                  [&e = executors_, who = who(), request] { e.brain_.await(e.world_.timeline.now(), who, request); });
    return request.token;
  }
  void unask(std::uint64_t token) override {
    executors_.up(process_,
                  [&e = executors_, who = who(), token] { e.brain_.unawait(e.world_.timeline.now(), who, token); });
  }
  void release(FutureId id) override {
    change([id](Brain& brain, Time now, const Brain::Asker& asker) { brain.release(now, asker, id); });
  }
  void cancel(FutureId id) override {
    change([id](Brain& brain, Time now, const Brain::Asker& asker) { brain.cancel(now, asker, id); });
  }
  void open_scope(ScopeId scope, ScopeId parent) override {
    change([scope, parent](Brain& brain, Time now, const Brain::Asker& asker) {
      brain.open_scope(now, asker, scope, parent);
    });
  }
  void end_scope(ScopeId scope) override {
    change([scope](Brain& brain, Time now, const Brain::Asker& asker) { brain.end_scope(now, asker, scope); });
  }
  void find(const std::string&) override { wrong("No task asks for a name."); }
  void flush() override { work(1); }
  void work(Time time) override {
    executors_.world_.timeline.after(time, [&e = executors_, weak = std::weak_ptr(executors_.find(process_.id)), this] {
      const ProcessPtr process = weak.lock();
      // It may have died; one that works stays where it is on the stack.
      if (!process || !process->alive || process->stack.empty() || process->stack.back().get() != this) return;
      script.advance();
      e.task_stands(*process);
    });
  }
  void wrong(const std::string& sentence) override {
    // What an execution sees that was cancelled or fenced is nobody's value. If it is, its parent's value is wrong.
    executors_.world_.odd("in a task: " + sentence);
  }

 private:
  Executors& executors_;
  Process& process_;
  action::Dispatch sent_;
  const Plan& plan_;

 public:
  const Time began;
  Script script;

 private:
  static std::uint64_t tag(const action::Dispatch& sent) {
    std::uint64_t tag = 0;
    std::memcpy(&tag, sent.task.spec->payload.data(), 8);
    return tag;
  }
  static std::vector<FutureId> given(const action::Dispatch& sent) {
    const std::string& payload = sent.task.spec->payload;
    std::vector<FutureId> out((payload.size() - 8) / 16);
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::memcpy(&out[i].scope, payload.data() + 8 + 16 * i, 8);
      std::memcpy(&out[i].sequence, payload.data() + 16 + 16 * i, 8);
    }
    return out;
  }
  Waiter who() const { return Waiter{0, process_.id}; }
  template <typename Change>
  void change(Change change) {
    const Brain::Asker asker{who(), sent_.task.claim, ++process_.number, false};
    executors_.up(process_, [&e = executors_, change = std::move(change), asker] {
      change(e.brain_, e.world_.timeline.now(), asker);
    });
  }
};

}  // namespace morrow::simulation
