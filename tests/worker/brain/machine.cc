// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/brain/machine.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/invariant.h"
#include "store/sim/sim_store.h"

namespace morrow::test {

using worker::Waiter;
namespace action = worker::action;

namespace {

constexpr worker::ClientId kDriver = 1;
constexpr control::Incarnation kIncarnation = 4242;
constexpr Time kHop = 5'000;  // a message between processes
constexpr const char* kProgram = "program-16-bytes";

}  // namespace

struct Machine::Running {
  action::Dispatch dispatch;
  Script steps;
  std::size_t next = 0;
  std::vector<FutureId> children;
  std::set<std::pair<std::uint64_t, std::uint32_t>> awaited;  ///< token and index still missing
  std::size_t need = 0;
  bool waiting = false;
  Time began = 0;
};

struct Machine::Process {
  std::string program;
  bool alive = true;
  bool started = false;
  std::vector<Running> stack;
  std::deque<action::Dispatch> queue;
  std::map<std::uint32_t, std::pair<std::uint32_t, bool>> words;  ///< slot: generation, taken
  std::uint64_t number = 0;
  std::uint64_t life = 0;
};

Machine::Machine(Setup setup) : setup_(std::move(setup)) {
  store_ = std::make_unique<store::SimStore>(database);
  worker::Brain::Setup brain;
  brain.incarnation = kIncarnation;
  brain.info.incarnation = kIncarnation;
  brain.info.name = "one";
  brain.info.total = setup_.total;
  brain.seed = setup_.seed;
  brain.knobs = setup_.knobs;
  control::join(*store_, brain.info);
  committer_ = std::make_unique<control::Committer>(*store_, kIncarnation);
  brain_ = std::make_unique<worker::Brain>(brain);
  brain_->workers_seen(now_, control::workers(*store_));
  set_watch();
  brain_->session_opening(now_, kDriver, session_, kProgram, false, 1000);
  settle();
}

Machine::~Machine() = default;

void Machine::set_watch() {
  watch_ = store_->watch(control::signal_key(kIncarnation), [this] {
    at(now_ + 10'000, [this] {
      set_watch();
      brain_->signalled(now_);
    });
  });
}

void Machine::at(Time time, std::function<void()> event) { events_[{time, ++event_number_}] = std::move(event); }

FutureId Machine::submit(const std::string& name, control::Resources needs, std::function<void(control::Spec&)> adjust,
                         bool resent) {
  auto spec = std::make_shared<control::Spec>();
  spec->requirements = std::move(needs);
  spec->name = name;
  spec->payload = name;
  spec->program = kProgram;
  spec->function_key = std::hash<std::string>{}(name);
  spec->session = session_;
  if (adjust) adjust(*spec);
  const FutureId id{session_, sequence_++};
  submitted_[name] = id;
  brain_->submit(now_, {Waiter{kDriver, 0}, 0, ++number_, resent}, id, spec);
  settle();
  return id;
}

void Machine::await(FutureId id) {
  worker::Brain::AwaitRequest request;
  request.token = ++token_;
  request.ids = {id};
  outcomes_.erase(id);
  brain_->await(now_, Waiter{kDriver, 0}, std::move(request));
  settle();
}

void Machine::release(FutureId id) {
  brain_->release(now_, {Waiter{kDriver, 0}, 0, ++number_, false}, id);
  settle();
}

void Machine::cancel(FutureId id) {
  brain_->cancel(now_, {Waiter{kDriver, 0}, 0, ++number_, false}, id);
  settle();
}

const control::Outcome* Machine::outcome(FutureId id) const {
  const auto found = outcomes_.find(id);
  return found == outcomes_.end() ? nullptr : found->second.get();
}

control::ClusterCounts Machine::count() { return control::count(*store_); }

void Machine::settle() {
  brain_->step(now_);
  carry_out();
  const Time deadline = brain_->next_deadline();
  if (deadline != 0 && (armed_ <= now_ || deadline < armed_)) {
    armed_ = std::max(deadline, now_ + 1);
    at(armed_, [] {});
  }
}

void Machine::carry_out() {
  for (auto actions = brain_->take_actions(); !actions.empty(); actions = brain_->take_actions()) {
    for (worker::Action& todo : actions) do_action(todo);
  }
}

void Machine::do_action(worker::Action& todo) {
  if (auto* start = std::get_if<action::StartExecutor>(&todo)) {
    processes_[start->executor].program = start->program;
    ++started_executors;
    most_executors = std::max(most_executors, processes_.size());
    at(now_ + 500'000, [this, id = start->executor, program = start->program] {
      if (processes_.count(id) == 0) return;
      if (start_fails && start_fails()) {
        std::erase_if(processes_, [](const auto& one) { return !one.second.started; });
        return brain_->program_failed(now_, program, "libfoo.so.1 is missing");
      }
      processes_[id].started = true;
      brain_->executor_started(now_, id);
      if (dies_at_once && dies_at_once()) {
        processes_.erase(id);
        return brain_->executor_exited(now_, id, {});
      }
      next_task(id);
    });
  } else if (auto* dispatch = std::get_if<action::Dispatch>(&todo)) {
    Process& process = processes_.at(dispatch->executor);
    process.words[dispatch->slot] = {dispatch->generation, false};
    at(now_ + kHop, [this, sent = *dispatch] {
      const auto found = processes_.find(sent.executor);
      if (found == processes_.end() || !found->second.alive) return;
      if (sent.nested) {
        found->second.queue.push_front(sent);
      } else {
        found->second.queue.push_back(sent);
      }
      next_task(sent.executor);
    });
  } else if (auto* revoke = std::get_if<action::Revoke>(&todo)) {
    Process& process = processes_.at(revoke->executor);
    auto& word = process.words[revoke->slot];
    const bool free = word.first == revoke->generation && !word.second;
    if (free) word = {0, false};
    brain_->revoked(revoke->executor, revoke->slot, revoke->generation, free);
  } else if (auto* kill = std::get_if<action::KillExecutor>(&todo)) {
    const auto id = kill->executor;
    processes_.at(id).alive = false;
    at(now_ + 100'000, [this, id] {
      worker::Brain::Exit exit;
      for (const auto& [slot, word] : processes_.at(id).words) {
        if (word.second) exit.taken.push_back(slot);
      }
      exit.crash.failure = control::FailureKind::kCrash;
      processes_.erase(id);
      brain_->executor_exited(now_, id, exit);
    });
  } else if (auto* ready = std::get_if<action::Ready>(&todo)) {
    if (ready->to.client != 0) {
      if (ready->outcome) outcomes_[ready->id] = ready->outcome;
      return;
    }
    at(now_ + kHop, [this, got = *ready] {
      if (got.outcome && got.outcome->object && brain_->object_here(got)) large_came.push_back(now_);
      const auto found = processes_.find(got.to.executor);
      if (found == processes_.end() || !found->second.alive) return;
      for (Running& task : found->second.stack) {
        if (task.awaited.erase({got.token, got.index}) == 0) continue;
        if (task.need > 0) --task.need;
      }
      advance(got.to.executor);
    });
  } else if (auto* commit = std::get_if<action::CommitRound>(&todo)) {
    rounds.push_back(*commit->round);
    at(now_ + setup_.commit_takes, [this, round = commit->round] {
      control::RoundResult result = committer_->run(*round);
      records += result.records;
      brain_->round_done(now_, std::move(result));
    });
  } else if (auto* claim = std::get_if<action::ClaimWork>(&todo)) {
    at(now_ + setup_.commit_takes, [this, request = claim->request] {
      control::ClaimTries tries;
      brain_->claim_done(now_, control::claim(*store_, request, setup_.total, tries));
    });
  } else if (auto* find = std::get_if<action::FindReadyDependencies>(&todo)) {
    at(now_ + setup_.commit_takes, [this, id = find->id] {
      brain_->ready_dependencies_done(now_, id, control::ready_dependencies(*store_, id, 10));
    });
  } else if (auto* note = std::get_if<action::NoteLongWaits>(&todo)) {
    at(now_ + setup_.commit_takes, [this, waits = note->waits] {
      control::note_long_waits(*store_, kIncarnation, waits);
      const auto deadlocks = control::end_deadlocks(*store_, kIncarnation, [](const std::string& why, const auto&) {
        return std::make_shared<control::Outcome>(control::Outcome{control::FailureKind::kDeadlock, why, {}});
      });
      brain_->deadlocks_ended(now_, deadlocks.endings, control::pending_checks(*store_, kIncarnation, 100));
      if (!deadlocks.sentences.empty()) brain_->signalled(now_);
    });
  } else if (auto* ends = std::get_if<action::EndScopes>(&todo)) {
    at(now_ + setup_.commit_takes, [this, scopes = ends->scopes] {
      for (const auto scope : scopes) {
        while (control::ending_step(*store_, kIncarnation, scope)) {
        }
      }
      brain_->signalled(now_);
    });
  } else if (auto* retire = std::get_if<action::RetireProgram>(&todo)) {
    for (const auto& [id, process] : processes_)
      MORROW_INVARIANT(process.program != retire->program, "a program is ended after its executors", id);
    retired.push_back(retire->program);
  } else if (auto* welcome = std::get_if<action::Welcome>(&todo)) {
    attachment = welcome->attachment;
    told.push_back("welcome");
  } else if (std::holds_alternative<action::Refuse>(todo)) {
    told.push_back("refused");
  } else if (std::holds_alternative<action::SessionEnded>(todo)) {
    told.push_back("ended");
  } else if (auto* notice = std::get_if<action::Notice>(&todo)) {
    notices.push_back(notice->text);
  } else if (auto* ack = std::get_if<action::Ack>(&todo)) {
    if (ack->to.client != 0) acked = std::max(acked, ack->number);
  }
}

void Machine::next_task(worker::ExecutorId id) {
  const auto found = processes_.find(id);
  if (found == processes_.end() || !found->second.alive || !found->second.started) return;
  Process& process = found->second;
  while (!process.queue.empty()) {
    const bool may = process.stack.empty() || (process.stack.back().waiting && process.queue.front().nested);
    if (!may) return;
    action::Dispatch sent = std::move(process.queue.front());
    process.queue.pop_front();
    auto& word = process.words[sent.slot];
    if (word.first != sent.generation || word.second) continue;
    word.second = true;
    Running task;
    const std::string& name = sent.task.spec->payload;
    task.steps = scripts_.count(name) != 0 ? scripts_.at(name) : maker_ ? maker_(name) : Script{};
    started.push_back(name);
    task.dispatch = std::move(sent);
    task.began = now_;
    process.stack.push_back(std::move(task));
    most_nested = std::max(most_nested, process.stack.size());
    most_running = std::max(most_running, ++running_now);
    advance(id);
    return;
  }
}

void Machine::advance(worker::ExecutorId id) {
  const auto found = processes_.find(id);
  if (found == processes_.end() || !found->second.alive || found->second.stack.empty()) return;
  Process& process = found->second;
  Running& task = process.stack.back();
  if (task.waiting) {
    if (task.need > 0) return;
    task.waiting = false;
    most_running = std::max(most_running, ++running_now);
    ++task.next;
  }
  const worker::Brain::Asker asker{Waiter{0, id}, task.dispatch.task.claim, 0, false};
  while (task.next < task.steps.size()) {
    const Step& step = task.steps[task.next];
    switch (step.kind) {
      case Step::Kind::kWork: {
        ++task.next;
        const auto life = ++process.life;
        at(now_ + step.work, [this, id, life] {
          const auto again = processes_.find(id);
          if (again != processes_.end() && again->second.life == life) advance(id);
        });
        return;
      }
      case Step::Kind::kSubmit: {
        auto spec = std::make_shared<control::Spec>();
        spec->requirements = step.needs == control::Resources{} ? one_cpu() : step.needs;
        spec->name = spec->payload = step.script;
        spec->program = kProgram;
        spec->function_key = std::hash<std::string>{}(step.script);
        spec->session = session_;
        const FutureId child{task.dispatch.task.claim, task.children.size()};
        task.children.push_back(child);
        for (const std::string& other : step.others) spec->dependencies.push_back(submitted_.at(other));
        submitted_[step.script] = child;
        auto numbered = asker;
        numbered.number = ++process.number;
        at(now_ + kHop, [this, numbered, child, spec] { brain_->submit(now_, numbered, child, spec); });
        ++task.next;
        break;
      }
      case Step::Kind::kAwait:
      case Step::Kind::kAwaitAny: {
        worker::Brain::AwaitRequest request;
        request.token = ++token_;
        request.claim = task.dispatch.task.claim;
        request.hosts = step.kind == Step::Kind::kAwait;
        request.values = true;
        request.endless = !step.has_timeout;
        if (step.children.empty() && step.others.empty()) request.ids = task.children;
        for (const std::size_t child : step.children) request.ids.push_back(task.children.at(child));
        for (const std::string& other : step.others) request.ids.push_back(submitted_.at(other));
        for (std::uint32_t i = 0; i < request.ids.size(); ++i) task.awaited.insert({request.token, i});
        request.need = step.need;
        task.need = step.need != 0 ? step.need : request.ids.size();
        task.waiting = true;
        --running_now;
        at(now_ + kHop, [this, id, request] { brain_->await(now_, Waiter{0, id}, request); });
        return;
      }
      case Step::Kind::kCrash: {
        running_now -= 1;
        process.alive = false;
        at(now_ + 50'000, [this, id] {
          worker::Brain::Exit exit;
          for (const auto& [slot, word] : processes_.at(id).words) {
            if (word.second) exit.taken.push_back(slot);
          }
          exit.crash.failure = control::FailureKind::kCrash;
          processes_.erase(id);
          brain_->executor_exited(now_, id, exit);
        });
        return;
      }
      case Step::Kind::kThrow:
      case Step::Kind::kNoRoom:
      case Step::Kind::kReturnLarge:
      case Step::Kind::kReturn: {
        control::Outcome outcome;
        if (step.kind == Step::Kind::kThrow) outcome.failure = control::FailureKind::kException;
        if (step.kind == Step::Kind::kNoRoom) outcome.failure = control::FailureKind::kNoRoom;
        outcome.contended = step.kind == Step::Kind::kNoRoom;
        if (step.kind == Step::Kind::kReturnLarge) outcome.object = {++token_, 1 << 20, kIncarnation};
        outcome.bytes = step.value;
        return finish_task(id, std::move(outcome));
      }
    }
  }
  finish_task(id, {});
}

void Machine::finish_task(worker::ExecutorId id, control::Outcome outcome) {
  Process& process = processes_.at(id);
  Running task = std::move(process.stack.back());
  process.stack.pop_back();
  --running_now;
  ended.push_back(task.dispatch.task.spec->payload);
  worker::Brain::Done done;
  done.slot = task.dispatch.slot;
  done.generation = task.dispatch.generation;
  done.claim = task.dispatch.task.claim;
  done.outcome = std::make_shared<control::Outcome>(std::move(outcome));
  done.ran_ns = now_ - task.began;
  at(now_ + kHop, [this, id, done] { brain_->task_done(now_, id, done); });
  process.words[task.dispatch.slot] = {0, false};
  at(now_ + 1'000, [this, id] {
    next_task(id);
    advance(id);
  });
}

void Machine::see_other(control::Resources total, const std::string& cannot_start, bool idle) {
  auto workers = control::workers(*store_);
  control::WorkerSeen other;
  other.info.incarnation = 9;
  other.info.name = "two";
  other.info.total = std::move(total);
  other.idle = idle;
  if (!cannot_start.empty()) other.info.cannot_start.push_back({kProgram, cannot_start});
  workers.push_back(std::move(other));
  brain_->workers_seen(now_, workers);
  settle();
}

void Machine::driver_goes() {
  brain_->client_gone(now_, kDriver);
  control::orphan_session(*store_, kIncarnation, session_, attachment);
  settle();
}

void Machine::give_up_session(std::uint64_t given) { brain_->session_abandoned(now_, session_, given); }

void Machine::driver_returns() { brain_->session_opening(now_, kDriver + 1, session_, kProgram, true, 1000); }

bool Machine::crash(const std::string& name) {
  for (auto& [id, process] : processes_) {
    if (process.stack.empty() || process.stack.back().dispatch.task.spec->payload != name) continue;
    process.alive = false;
    at(now_, [this, id = id] {
      worker::Brain::Exit exit;
      for (const auto& [slot, word] : processes_.at(id).words) {
        if (word.second) exit.taken.push_back(slot);
      }
      exit.crash.failure = control::FailureKind::kCrash;
      processes_.erase(id);
      brain_->executor_exited(now_, id, exit);
    });
    return true;
  }
  return false;
}

bool Machine::waits_for_lock() {
  const auto runs = brain_->nested_runs();
  if (runs.size() != 1 || runs.front().may_go_on) return false;
  at(now_, [this, run = runs.front()] { brain_->nested_run_stands_still(now_, run.executor, run.claim); });
  return true;
}

bool Machine::run(Time limit) {
  const Time end = now_ + limit;
  while (!events_.empty()) {
    const auto first = events_.begin();
    if (first->first.first > end) return false;
    now_ = std::max(now_, first->first.first);
    const auto event = std::move(first->second);
    events_.erase(first);
    event();
    settle();
  }
  return true;
}

bool Machine::run_until(FutureId id, Time limit) {
  await(id);
  const Time end = now_ + limit;
  while (outcome(id) == nullptr && !events_.empty() && events_.begin()->first.first <= end) {
    const auto first = events_.begin();
    now_ = std::max(now_, first->first.first);
    const auto event = std::move(first->second);
    events_.erase(first);
    event();
    settle();
  }
  return outcome(id) != nullptr;
}

}  // namespace morrow::test
