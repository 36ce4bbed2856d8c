// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/virtual_worker.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace morrow::simulation {

using worker::Brain;
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
  knobs.heartbeat = std::min<Time>(knobs.heartbeat, config.lease_ms * kMillisecond / 10);
  return knobs;
}

}  // namespace

VirtualWorker::VirtualWorker(World world, control::Incarnation incarnation, std::string name, bool licensed)
    : world_(std::move(world)), incarnation_(incarnation), process_(world_.timeline) {
  info_.incarnation = incarnation_;
  info_.name = std::move(name);
  info_.total.cpu_milli = world_.config.cpus * 1000;
  info_.total.memory = 1ULL << 30;
  if (licensed) info_.total.named_milli["license"] = 1000;
  const auto to_main = [this](std::function<void()> event) { tell(std::move(event)); };
  lanes_ = std::make_unique<StoreLanes>(
      StoreLanes::World{world_.timeline, world_.random, world_.config, world_.weather, world_.wrong}, world_.database,
      process_, to_main);
  Brain::Setup setup;
  setup.incarnation = incarnation_;
  setup.info = info_;
  setup.seed = world_.random.draw();
  setup.knobs = make_knobs(world_.config);
  brain_ = std::make_unique<Brain>(setup);
  executors_ = std::make_unique<Executors>(Executors::World{world_.timeline, world_.random, world_.plans, info_.total,
                                                            world_.fresh, world_.wrong, world_.odd,
                                                            [this](std::uint64_t size) {
                                                              const std::uint64_t number = world_.fresh();
                                                              objects_.insert(number);
                                                              return control::ObjectRef{number, size, incarnation_};
                                                            }},
                                           *brain_, to_main);
  worker::Upkeep::Means means;
  means.post = [this](std::function<void(store::Store&)> job, std::function<void()> done) {
    lanes_->post(Lane::kUpkeep, std::move(job), std::move(done));
  };
  means.after = [this](std::uint64_t milliseconds, std::function<void()> then) {
    process_.after(milliseconds * kMillisecond, [this, then = std::move(then)] { tell(then); });
  };
  means.clock_ns = [this] { return now(); };
  worker::Upkeep::Events events;
  events.workers_seen = [this](const auto& workers) { brain_->workers_seen(now(), workers); };
  events.checks_found = [this](const auto& checks) { brain_->checks_found(now(), checks); };
  events.session_abandoned = [this](control::SessionId session, std::uint64_t attachment) {
    brain_->session_abandoned(now(), session, attachment);
  };
  events.say = [](const std::string&) {};
  events.tick = [] {};
  events.work_came = [this] { brain_->signalled(now()); };
  upkeep_ = std::make_unique<worker::Upkeep>(std::move(means), incarnation_,
                                             worker::Upkeep::Options{world_.config.lease_ms, world_.config.polls},
                                             std::move(events));
  lanes_->post(
      Lane::kRound,
      [this](store::Store& store) {
        control::join(store, info_);
        committer_ = std::make_shared<control::Committer>(store, incarnation_);
      },
      [this] { joined(); });
}

VirtualWorker::~VirtualWorker() { process_.die(); }

void VirtualWorker::joined() {
  joined_ = true;
  watch_signal();
  upkeep_->start();
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
    end_sessions();
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
  tell([this] {
    brain_->stop(now());
    process_.after(5 * kSecond, [this] { die(); });
  });
}

void VirtualWorker::leave_when_drained() {
  if (!brain_->drained()) return;
  leaving_ = true;
  lanes_->post(
      Lane::kUpkeep, [incarnation = incarnation_](store::Store& store) { control::leave(store, incarnation); },
      [this] { die(); });
}

void VirtualWorker::die() {
  if (!process_.alive()) return;
  process_.die();
  upkeep_->stop();
  for (auto& [client, driver] : drivers_) {
    if (!driver.closed) driver.voice->lost();
  }
  drivers_.clear();
  // Not from inside of what they are doing.
  world_.timeline.after(0, [this] {
    lanes_.reset();
    executors_.reset();
    world_.ended(*this);
  });
}

// ---- drivers ----

ClientId VirtualWorker::connect(std::shared_ptr<WorkerVoice> voice) {
  const ClientId client = ++last_client_;
  drivers_[client].voice = std::move(voice);
  return client;
}

void VirtualWorker::hello(ClientId client, const Hello& hello) {
  tell([this, client, hello] {
    const auto found = drivers_.find(client);
    if (found == drivers_.end() || found->second.closed) return;
    found->second.session = hello.session;
    if (const auto other = sessions_.find(hello.session); other != sessions_.end() && other->second != client) {
      close(other->second);  // the same driver came back before its old connection was seen to end
    }
    sessions_[hello.session] = client;
    lanes_->post(
        Lane::kRound,
        [session = hello.session](store::Store& store) {
          control::put_program(store, kProgram, "the program", session);
        },
        nullptr);
    brain_->session_opening(now(), client, hello.session, kProgram, hello.resume, hello.grace_ms, hello.opening);
  });
}

void VirtualWorker::hear(ClientId client, std::function<void(Brain&, Time)> request) {
  tell([this, client, request = std::move(request)] {
    const auto found = drivers_.find(client);
    if (found == drivers_.end() || found->second.closed || found->second.ending != 0) return;
    request(*brain_, now());
  });
}

void VirtualWorker::end_session(ClientId client, std::uint64_t number) {
  tell([this, client, number] {
    const auto found = drivers_.find(client);
    if (found == drivers_.end() || found->second.closed || found->second.ending != 0) return;
    found->second.ending = number;
    found->second.ending_round = rounds_;
    brain_->flush(now(), Waiter{client, 0});
  });
}

void VirtualWorker::end_sessions() {
  for (auto& [client, driver] : drivers_) {
    if (driver.ending == 0 || driver.asked_failed || driver.acked + 1 < driver.ending) continue;
    if (round_in_flight_ && rounds_ < driver.ending_round + 2) continue;
    driver.asked_failed = true;
    lanes_->post(
        Lane::kUpkeep,
        [session = driver.session](store::Store& store) { control::failed_in_scope(store, session, {}); },
        [this, id = client] {
          const auto found = drivers_.find(id);
          if (found != drivers_.end()) brain_->end_session(now(), id, found->second.ending);
        });
  }
}

void VirtualWorker::close(ClientId client) {
  const auto found = drivers_.find(client);
  if (found == drivers_.end() || found->second.closed) return;
  found->second.closed = true;
  found->second.voice->lost();
  client_gone(client);
}

void VirtualWorker::client_gone(ClientId client) {
  tell([this, client] {
    const auto found = drivers_.find(client);
    if (found == drivers_.end()) return;
    const Driver driver = std::move(found->second);
    drivers_.erase(found);
    brain_->client_gone(now(), client);
    const auto attached = sessions_.find(driver.session);
    if (driver.session == 0 || attached == sessions_.end() || attached->second != client) return;
    sessions_.erase(attached);
    if (driver.attachment != 0) orphan(driver.session, driver.attachment);
  });
}

void VirtualWorker::orphan(control::SessionId session, std::uint64_t attachment) {
  if (stopping_) return;
  lanes_->post(
      Lane::kUpkeep,
      [incarnation = incarnation_, session, attachment](store::Store& store) {
        control::orphan_session(store, incarnation, session, attachment);
      },
      nullptr);
}

// ---- actions ----

void VirtualWorker::carry_out(action::Revoke& revoke) {
  auto& starting = starting_[revoke.executor];
  const auto waits = std::find_if(starting.begin(), starting.end(), [&](const auto& one) {
    return one->dispatch.slot == revoke.slot && one->dispatch.generation == revoke.generation;
  });
  const bool back = waits != starting.end() || executors_->revoke(revoke);
  if (waits != starting.end()) starting.erase(waits);
  brain_->revoked(revoke.executor, revoke.slot, revoke.generation, back);
  decide_again_ |= back;
}

/// A value that lies with another worker is copied here, and the store is told of the copy. Some copies turn out to be
/// damaged and are dropped; when no living worker has another one, the value is lost.
void VirtualWorker::bring(FutureId id, const control::ObjectRef& object, std::function<void(bool here)> then) {
  const std::uint64_t number = object.number;
  if (objects_.contains(number)) {
    const bool damaged = object.size == Executors::kMayBeLost && world_.random.chance(world_.config.loss_percent) &&
                         lost_once_.insert(id).second;
    if (!damaged) return then(true);
    objects_.erase(number);
    brain_->object_dropped(now(), id);
    decide_again_ = true;
  } else if (world_.config.loss_percent == 0 || object.size != Executors::kMayBeLost) {
    objects_.insert(number);
    brain_->object_copied(now(), id, number);
    decide_again_ = true;
    return then(true);
  }
  auto found = std::make_shared<bool>(false);
  lanes_->post(
      Lane::kClaim,
      [this, id, number, found](store::Store& store) {
        const auto holders = control::object_holders(store, id, number);
        *found = std::any_of(holders.begin(), holders.end(),
                             [this](const auto& one) { return one.incarnation != incarnation_; });
      },
      [this, id, number, found, then = std::move(then)] {
        decide_again_ = true;
        if (*found && objects_.insert(number).second) brain_->object_copied(now(), id, number);
        then(objects_.contains(number));
      });
}

void VirtualWorker::carry_out(action::FreeObjects& freed) {
  for (const std::uint64_t number : freed.objects) objects_.erase(number);
}

void VirtualWorker::carry_out(action::Dispatch& dispatch) {
  const control::Runnable& run = dispatch.task;
  const bool waits = std::any_of(run.dependencies.begin(), run.dependencies.end(),
                                 [](const auto& value) { return static_cast<bool>(value->object); });
  if (!waits && (dispatch.nested || starting_[dispatch.executor].empty())) return executors_->dispatch(dispatch);
  const auto starting = std::make_shared<Starting>();
  starting->dispatch = dispatch;
  starting_[dispatch.executor].push_back(starting);
  starting->missing = 1;  // so that nothing starts while there are others to ask for
  for (std::size_t i = 0; i < run.dependencies.size(); ++i) {
    const control::ObjectRef object = run.dependencies[i]->object;
    if (!object) continue;
    ++starting->missing;
    const FutureId id = run.spec->dependencies[i];
    bring(id, object, [this, starting, id, object](bool here) {
      if (!here) starting->lost = {id, object.number};
      --starting->missing;
      start_ready(starting->dispatch.executor);
    });
  }
  --starting->missing;
  start_ready(dispatch.executor);
}

/// Starts what has all its values, in the order in which it was given.
void VirtualWorker::start_ready(worker::ExecutorId executor) {
  while (!starting_[executor].empty() && starting_[executor].front()->missing == 0) {
    const std::shared_ptr<Starting> starting = starting_[executor].front();
    starting_[executor].pop_front();
    const action::Dispatch& dispatch = starting->dispatch;
    if (starting->lost.object == 0) {
      executors_->dispatch(dispatch);
      continue;
    }
    Brain::Done done;
    done.slot = dispatch.slot;
    done.generation = dispatch.generation;
    done.claim = dispatch.task.claim;
    done.unstarted = true;
    done.lost = starting->lost;
    done.outcome =
        std::make_shared<control::Outcome>(control::Outcome{control::FailureKind::kLost, "a value is lost", {}, {}});
    brain_->task_done(now(), executor, std::move(done));
  }
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
  const auto found = drivers_.find(ready.to.client);
  if (found != drivers_.end() && !found->second.closed) found->second.voice->ready(ready);
}

void VirtualWorker::carry_out(action::Ack& ack) {
  const auto found = drivers_.find(ack.to.client);
  if (ack.to.client == 0 || found == drivers_.end() || found->second.closed) return;
  found->second.acked = std::max(found->second.acked, ack.number);
  found->second.voice->ack(ack.number);
}

void VirtualWorker::carry_out(action::Welcome& welcome) {
  const auto found = drivers_.find(welcome.client);
  if (found == drivers_.end()) return;
  found->second.attachment = welcome.attachment;
  found->second.acked = welcome.applied;
  if (!found->second.closed) found->second.voice->welcome(welcome.applied, "");
}

void VirtualWorker::carry_out(action::Refuse& refuse) {
  const auto found = drivers_.find(refuse.client);
  if (found == drivers_.end() || found->second.closed) return;
  found->second.voice->welcome(0, refuse.sentence);
  close(refuse.client);
}

void VirtualWorker::carry_out(action::SessionEnded& ended) {
  const auto found = drivers_.find(ended.client);
  if (found == drivers_.end()) return;
  sessions_.erase(found->second.session);
  found->second.session = 0;
  if (!found->second.closed) found->second.voice->session_ended();
}

void VirtualWorker::carry_out(action::CommitRound& commit) {
  struct Work {
    std::shared_ptr<const control::Round> round;
    control::RoundResult result;
    std::vector<std::pair<control::SessionId, std::uint64_t>> opened;
  };
  auto work = std::make_shared<Work>();
  work->round = std::move(commit.round);
  for (const control::Op& op : work->round->ops) {
    if (const auto* open = std::get_if<control::op::OpenSession>(&op))
      work->opened.emplace_back(open->session, open->attachment);
  }
  round_in_flight_ = true;
  ++rounds_;
  lanes_->post(
      Lane::kRound, [work, committer = committer_](store::Store&) { work->result = committer->run(*work->round); },
      [this, work] {
        round_in_flight_ = false;
        if (work->result.fanouts) upkeep_->fan_out();
        brain_->round_done(now(), std::move(work->result));
        for (const auto& [session, attachment] : work->opened) {
          if (!sessions_.contains(session)) orphan(session, attachment);  // its driver went before it was welcome
        }
      });
}

void VirtualWorker::carry_out(action::ClaimWork& claim) {
  auto request = std::make_shared<control::ClaimRequest>(std::move(claim.request));
  auto tries = std::make_shared<control::ClaimTries>();
  auto result = std::make_shared<control::ClaimResult>();
  lanes_->post(
      Lane::kClaim,
      [request, tries, result, total = info_.total](store::Store& store) {
        *result = control::claim(store, *request, total, *tries);
      },
      [this, result] { brain_->claim_done(now(), std::move(*result)); });
}

void VirtualWorker::carry_out(action::FindReadyDependencies& find) {
  constexpr std::size_t kAtOnce = 100;
  auto ready = std::make_shared<std::vector<FutureId>>();
  lanes_->post(
      Lane::kClaim,
      [ready, id = find.id](store::Store& store) { *ready = control::ready_dependencies(store, id, kAtOnce); },
      [this, ready, id = find.id] { brain_->ready_dependencies_done(now(), id, *ready); });
}

void VirtualWorker::carry_out(action::SetIdle& idle) {
  auto more = std::make_shared<bool>(false);
  lanes_->post(
      Lane::kClaim,
      [more, incarnation = incarnation_, idle](store::Store& store) {
        *more = control::set_idle(store, incarnation, idle.idle, idle.free);
      },
      [this, more] {
        if (*more) brain_->signalled(now());
      });
}

void VirtualWorker::carry_out(action::WakeIdle& wake) {
  lanes_->post(
      Lane::kClaim,
      [incarnation = incarnation_, limit = wake.limit](store::Store& store) {
        control::wake_idle(store, incarnation, limit);
      },
      nullptr);
}

void VirtualWorker::carry_out(action::Fenced&) { die(); }

}  // namespace morrow::simulation
