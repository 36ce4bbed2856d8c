// SPDX-License-Identifier: Apache-2.0
//
// Getting processes for the executors of one program, where forking may be possible or not, and anything may die
// meanwhile.
//
//     start -> waiting_ -> asked for (ProgramProcess) -> runs (ProgramProcess::executors) -> has exited
//                  ^             |
//                  +-------------+  its process was lost before it ran; nothing was sent to it
//
// The first process of a program runs up to its Session line (starting_) and says whether it can fork. If so, it
// becomes the server_, from which all executors are forked: a fork is quick, where a start of the program may take
// seconds. A program with threads at that line can't fork safely; then each executor is a process that was started by
// itself (spare_, later in_place_). A server that gets threads later says so when it is asked, and no more is forked
// from it.
//
// What dies when: a server may be killed with forks asked for and executors alive. Those asked for fail, with all that
// wait: whether and when to try again is decided elsewhere (worker/brain/program_starts.cc). Its executors live on
// without a parent that would report their death, so their pidfds are watched from then on. A failure is told for all
// that wait, and told again for a second to all that come (kTellAgainWithin), so that a thousand tasks of a program
// that can't run don't start it a thousand times.
//
// The processes are the user's: each of their messages may be wrong, late or missing, and none is taken for more than a
// claim about that process. Read next: program_process.h, executor_link.h, runtime/executor/fork_server.cc for the
// other end.
#include "worker/pool/program_runner.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include "base/exit_status.h"
#include "base/invariant.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kForksAtOnce = 32;  // each has four descriptors in flight
constexpr std::size_t kStartsAtOnce = 4;  // processes that load the program side by side

}  // namespace

ProgramRunner::ProgramRunner(PoolContext& pool, std::string key)
    : pool_(pool), key_(std::move(key)), image_(std::make_shared<ProgramImage>(pool, key_)) {}

void ProgramRunner::start(std::shared_ptr<ExecutorLink> link) {
  waiting_.push_back(std::move(link));
  boost::asio::post(pool_.io, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
}

bool ProgramRunner::take_back(pid_t pid, pid_t asker, wire::Fd& connection) {
  for (const auto& process : starting_) {
    if (process->pid() != pid) continue;
    if (process->is_or_is_forked_as(asker)) process->start_again(image_->program(), std::move(connection));
    return true;
  }
  return false;
}

bool ProgramRunner::is_unused() const {
  const auto busy = [](const std::shared_ptr<ProgramProcess>& process) {
    return !process->executors.empty() || process->unanswered() > 0;
  };
  const auto unwanted = [](const std::shared_ptr<ExecutorLink>& link) { return link->is_unwanted(); };
  return std::all_of(waiting_.begin(), waiting_.end(), unwanted) && !(server_ && busy(server_)) &&
         std::none_of(in_place_.begin(), in_place_.end(), busy);
}

void ProgramRunner::end_processes() {
  MORROW_INVARIANT(is_unused(), "processes are ended when none of their executors is left", waiting_.size());
  image_->abandon();
  preparing_ = false;
  if (server_) std::exchange(server_, nullptr)->discard();
  for (auto* group : {&starting_, &spare_, &in_place_}) {
    for (const auto& process : std::exchange(*group, {})) process->discard();
  }
}

void ProgramRunner::end_now() {
  image_->abandon();
  Processes all = starting_;
  all.insert(all.end(), spare_.begin(), spare_.end());
  all.insert(all.end(), in_place_.begin(), in_place_.end());
  if (server_) all.push_back(server_);
  for (const auto& process : all) {
    for (const auto& [id, link] : process->executors) link->kill_now();
    process->kill();
  }
  for (const auto& process : all) {
    process->end_now();
    for (const auto& [id, link] : process->executors) link->wait_now();
  }
}

// ---- executors that wait ----

void ProgramRunner::pump() {
  std::erase_if(waiting_, [](const auto& link) { return link->is_unwanted(); });
  if (waiting_.empty()) return;
  if (!can_fork_) return pump_in_place();
  if (!server_) {
    if (starting_.empty()) prepare();
    return;
  }
  while (!waiting_.empty() && server_ && can_fork_ && server_->unanswered() < kForksAtOnce) fork(*server_, false);
}

void ProgramRunner::pump_in_place() {
  while (!waiting_.empty() && !spare_.empty()) {
    const auto process = spare_.back();
    spare_.pop_back();
    in_place_.push_back(process);
    fork(*process, true);
  }
  if (starting_.size() < std::min(waiting_.size(), kStartsAtOnce)) prepare();
}

void ProgramRunner::fork(ProgramProcess& process, bool in_place) {
  const auto link = waiting_.front();
  waiting_.pop_front();
  try {
    process.fork(link, in_place);
  } catch (const std::system_error& error) {
    waiting_.push_front(link);
    fail(fmt::format(
        "can't get an executor: {}; raise the limit of open files (ulimit -n) or lower the number of executors",
        error.what()));
  }
}

void ProgramRunner::prepare() {
  if (std::exchange(preparing_, true)) return;
  image_->prepare([weak = weak_from_this()](const base::Result<LaunchPlan>& plan) {
    const auto self = weak.lock();
    if (!self) return;
    self->preparing_ = false;
    if (!plan) return self->fail(fmt::format("can't be started: {}", plan.problem()));
    self->start_process(*plan);
    self->pump();
  });
}

void ProgramRunner::start_process(const LaunchPlan& plan) {
  try {
    Undertaker* const undertaker = pool_.options.undertaker;
    LaunchPlan with_end = plan;
    with_end.dies_with_us = undertaker == nullptr || !undertaker->lives();
    const auto process = std::make_shared<ProgramProcess>(pool_, *this, launch(with_end));
    if (!with_end.dies_with_us) undertaker->entrust(process->pid());
    starting_.push_back(process);
    process->start(image_->program());
  } catch (const LaunchError& error) {
    fail(fmt::format("can't be started: {}", error.what()));
  }
}

// ---- news of its processes ----

void ProgramRunner::process_ready(ProgramProcess& process, const wire::ProgramReady& message) {
  const auto keep = shared_from_this();
  const auto self = take_process(process);
  if (!self) return;
  if (!message.error().empty()) {
    self->discard();
    return fail(fmt::format("can't run here: {}", message.error()));
  }
  can_fork_ = can_fork_ && message.can_fork();
  if (can_fork_) {
    server_ = self;
  } else {
    spare_.push_back(self);
  }
  pump();
}

void ProgramRunner::process_forked(ProgramProcess& process, const wire::Forked& message, wire::Fd pidfd) {
  const auto keep = shared_from_this();
  const auto link = process.answered(ExecutorProcess{message.executor()});
  if (!link) return;
  if (message.error().empty()) {
    const bool is_new = process.executors.emplace(link->id(), link).second;
    MORROW_INVARIANT(is_new, "an executor runs as one process", link->id(), process.pid());
    link->running(static_cast<pid_t>(message.pid()), std::move(pidfd));
  } else if (message.error() == "threads") {  // it got them after its Session line
    can_fork_ = false;
    if (server_.get() == &process) in_place_.push_back(std::exchange(server_, nullptr));
    wait_again(link);
  } else {
    wait_again(link);
    fail(fmt::format("could not make a process for an executor: {}", message.error()));
  }
  pump();
}

void ProgramRunner::process_exited(ProgramProcess& process, const wire::Exited& message) {
  const auto keep = shared_from_this();
  const auto found = process.executors.find(ExecutorProcess{message.executor()});
  if (found == process.executors.end()) return;
  const auto link = found->second;
  process.executors.erase(found);
  const bool done = process.executors.empty() && process.unanswered() == 0 && server_.get() != &process;
  if (done) {
    if (const auto self = take_process(process)) self->discard();
  }
  link->finish({.status = message.status(), .known = true, .crash_record = {}, .reason = {}});
}

void ProgramRunner::process_stuck(ProgramProcess& process) {
  process.kill();  // its end tells the rest
}

void ProgramRunner::process_output(std::string_view text) {
  if (pool_.options.program_output) pool_.options.program_output(key_, text);
}

void ProgramRunner::process_ended(ProgramProcess& process, int status) {
  const auto keep = shared_from_this();
  const auto self = take_process(process);
  if (!self) return;
  if (!process.reached()) return fail(how_it_ended(process, status));
  const auto unanswered = process.take_unanswered();
  for (const auto& [executor, link] : unanswered) waiting_.push_front(link);
  if (!unanswered.empty()) {
    const auto how = process.stopped() ? "was stopped"
                     : process.stuck() ? "did not answer"
                                       : base::describe_exit(status);
    fail(fmt::format("{} when it was asked for an executor", how));
  }
  for (const auto& [executor, link] : std::exchange(process.executors, {})) {
    if (process.is_executor()) {
      link->finish({.status = status, .known = true, .crash_record = {}, .reason = {}});
    } else {
      link->orphaned();
    }
  }
  pump();
}

// An executor that was asked for and has no process yet can have another one: nothing was sent to it.
void ProgramRunner::wait_again(const std::shared_ptr<ExecutorLink>& link) {
  link->recall();
  if (link->is_unwanted()) {
    link->finish({.status = SIGKILL, .known = true, .crash_record = {}, .reason = {}});
  } else {
    waiting_.push_front(link);
  }
}

// Takes it out of the list that it is in.
std::shared_ptr<ProgramProcess> ProgramRunner::take_process(ProgramProcess& process) {
  if (server_.get() == &process) return std::exchange(server_, nullptr);
  for (auto* group : {&starting_, &spare_, &in_place_}) {
    const auto found =
        std::find_if(group->begin(), group->end(), [&](const auto& one) { return one.get() == &process; });
    if (found == group->end()) continue;
    const auto taken = *found;
    group->erase(found);
    return taken;
  }
  return nullptr;
}

// ---- failure ----

// Of a process that did not come to its Session line. What the loader says comes first, since that is what helps;
// advice on the program is given only when it ran and had its time.
std::string ProgramRunner::how_it_ended(const ProgramProcess& process, int status) const {
  static constexpr std::string_view kLine = "its morrow::Session line";
  if (const auto loader = process.loader_error(); !loader.empty())
    return fmt::format("can't be loaded on this machine: {}", loader);
  std::string clause;
  bool had_its_time = false;
  if (process.stopped()) {
    clause = fmt::format("was stopped (SIGSTOP) before it reached {}, so it was killed", kLine);
  } else if (process.stuck()) {
    clause = fmt::format("did not reach {} within {:g} s", kLine,
                         static_cast<double>(pool_.options.reach_session_ms) / 1'000);
    had_its_time = true;
  } else {
    clause = fmt::format("{} before it reached {}", base::describe_exit(status), kLine);
    had_its_time = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  if (had_its_time) clause += "; make `morrow::Session` the first line of main";
  if (const auto printed = process.last_lines(); !printed.empty()) clause += ". It printed last:\n" + printed;
  return clause;
}

// All executors that have no process yet fail together, since all of them need what failed; whoever wants them may ask
// again.
void ProgramRunner::fail(const std::string& clause) {
  const auto self = shared_from_this();
  const std::string sentence = fmt::format("program {} {}", image_->name(), clause);
  for (const auto& process : std::exchange(starting_, {})) process->discard();
  Processes asked = in_place_;
  if (server_) asked.push_back(server_);
  for (const auto& process : asked) {
    for (const auto& [id, link] : process->take_unanswered()) waiting_.push_back(link);
  }
  for (const auto& link : std::exchange(waiting_, {})) {
    if (link->is_gone()) continue;
    link->drop();
    pool_.forget(link->id());
  }
  pool_.events.program_failed(key_, sentence);
}

}  // namespace morrow::worker
