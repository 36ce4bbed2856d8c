// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/virtual_worker.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace morrow::simulation {

using worker::Brain;
using worker::StoreLane;
using worker::Waiter;
namespace action = worker::action;

namespace {

constexpr int kPassesATurn = 4;
constexpr Time kFinestTimer = 500 * kMicrosecond;

worker::Knobs make_knobs(const Config& config) {
  worker::Knobs knobs;
  knobs.executor_cap = config.executor_cap;
  knobs.linger = config.linger;
  knobs.idle_after = config.idle_after;
  if (!config.polls) knobs.poll = 0;
  knobs.max_drained_items = config.drained_items;
  knobs.long_wait = 50 * kMillisecond;  // no plan waits for itself: so none may be found to, however early it is asked
  knobs.heartbeat = std::min<Time>(knobs.heartbeat, config.lease_ms * kMillisecond / 10);
  return knobs;
}

}  // namespace

VirtualWorker::VirtualWorker(World world, control::Incarnation incarnation, std::string name, bool licensed)
    : world_(std::move(world)),
      incarnation_(incarnation),
      process_(world_.timeline),
      luck_(world_.random, world_.config.start_failure_percent) {
  info_.incarnation = incarnation_;
  info_.name = std::move(name);
  info_.address = std::to_string(incarnation_);
  info_.total.cpu_micro = world_.config.cpus * 1'000'000;
  info_.total.memory = 1ULL << 30;
  if (licensed) info_.total.named_micro["license"] = 1'000'000;
  lanes_ = std::make_unique<StoreLanes>(
      StoreLanes::World{world_.timeline, world_.random, world_.config, world_.weather, world_.wrong}, world_.database,
      process_, [this](std::function<void()> event) { tell(std::move(event)); });
  brain_ = std::make_unique<Brain>(Brain::Setup{incarnation_, info_, world_.random.draw(), make_knobs(world_.config)});
  make_executors();
  make_parts();
  lanes_->post(
      StoreLane::kRound, [this](store::Store& store) { store_actions_->join(store); }, [this] { joined(); });
}

VirtualWorker::~VirtualWorker() { process_.die(); }

void VirtualWorker::joined() {
  joined_ = true;
  watch_signal();
  upkeep_->start();
  signs_->start();
}

void VirtualWorker::watch_signal() {
  lanes_->watch(control::signal_key(incarnation_), [this] {
    // Set again before the inbox is read: a change in between fires it once more.
    watch_signal();
    brain_->signalled(now());
  });
}

// ---- the main thread ----

void VirtualWorker::tell(std::function<void()> event) {
  if (!process_.alive()) return;
  mailbox_.push_back(std::move(event));
  if (std::exchange(turn_ahead_, true)) return;
  process_.after(world_.random.between(1, 20) * kMicrosecond, [this] { turn(); });
}

void VirtualWorker::turn() {
  turn_ahead_ = false;
  for (auto& event : std::exchange(mailbox_, {})) event();
  if (joined_) decide();
}

/// Lets the brain decide on all that came in, and carries it out.
void VirtualWorker::decide() {
  for (int pass = 0; pass < kPassesATurn && process_.alive(); ++pass) {
    decide_again_ = false;
    brain_->step(now());
    for (worker::Action& action : brain_->take_actions()) {
      if (!process_.alive()) return;
      std::visit([this](auto& one) { carry_out(one); }, action);
    }
    sessions_->end_sessions();
    if (!decide_again_) break;
  }
  if (decide_again_) tell([] {});
  if (stopping_ && !leaving_) leave_when_drained();
  arm();
}

void VirtualWorker::arm() {
  const Time deadline = brain_->next_deadline();
  if (deadline == 0 || (armed_ > now() && armed_ <= deadline)) return;
  armed_ = std::max(deadline, now() + kFinestTimer);
  process_.at(armed_, [this, at = armed_] {
    if (armed_ == at) armed_ = 0;
    tell([] {});
  });
}

void VirtualWorker::stop() {
  if (stopping_ || !process_.alive()) return;
  stopping_ = true;
  sessions_->stop();
  signs_->stop();
  tell([this] {
    brain_->stop(now());
    process_.after(5 * kSecond, [this] { die(); });
  });
}

void VirtualWorker::leave_when_drained() {
  if (!brain_->drained()) return;
  leaving_ = true;
  store_actions_->leave([this] { die(); });
}

void VirtualWorker::calm() {
  if (!process_.alive()) return;
  lanes_->reconnect();
  luck_.calm(now());
}

void VirtualWorker::local_worker_ended(control::Incarnation incarnation, Time later) {
  process_.after(later, [this, incarnation] { tell([this, incarnation] { upkeep_->process_ended(incarnation); }); });
}

void VirtualWorker::die() {
  if (!process_.alive()) return;
  process_.die();
  upkeep_->stop();
  signs_->stop();
  for (auto& [client, connection] : connections_) {
    if (!connection.closed) connection.voice->lost();
  }
  connections_.clear();
  // Not from inside of what they are doing.
  world_.timeline.after(0, [this] {
    lanes_.reset();
    executors_.reset();
    world_.ended(*this);
  });
}

// ---- values ----

/// A value that lies with another worker is copied here, and the store is told of the copy. Some copies turn out to be
/// damaged and are dropped; when no living worker has another one, the value is lost.
void VirtualWorker::bring(FutureId id, const control::ObjectRef& object, std::function<void(bool here)> then) {
  const std::uint64_t number = object.number;
  // What can't be computed again is never lost here: somebody always has it.
  const bool may_be_lost = object.size == Executors::kMayBeLost;
  if (objects_.contains(number)) {
    const bool damaged =
        may_be_lost && world_.random.chance(world_.config.loss_percent) && lost_once_.insert(id).second;
    if (!damaged) return then(true);
    objects_.erase(number);
    brain_->object_dropped(now(), id);
    decide_again_ = true;
  }
  const auto copied = [this, id, number, size = object.size, then = std::move(then)](bool lost,
                                                                                     const std::string& problem) {
    decide_again_ = true;
    if (objects_.contains(number)) return then(true);  // by another transfer
    if (!lost && !problem.empty()) world_.odd("a value could not be fetched: " + problem);
    const bool here = !lost && problem.empty();
    if (here) {
      objects_[number] = size;
      brain_->object_copied(now(), id, number);
    }
    then(here);
  };
  if (!may_be_lost) return copied(false, "");
  transfers_->fetch(id, object, {}, copied);
}

void VirtualWorker::forget_one() {
  std::vector<std::uint64_t> some;
  for (const auto& [number, size] : objects_) {
    if (size == Executors::kMayBeLost) some.push_back(number);
  }
  if (!some.empty()) objects_.erase(some[world_.random.below(some.size())]);
}

/// As worker::Fetcher does: one holder after the other.
void VirtualWorker::fetch(const std::vector<wire::Endpoint>& holders, std::uint64_t number,
                          const worker::Fetcher::Done& ended) {
  using End = worker::Fetcher::End;
  process_.after(world_.random.delay(4 * world_.config.hop), [this, holders, number, ended] {
    End end = End::kAbsent;
    const std::size_t first = world_.random.below(holders.size());
    for (std::size_t i = 0; i < holders.size(); ++i) {
      const wire::Endpoint& holder = holders[(first + i) % holders.size()];
      const End got = world_.ask_holder(std::stoull(holder.host), number);
      if (got == End::kWhole || got == End::kBusy || end == End::kAbsent) end = got;
      if (got == End::kWhole) break;
    }
    tell([ended, end] { ended(end, end == End::kWhole ? "" : "no worker gave it"); });
  });
}

void VirtualWorker::want(worker::ProcessId process, FutureId id, const control::ObjectRef& object,
                         const worker::Objects::Then& then, bool brief) {
  bring(id, object, [this, process, object, then, brief](bool here) {
    if (!here) {
      const worker::ObjectProblem problem{control::FailureKind::kLost, "it is lost", true};
      return then(nullptr, &problem);
    }
    memory_->pin(process, object.number, object.size, brief, [this, object, then](bool room, bool contended) {
      decide_again_ = true;
      const worker::ObjectPlace place{object.number, {0, object.size}};
      const worker::ObjectProblem problem{control::FailureKind::kNoRoom, "there is no room", false, contended};
      then(room ? &place : nullptr, room ? nullptr : &problem);
    });
  });
}

void VirtualWorker::give(const action::Dispatch& dispatch, const std::vector<worker::DependencyPlace>& places) {
  auto& pinned = pinned_[{dispatch.executor, dispatch.slot, dispatch.generation}];
  for (const worker::DependencyPlace& one : places) pinned.push_back(one.place.number);
  executors_->give(dispatch);
}

void VirtualWorker::values_read(worker::ExecutorId executor, std::uint32_t slot, std::uint32_t generation) {
  const auto pinned = pinned_.extract({executor, slot, generation});
  if (pinned.empty()) return;
  for (const std::uint64_t number : pinned.mapped()) memory_->unpin(executor, number);
}

void VirtualWorker::executor_gone(worker::ExecutorId executor) {
  std::erase_if(pinned_, [executor](const auto& one) { return std::get<0>(one.first) == executor; });
  memory_->gone(executor);
}

/// A worker where a program does not start leaves its futures to the others.
void VirtualWorker::look_at_taken(const control::ClaimResult& result) {
  const auto of_program = std::count_if(result.taken.begin(), result.taken.end(),
                                        [](const auto& taken) { return taken.spec->program == kProgram; });
  if (!luck_.may_take(now(), static_cast<std::size_t>(of_program), executors_->without_process_since()))
    world_.wrong("A worker goes on taking work whose program does not start there.");
}

void VirtualWorker::carry_out(action::FreeObjects& freed) {
  for (const std::uint64_t number : freed.objects) objects_.erase(number);
}

// ---- actions ----

void VirtualWorker::carry_out(action::StartExecutor& start) {
  starter_->executor_came(start.executor);
  memory_->came(start.executor);
  executors_->start(start);
}

void VirtualWorker::carry_out(action::Ack& ack) {
  if (ack.to.client != 0) sessions_->carry_out(ack);
}

void VirtualWorker::carry_out(action::Ready& ready) {
  const bool object = !ready.pending && ready.with_value && ready.outcome && ready.outcome->object;
  if (!object) return answer(ready);
  bring(ready.id, ready.outcome->object, [this, ready](bool here) {
    if (!here) {
      brain_->object_lost(now(), ready);
    } else if (brain_->object_here(ready)) {
      answer(ready);
    }
  });
}

void VirtualWorker::answer(const action::Ready& ready) {
  if (ready.to.client == 0) return executors_->ready(ready);
  WorkerVoice* const voice = voice_of(ready.to.client);
  if (voice == nullptr) return;
  ++connections_[ready.to.client].taken;
  voice->ready(ready);
}

}  // namespace morrow::simulation
