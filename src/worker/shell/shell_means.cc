// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <utility>

#include "base/monotonic_clock.h"
#include "control/cluster.h"
#include "store/open/open_store.h"
#include "worker/pool/program_seal.h"
#include "worker/shell/convert.h"
#include "worker/shell/shell.h"

// What the parts of the shell are given to act with: here the real sockets, processes, timers and threads are tied to
// them. The simulator ties the same parts to virtual ones (tests/simulation/virtual_worker.cc).
namespace morrow::worker {

Say Shell::warn() {
  return [this](const std::string& sentence) { logs_.warn(sentence); };
}

PostToStore Shell::post_to_store() {
  return [this](StoreLane lane, std::function<void(store::Store&)> job, std::function<void()> done) {
    store_.post(lane, std::move(job), std::move(done));
  };
}

CallLater Shell::call_later() {
  return [this](std::uint64_t milliseconds, std::function<void()> then) {
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, std::chrono::milliseconds(milliseconds));
    timer->async_wait([timer, then = std::move(then)](const boost::system::error_code& error) {
      if (!error) then();
    });
  };
}

// ---- the store ----

/// On the store's thread.
std::unique_ptr<store::Store> Shell::open_store() {
  store::StoreOptions open;
  open.log = [this](std::string_view sentence) { logs_.warn(std::string(sentence)); };
  auto store = store::open_store(options_.store_url, std::move(open));
  seal_ = std::make_shared<ProgramSeal>(options_.key_file);
  if (!options_.private_worker) {
    const wire::Certificate authority = wire::make_authority(options_.cluster);
    peers_.set_secrets(control::cluster_secrets(*store, {wire::make_token(), authority.key, authority.certificate}));
  }
  return store;
}

StoreActions::Events Shell::store_events() {
  return {
      .round_done =
          [this](control::RoundResult result) {
            const bool was_full = brain_.shortage().on();
            brain_.round_done(now(), std::move(result));
            if (brain_.shortage().on() == was_full) return;
            if (was_full) return logs_.say("the store has room again");
            logs_.warn(brain_.shortage().sentence() + " What is submitted waits until there is room.");
          },
      .claim_done = [this](control::ClaimResult result) { brain_.claim_done(now(), std::move(result)); },
      .ready_dependencies_done =
          [this](control::FutureId id, const std::vector<control::FutureId>& ready) {
            brain_.ready_dependencies_done(now(), id, ready);
          },
      .deadlocks_ended =
          [this](const control::EndedDeadlocks& ended, const std::vector<control::FutureId>& checks) {
            for (const std::string& sentence : ended.sentences) logs_.warn(sentence);
            brain_.deadlocks_ended(now(), ended.endings, checks);
          },
      .work_came = [this] { brain_.signalled(now()); },
      .fan_out = [this] { maintenance_.fan_out(); },
      .session_opened = [this](control::SessionId session,
                               std::uint64_t attachment) { drivers_.sessions.opened(session, attachment); },
  };
}

Maintenance::Events Shell::upkeep_events() {
  return {
      [this](const std::vector<control::WorkerSeen>& workers) {
        if (peers_.workers_seen(workers)) drivers_.signs.addresses_changed(peers_.addresses());
        brain_.workers_seen(now(), workers);
      },
      [this](const std::vector<control::FutureId>& checks) { brain_.checks_found(now(), checks); },
      [this](control::SessionId session, std::uint64_t attachment) {
        brain_.session_abandoned(now(), session, attachment);
      },
      [this](const std::string& sentence) { logs_.say(sentence); },
      [this] {
        if (const auto line = questions_.failures.left_out(now())) logs_.note(*line);
        logs_.flush();
        look_at_door();
        look_at_processes();
      },
      [this] { brain_.signalled(now()); },
  };
}

// ---- drivers ----

DriverSessions::Means Shell::session_means() {
  return {
      .post = post_to_store(),
      .send = [this](ClientId client, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { clients_.send(client, type, message); },
      .send_ended =
          [this](ClientId client, wire::SessionEnded& message) {
            if (options_.private_worker && questions_.failures.any_by_itself() && logs_.has_task_lines()) {
              logs_.keep();
              message.set_log(logs_.tasks_file());
            }
            logs_.flush();  // somebody may look at them as soon as the program has ended
            tasks_.output.end_session(client, message);
          },
      .send_welcome =
          [this](ClientId client, wire::Welcome& welcome, bool maps_objects) {
            welcome.set_with_memory(maps_objects);
            welcome.set_lease_ms(options_.lease_ms);
            drivers_.signs.welcome(client, maps_objects);
            if (maps_objects) {
              values_.answers.driver_maps(client);
            } else {
              welcome.mutable_addresses()->Add(peers_.addresses().begin(), peers_.addresses().end());
            }
            clients_.send(client, wire::WELCOME, welcome, maps_objects ? objects_.memory_fd() : -1);
          },
      .close = [this](ClientId client) { clients_.close(client); },
      .pause = [this](ClientId client) { clients_.pause(client); },
      .resume = [this](ClientId client) { clients_.resume(client); },
      .rounds = [this] { return store_actions_.rounds(); },
  };
}

DriverSessions::Events Shell::session_events() {
  return {
      .opening =
          [this](const DriverSessions::Opening& opening) {
            brain_.session_opening(
                now(), opening.client, opening.session, opening.program, opening.resume, opening.grace_ms,
                opening.number,
                opening.store_patience_ms == 0 ? kStorePatience : opening.store_patience_ms * 1'000'000);
          },
      .gone = [this](ClientId client) { brain_.client_gone(now(), client); },
      .ending = [this](ClientId client) { brain_.session_ending(now(), client); },
      .end_session = [this](ClientId client, std::uint64_t number) { brain_.end_session(now(), client, number); },
      .program_named = [this](const std::string& program, std::int64_t pid) { pool_.program_hint(program, pid); },
      .warn = warn(),
  };
}

DriverSigns::Means Shell::sign_means() {
  return {
      .after = call_later(),
      .send = [this](ClientId client, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { clients_.send(client, type, message); },
      .traffic = [this](ClientId client) { return clients_.traffic(client); },
      .is_open = [this](ClientId client) { return drivers_.sessions.takes_changes(client); },
      .cut = [this](ClientId client) { clients_.cut(client); },
      .warn = warn(),
  };
}

ChangeRequests::Means Shell::change_means() {
  return {
      .now = [this] { return now(); },
      .origin_of = [this, origin = ChangeRequests::Origin{}](
                       const Waiter& who, control::Claim claim) mutable -> const ChangeRequests::Origin* {
        if (who.client != 0) {
          origin.program = drivers_.sessions.program_of(who.client);
          origin.session = drivers_.sessions.session_of(who.client);
          return &origin;
        }
        const HandedTask* task = tasks_.starter.handed(who.executor, claim);
        if (task == nullptr) return nullptr;
        origin.program = tasks_.executors.program_of(who.executor);
        origin.session = task->spec->session;
        return &origin;
      },
      .find = [this](const Waiter& who, std::string_view payload) { drivers_.names.find(who, payload); },
  };
}

// ---- executors ----

/// Of the values in one frame, which may have 8 MiB: there are the arguments too.
constexpr std::size_t kMaxTaskValueBytes = 2 << 20;

void Shell::give(const action::Dispatch& dispatch, const std::vector<DependencyPlace>& places) {
  const auto process = tasks_.executors.process_of(dispatch.executor);
  if (!process) return;
  const control::Runnable& run = dispatch.task;
  if (!dispatch.nested) objects_.runs(process_of({0, dispatch.executor}), run.spec->function_key);
  loop_.task.set_slot(dispatch.slot);
  loop_.task.set_generation(dispatch.generation);
  loop_.task.set_claim(run.claim);
  set_id(loop_.task.mutable_id(), run.id);
  loop_.task.set_attempt(run.tries + 1);
  loop_.task.set_name(run.spec->name);
  loop_.task.set_nested(dispatch.nested);
  loop_.task.set_brief(dispatch.brief);
  loop_.task.set_fresh_process(run.spec->fresh_process);
  loop_.task.set_threads(threads_of(run.spec->requirements));
  loop_.task.set_payload(run.spec->payload);
  loop_.task.set_session(run.spec->session);
  loop_.task.clear_dependencies();
  loop_.task.clear_objects();
  std::size_t bytes = 0;
  for (const control::OutcomePtr& dependency : run.dependencies) {
    bytes += dependency->bytes.size();
    if (bytes > kMaxTaskValueBytes) {
      wire::TaskValues first;
      first.mutable_dependencies()->Swap(loop_.task.mutable_dependencies());
      pool_.send(*process, wire::TASK_VALUES, first);
      bytes = dependency->bytes.size();
    }
    loop_.task.add_dependencies(dependency->bytes);
  }
  for (const DependencyPlace& one : places) {
    wire::ObjectPlace& out = *loop_.task.add_objects();
    out.set_index(static_cast<std::uint32_t>(one.index));
    out.set_object(one.place.number);
    out.set_offset(one.place.extent.offset);
    out.set_size(one.place.extent.size);
  }
  // The word first: the executor looks at it as soon as the frame is there.
  pool_.offer(*process, dispatch.slot, dispatch.generation);
  pool_.send(*process, wire::TASK, loop_.task);
}

TaskStarter::Means Shell::starter_means() {
  return {
      .want = [this](ProcessId who, control::FutureId future, const control::ObjectRef& object, Objects::Then then,
                     bool brief) { objects_.want(who, future, object, std::move(then), brief); },
      .unpin = [this](ExecutorId executor, std::uint64_t object) { objects_.unpin(executor, object); },
      .prefetch = [this](control::FutureId future,
                         const control::ObjectRef& object) { objects_.prefetch(future, object); },
      .never_fit = [this](std::uint64_t bytes) { return objects_.never_fit(bytes); },
      .anything_held = [this] { return objects_.anything_held(); },
      .give = [this](const action::Dispatch& dispatch,
                     const std::vector<DependencyPlace>& places) { give(dispatch, places); },
      .take_back =
          [this](ExecutorId executor, std::uint32_t slot, std::uint32_t generation) {
            const auto process = tasks_.executors.process_of(executor);
            return process && pool_.revoke(*process, slot, generation);
          },
      .after = call_later(),
      .clock_ms = [] { return base::monotonic_ms(); },
  };
}

TaskStarter::Events Shell::starter_events() {
  return {
      .task_done =
          [this](ExecutorId executor, Brain::Done done) {
            brain_.task_done(now(), executor, std::move(done));
            loop_.decide_again = true;
          },
      .revoked =
          [this](ExecutorId executor, std::uint32_t slot, std::uint32_t generation, bool taken_back) {
            brain_.revoked(executor, slot, generation, taken_back);
            loop_.decide_again |= taken_back;  // it may run elsewhere at once
          },
  };
}

ExecutorTable::Means Shell::executor_means() {
  return {
      .start = [this](const std::string& program,
                      const std::vector<unsigned>& devices) { return pool_.start(program, devices); },
      .kill = [this](ExecutorProcess process) { pool_.kill(process); },
      .collect_results = [this](ExecutorProcess process) { pool_.collect_results(process); },
      .drain_output = [this](ExecutorProcess process) { pool_.drain_output(process); },
      .taken = [this](ExecutorProcess process, std::uint32_t slot,
                      std::uint32_t generation) { return pool_.taken(process, slot, generation); },
      .send = [this](ExecutorProcess process, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { pool_.send(process, type, message); },
      .out_of_memory =
          [this](ExecutorId executor, const HandedTask* task, const ExecutorExit& exit, bool killed) {
            const bool signal_9 = exit.known && WIFSIGNALED(exit.status) && WTERMSIG(exit.status) == SIGKILL;
            const auto asked = task == nullptr ? std::nullopt : std::optional(task->spec->requirements.memory);
            return tasks_.memory.why_ended(executor, asked, signal_9, killed);
          },
      .may_read = [this](ExecutorId executor) { objects_.came(executor); },
      .reads_no_more =
          [this](ExecutorId executor) {
            objects_.gone(executor);
            tasks_.memory.forget(executor);
          },
      .seal = [this](ExecutorId executor, std::uint64_t object, std::uint64_t size, const ObjectOwner& owner,
                     bool keeps) { return objects_.seal(executor, object, size, owner, keeps); },
      .unpin = [this](ExecutorId executor, std::uint64_t object) { objects_.unpin(executor, object); },
      .after_waiting = [this](std::function<void()> then) { objects_.after_waiting(std::move(then)); },
  };
}

ExecutorTable::Events Shell::executor_events() {
  return {
      .started =
          [this](ExecutorId executor) {
            tasks_.memory.started(executor);
            brain_.executor_started(now(), executor);
          },
      .exited =
          [this](ExecutorId executor, const Brain::Exit& exit) {
            values_.copies.gone(Waiter{0, executor});
            brain_.executor_exited(now(), executor, exit);
          },
      .program_failed = [this](const std::string& program,
                               const std::string& reason) { brain_.program_failed(now(), program, reason); },
      .task_done = [this](ExecutorId executor,
                          Brain::Done done) { brain_.task_done(now(), executor, std::move(done)); },
      .frame =
          [this](ExecutorId executor, wire::FrameType type, std::string_view payload) {
            if (drivers_.changes.frame(Waiter{0, executor}, type, payload)) return;
            throw wire::ProtocolError("a task's process sent a frame of type " + std::to_string(type) +
                                      ", which only others may send");
          },
      .warn = warn(),
  };
}

TaskOutput::Source Shell::source_of(ExecutorId executor) const {
  if (const control::Runnable* running = brain_.running(executor))
    return {running->spec->name, true, running->spec->session, running->id, running->tries + 1};
  const auto& handed = tasks_.starter.handed(executor);
  if (handed.empty()) return {tasks_.executors.program_of(executor)};
  const HandedTask& first = handed.front();
  return {first.spec->name, true, first.spec->session, first.id, first.attempt};
}

TaskOutput::Means Shell::output_means() {
  return {
      .log_lines = [this](const OutputSource& source, bool to_stderr,
                          const std::vector<OutputLine>& lines) { logs_.task_lines(source, to_stderr, lines); },
      .source_of = [this](ExecutorId executor) { return source_of(executor); },
      .reader_of =
          [this](control::SessionId session) {
            const ClientId client = drivers_.sessions.client_of(session);
            return TaskOutput::Reader{drivers_.sessions.is_attached(session), client,
                                      client != 0 && drivers_.sessions.wants_log(client)};
          },
      .unsent_bytes = [this](ClientId client) { return clients_.unsent(client); },
      .send = [this](ClientId client, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { clients_.send(client, type, message); },
      .relay = [this](control::SessionId session, wire::Log& log) { relay_.send(session, log); },
      .left_out = [this](control::SessionId session, const std::string& place,
                         std::uint64_t lines) { tasks_.left_out.add(session, place, lines); },
      .keep_logs = [this] { logs_.keep(); },
  };
}

}  // namespace morrow::worker
