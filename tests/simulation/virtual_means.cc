// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tests/simulation/virtual_worker.h"

// What the real parts of the shell are given here: the means that stand for sockets, threads and processes in virtual
// time. The shell's own are in src/worker/shell/shell_means.cc.
namespace morrow::simulation {

using worker::Brain;
using worker::StoreLane;
using worker::Waiter;
namespace action = worker::action;

void VirtualWorker::make_executors() {
  Executors::World world{world_.timeline, world_.random, world_.plans, info_.total,
                         world_.fresh,    world_.wrong,  world_.odd};
  world.reserve = [this](worker::ExecutorId executor, std::uint64_t number, std::uint64_t size,
                         ObjectMemory::Then then) { memory_->reserve(executor, number, size, std::move(then)); };
  world.values_read = [this](worker::ExecutorId executor, std::uint32_t slot, std::uint32_t generation) {
    values_read(executor, slot, generation);
  };
  if (world_.config.scarce_room()) world.large_values = 6;
  world.make_object = [this](worker::ExecutorId executor, std::uint64_t number, std::uint64_t size) {
    memory_->end_writing(executor, number);
    objects_[number] = size;
    return control::ObjectRef{number, size, incarnation_};
  };
  world.kill_worker = [this, killed = false](const Plan& plan) mutable {
    if (std::exchange(killed, true)) return;
    world_.killed(plan);
    world_.timeline.after(0, [this] { die(); });
  };
  world.task_done = [this](worker::ExecutorId executor, Brain::Done done) {
    starter_->ended(executor, done.claim);
    brain_->task_done(now(), executor, std::move(done));
    starter_->start_ready(executor);
  };
  world.exited = [this](worker::ExecutorId executor, const Brain::Exit& exit) {
    starter_->executor_gone(executor);
    executor_gone(executor);
    brain_->executor_exited(now(), executor, exit);
  };
  world.begun = world_.begun;
  world.start_fate = [this](const std::string& program) { return luck_.draw(now(), program == kHopelessProgram); };
  world.program_failed = [this](const std::string& program, const std::vector<worker::ExecutorId>& gone) {
    for (const worker::ExecutorId executor : gone) {
      starter_->executor_gone(executor);
      executor_gone(executor);
    }
    brain_->program_failed(now(), program, "it does not start");
  };
  executors_ = std::make_unique<Executors>(std::move(world), *brain_,
                                           [this](std::function<void()> event) { tell(std::move(event)); });
}

ObjectMemory::World VirtualWorker::memory_world() {
  return {
      .now_ms = [this] { return now() / kMillisecond; },
      .after = upkeep_means().after,
      .wrong = world_.wrong,
      .waits_for_room =
          [this](worker::ProcessId process, bool waits) {
            brain_->room_lacks(now(), static_cast<worker::ExecutorId>(process), waits);
            executors_->lacks_room(static_cast<worker::ExecutorId>(process), waits);
            decide_again_ = true;
          },
      .could_use_room =
          [this](worker::ProcessId process) {
            return !worker::is_executor(process) || brain_->could_use_room(static_cast<worker::ExecutorId>(process));
          },
  };
}

void VirtualWorker::make_parts() {
  memory_ = std::make_unique<ObjectMemory>(memory_world(), world_.config.room_for_values * Executors::kRoomBytes);
  upkeep_ = std::make_unique<worker::Upkeep>(upkeep_means(), incarnation_,
                                             worker::Upkeep::Options{world_.config.lease_ms, world_.config.polls},
                                             upkeep_events());
  store_actions_ = std::make_unique<worker::StoreActions>(post_to_store(), info_, store_events());
  sessions_ = std::make_unique<worker::DriverSessions>(
      session_means(), worker::DriverSessions::Options{kCluster, info_.name, incarnation_}, session_events());
  signs_ = std::make_unique<worker::DriverSigns>(sign_means(), world_.config.lease_ms);
  names_ = std::make_unique<worker::NamedFutures>(worker::NamedFutures::Means{
      post_to_store(), [this](const Waiter& who, wire::FrameType type, const google::protobuf::MessageLite& message) {
        send(who.client, type, message);
      }});
  transfers_ = std::make_unique<worker::ObjectTransfers>(
      transfer_means(), worker::ObjectTransfers::Options{incarnation_, world_.config.lease_ms});
  starter_ = std::make_unique<worker::TaskStarter>(starter_means(), worker::TaskStarter::Options{info_.name},
                                                   starter_events());
}

worker::PostToStore VirtualWorker::post_to_store() {
  return [this](StoreLane lane, std::function<void(store::Store&)> job, std::function<void()> done) {
    lanes_->post(lane, std::move(job), std::move(done));
  };
}

worker::StoreActions::Events VirtualWorker::store_events() {
  return {
      .round_done = [this](control::RoundResult result) { brain_->round_done(now(), std::move(result)); },
      .claim_done =
          [this](control::ClaimResult result) {
            look_at_taken(result);
            brain_->claim_done(now(), std::move(result));
          },
      .ready_dependencies_done =
          [this](FutureId id, const std::vector<FutureId>& ready) {
            brain_->ready_dependencies_done(now(), id, ready);
          },
      .deadlocks_ended =
          [this](const control::EndedDeadlocks& ended, const std::vector<FutureId>& checks) {
            brain_->deadlocks_ended(now(), ended.endings, checks);
          },
      .work_came = [this] { brain_->signalled(now()); },
      .fan_out = [this] { upkeep_->fan_out(); },
      .session_opened = [this](control::SessionId session,
                               std::uint64_t attachment) { sessions_->opened(session, attachment); },
  };
}

worker::Upkeep::Means VirtualWorker::upkeep_means() {
  return {
      .post = [this](std::function<void(store::Store&)> job,
                     std::function<void()> done) { lanes_->post(StoreLane::kUpkeep, std::move(job), std::move(done)); },
      .after =
          [this](std::uint64_t milliseconds, std::function<void()> then) {
            process_.after(milliseconds * kMillisecond, [this, then = std::move(then)] { tell(then); });
          },
      .clock_ns = [this] { return now(); },
  };
}

worker::Upkeep::Events VirtualWorker::upkeep_events() {
  return {
      .workers_seen = [this](const auto& workers) { brain_->workers_seen(now(), workers); },
      .checks_found = [this](const auto& checks) { brain_->checks_found(now(), checks); },
      .session_abandoned =
          [this](control::SessionId session, std::uint64_t attachment) {
            world_.abandoned(session);
            brain_->session_abandoned(now(), session, attachment);
          },
      .say = [](const std::string&) {},
      .tick = [] {},
      .work_came = [this] { brain_->signalled(now()); },
  };
}

worker::DriverSessions::Means VirtualWorker::session_means() {
  return {
      .post = post_to_store(),
      .send = [this](ClientId client, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { send(client, type, message); },
      .send_ended = [this](ClientId client, wire::SessionEnded& ended) { send(client, wire::SESSION_ENDED, ended); },
      .send_welcome =
          [this](ClientId client, wire::Welcome& welcome, bool) {
            if (voice_of(client) == nullptr) return;
            signs_->welcome(client, connections_[client].on_this_machine);
            send(client, wire::WELCOME, welcome);
          },
      .close = [this](ClientId client) { close(client); },
      .pause = [](ClientId) {},
      .resume = [](ClientId) {},
      .rounds = [this] { return store_actions_->rounds(); },
  };
}

worker::DriverSigns::Means VirtualWorker::sign_means() {
  return {
      .after = upkeep_means().after,
      .send = [this](ClientId client, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { send(client, type, message); },
      .traffic =
          [this](ClientId client) {
            const Connection& connection = connections_[client];
            return worker::Clients::Traffic{.came = connection.came, .taken = connection.taken};
          },
      .is_open = [this](ClientId client) { return sessions_->takes_changes(client); },
      .cut = [this](ClientId client) { cut(client); },
      .warn = [](const std::string&) {},
  };
}

worker::DriverSessions::Events VirtualWorker::session_events() {
  return {
      .opening =
          [this](const worker::DriverSessions::Opening& opening) {
            brain_->session_opening(now(), opening.client, opening.session, opening.program, opening.resume,
                                    opening.grace_ms, opening.number);
          },
      .gone = [this](ClientId client) { brain_->client_gone(now(), client); },
      .ending = [this](ClientId client) { brain_->session_ending(now(), client); },
      .end_session = [this](ClientId client, std::uint64_t number) { brain_->end_session(now(), client, number); },
      .program_named = [](const std::string&, std::int64_t) {},
      .warn = [this](const std::string& sentence) { world_.wrong("A worker warns: " + sentence); },
  };
}

worker::ObjectTransfers::Means VirtualWorker::transfer_means() {
  return {
      .post = post_to_store(),
      .fetch = [this](const std::vector<wire::Endpoint>& holders, std::uint64_t number, std::span<std::byte>,
                      const worker::Fetcher::Done& ended) { fetch(holders, number, ended); },
      .endpoint_of = [](const std::string& address) -> std::optional<wire::Endpoint> {
        wire::Endpoint endpoint;
        endpoint.host = address;
        return endpoint;
      },
      .after = upkeep_means().after,
      .clock_ms = [this] { return now() / kMillisecond; },
      .warn = [](const std::string&) {},
  };
}

worker::TaskStarter::Means VirtualWorker::starter_means() {
  return {
      .want = [this](worker::ProcessId process, FutureId id, const control::ObjectRef& object,
                     worker::Objects::Then then, bool brief) { want(process, id, object, then, brief); },
      .unpin = [this](worker::ExecutorId executor, std::uint64_t object) { memory_->unpin(executor, object); },
      .prefetch = [](FutureId, const control::ObjectRef&) {},
      .never_fit = [this](std::uint64_t bytes) -> std::optional<worker::ObjectProblem> {
        if (bytes <= memory_->capacity_bytes()) return std::nullopt;
        return worker::ObjectProblem{control::FailureKind::kNoRoom, "they are more than all of it"};
      },
      .anything_held = [this] { return memory_->anything_held(); },
      .give = [this](const action::Dispatch& dispatch,
                     const std::vector<worker::DependencyPlace>& places) { give(dispatch, places); },
      .take_back = [this](worker::ExecutorId executor, std::uint32_t slot,
                          std::uint32_t generation) { return executors_->take_back(executor, slot, generation); },
      .after = upkeep_means().after,
      .clock_ms = [this] { return now() / kMillisecond; },
  };
}

worker::TaskStarter::Events VirtualWorker::starter_events() {
  return {
      .task_done =
          [this](worker::ExecutorId executor, Brain::Done done) {
            brain_->task_done(now(), executor, std::move(done));
            decide_again_ = true;
          },
      .revoked =
          [this](worker::ExecutorId executor, std::uint32_t slot, std::uint32_t generation, bool taken_back) {
            brain_->revoked(executor, slot, generation, taken_back);
            decide_again_ |= taken_back;
          },
  };
}

}  // namespace morrow::simulation
