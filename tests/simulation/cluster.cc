// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/cluster.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "control/faults.h"
#include "control/keys.h"
#include "control/records.h"
#include "control/sources.h"

namespace morrow::simulation {
namespace {

const Timeline* the_timeline = nullptr;  // of the cluster that runs now

std::uint64_t virtual_microseconds() { return the_timeline->now() / kMicrosecond; }

constexpr std::size_t kMostTransactionBytes = 1'000'000;
constexpr Time kLookForKeys = 100 * kMillisecond;
constexpr Time kSettle = 200 * kMillisecond;

}  // namespace

Cluster::Cluster(const Config& config, Options options)
    : config_(config),
      options_(options),
      random_(config.seed * 2 + 1),
      database_(std::make_shared<store::SimDatabase>(store::SimDatabase::Options{kMostTransactionBytes})),
      weather_(timeline_, random_, config_, *database_),
      plans_(random_, config_.sizes),
      invariants_(*database_, control::Invariants::Depth::kTouched) {
  the_timeline = &timeline_;
  control::sources::microseconds = &virtual_microseconds;
  control::sources::signals = 0;
  database_->hooks.step = &StoreLanes::between_steps;
  database_->hooks.committed = [this](const store::Commit& commit) { committed(commit); };
  // That fault is to be found by what it does, not by how it is written.
  if (control::planted(control::Fault::kDrainedInbox)) invariants_.allow_other_ranges();
  for (std::size_t i = 0; i < config_.workers; ++i) add_worker();
  for (std::size_t i = 0; i < config_.drivers; ++i) add_driver(plans_.driver(), config_.calm_after / 8);
}

void Cluster::add_driver(PlanPtr plan, Time within) {
  VirtualDriver::World world{
      timeline_,
      random_,
      config_,
      [this] { return pick_worker(); },
      [this] { return fresh(); },
      [this](const std::string& sentence) { wrong(sentence); },
      [this](FutureId id) { return is_released(id); },
      [this](const std::string& name) { kept_.insert(name); },
  };
  drivers_.push_back(std::make_unique<VirtualDriver>(std::move(world), std::move(plan)));
  timeline_.after(random_.delay(within), [driver = drivers_.back().get()] { driver->start(); });
}

Cluster::~Cluster() { database_->hooks = {}; }

std::uint64_t Cluster::fresh() {
  std::uint64_t drawn = 0;
  while (drawn == 0) drawn = random_.draw();
  return drawn;
}

void Cluster::wrong(const std::string& sentence) {
  say("WRONG: " + sentence);
  violations_.push_back(sentence);
}

void Cluster::say(const std::string& sentence) {
  if (!options_.verbose) return;
  std::printf("%10.6f  %s\n", static_cast<double>(timeline_.now()) / 1e9, sentence.c_str());
}

void Cluster::committed(const store::Commit& commit) {
  ++commits_;
  timeline_.note(commit.version);
  if (options_.verbose) say("commit " + std::to_string(commit.version));
  for (const auto& [key, value] : commit.writes) {
    timeline_.note(key);
    timeline_.note(value ? std::string_view(*value) : std::string_view("-"));
    if (options_.verbose) {
      std::printf("              %s %s\n", value ? "set  " : "clear", control::readable(key).c_str());
    }
  }
  check_evictions(commit);
  for (const std::string& sentence : invariants_.committed(commit)) wrong(sentence);
}

/// Only who was away for long since its last sign is evicted: not who was kept from the store as everybody else.
void Cluster::check_evictions(const store::Commit& commit) {
  for (const auto& [key, value] : commit.writes) {
    if (!value || (key[0] != 'g' && !(key[0] == 'w' && key.back() == 'r'))) continue;
    const control::Incarnation incarnation = control::keys::read_u64(key, 1);
    const VirtualWorker* const worker = find(incarnation);
    if (worker == nullptr || !worker->open()) continue;
    const Time was_away = worker->was_away();
    if (key[0] == 'w') {
      away_at_last_sign_[incarnation] = was_away;
      continue;
    }
    say("worker " + std::to_string(incarnation) + " is evicted");
    if (was_away - away_at_last_sign_[incarnation] < config_.lease_ms * kMillisecond / 2)
      wrong("A worker was evicted that was well.");
  }
}

/// Of those that live.
VirtualWorker* Cluster::find(control::Incarnation incarnation) const {
  const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker->incarnation() == incarnation && worker->process().alive();
  });
  return found == workers_.end() ? nullptr : found->get();
}

// ---- workers ----

void Cluster::add_worker() {
  VirtualWorker::World world{
      timeline_,
      random_,
      config_,
      weather_,
      plans_,
      database_,
      [this] { return fresh(); },
      [this](const std::string& sentence) { wrong(sentence); },
      [this](const std::string& sentence) {
        say("odd: " + sentence);
        odd_.push_back(sentence);
      },
      [this](VirtualWorker& worker) { worker_ended(worker); },
      [this](const Plan& plan) { worker_killed(plan); },
      [this](control::FutureId id, const Plan& plan) { task_begun(id, plan); },
      [this](control::SessionId session) { abandoned(session); },
      [this](control::Incarnation holder, std::uint64_t object) { return ask_holder(holder, object); }};
  const bool only = std::none_of(workers_.begin(), workers_.end(),
                                 [](const auto& worker) { return worker->open() && worker->licensed(); });
  workers_.push_back(std::make_unique<VirtualWorker>(
      std::move(world), fresh(), "w" + std::to_string(workers_.size() + 1), only || random_.chance(60)));
}

void Cluster::worker_ended(VirtualWorker& worker) {
  say("worker " + std::to_string(worker.incarnation()) + " ends");
  if (config_.one_machine) tell_of_death(worker.incarnation());
  if (winding_up_) return;
  timeline_.after(random_.delay(kSecond), [this] {
    if (!winding_up_) add_worker();
  });
}

void Cluster::tell_of_death(control::Incarnation dead) {
  for (const auto& other : workers_) {
    if (other->incarnation() != dead) other->local_worker_ended(dead, random_.delay(100 * kMillisecond));
  }
}

/// A task that kills its worker does so with each attempt that it may have, and with no other.
void Cluster::worker_killed(const Plan& plan) {
  say("a worker is killed by plan " + std::to_string(plan.tag));
  if (++killed_[plan.tag] > plan.max_retries + 1)
    wrong("A task with " + std::to_string(plan.max_retries) + " retries killed " + std::to_string(killed_[plan.tag]) +
          " workers.");
}

void Cluster::task_begun(control::FutureId id, const Plan& plan) {
  if (plan.max_retries == 0 && !ran_once_.insert(id).second)
    wrong("A task of plan " + std::to_string(plan.tag) + " that may run once ran twice.");
}

void Cluster::abandoned(control::SessionId session) {
  for (const auto& driver : drivers_) {
    if (driver->session() == session) driver->wake();
  }
}

bool Cluster::is_released(FutureId id) const {
  const std::string* const state = database_->find(control::keys::state(id));
  return state == nullptr || control::parse_record<control::record::State>(*state).released();
}

VirtualWorker* Cluster::pick_worker() {
  std::vector<VirtualWorker*> open;
  for (const auto& worker : workers_) {
    if (worker->open()) open.push_back(worker.get());
  }
  return open.empty() ? nullptr : open[random_.below(open.size())];
}

bool Cluster::workers_gone() const {
  return std::none_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->process().alive(); });
}

// ---- the run ----

template <typename Done>
bool Cluster::run_until(Time deadline, Done done) {
  while (violations_.empty()) {
    if (done()) return true;
    if (timeline_.now() > deadline || !timeline_.step()) return false;
  }
  return false;
}

bool Cluster::drivers_done() const {
  return std::all_of(drivers_.begin(), drivers_.end(), [](const auto& driver) { return driver->done(); });
}

/// Whoever died while it left, or before, is evicted by the others first.
bool Cluster::dead_are_evicted() const {
  return std::all_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
    return worker->process().alive() || database_->find(control::keys::incarnation(worker->incarnation())) == nullptr;
  });
}

std::vector<std::string> Cluster::left_keys(bool workers_too) const {
  std::vector<std::string> left;
  database_->for_each({std::string(1, '\0'), "\xff\xff"}, [&](std::string_view key, std::string_view) {
    const bool of_workers = key[0] == 'w' || key[0] == 'd' || key[0] == 'g';
    // A program whose driver never got to open its session stays until it is collected.
    const bool program = key[0] == 'p' || key[0] == 'q';
    if (key[0] != 'v' && (workers_too || !(of_workers || program))) left.push_back(control::readable(key));
  });
  return left;
}

std::size_t Cluster::left_objects() const {
  std::size_t left = 0;
  for (const auto& worker : workers_) {
    if (worker->open()) left += worker->objects().size();
  }
  return left;
}

bool Cluster::memories_idle() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return !worker->open() || worker->memory().idle(); });
}

void Cluster::drive() {
  const Time begin = timeline_.now();
  plan_adversaries();
  timeline_.after(config_.calm_after, [this] { calm(); });
  finish_drivers(begin + config_.calm_after + config_.patience);
  if (violations_.empty() && config_.sizes.detached) look_on_monday();
}

/// All drivers are gone, and then all workers. Detached futures are found by a driver that comes later.
void Cluster::look_on_monday() {
  if (!run_until(timeline_.now() + config_.calm_after, [this] { return calm_; })) return;
  const std::size_t before = workers_.size();
  for (std::size_t i = 0; i < before; ++i) {
    if (!workers_[i]->process().alive()) continue;
    if (random_.chance(50)) {
      workers_[i]->stop();
    } else {
      workers_[i]->die();
    }
  }
  const auto all_new = [this, before] {
    return pick_worker() != nullptr &&
           std::none_of(workers_.begin(), workers_.begin() + static_cast<std::ptrdiff_t>(before),
                        [](const auto& worker) { return worker->process().alive(); });
  };
  if (!run_until(timeline_.now() + config_.patience, all_new)) return;
  std::vector<PlanPtr> there;
  database_->for_each(control::keys::names(), [&](std::string_view key, std::string_view) {
    const std::string name(key.substr(1));
    kept_.erase(name);
    there.push_back(plans_.detached(name));
  });
  for (const std::string& name : kept_) wrong("The detached future " + name + " is gone.");
  add_driver(plans_.finder(there), kSecond);
  finish_drivers(timeline_.now() + config_.patience);
}

void Cluster::finish_drivers(Time deadline) {
  if (run_until(deadline, [this] { return drivers_done(); }) || !violations_.empty()) return;
  for (const auto& driver : drivers_) {
    if (!driver->done()) wrong("Not all ends: " + driver->text() + ".");
  }
  for (const auto& worker : workers_) {
    if (worker->executors() != nullptr)
      odd_.push_back("worker " + std::to_string(worker->incarnation()) + " uses " + worker->brain().used().text() +
                     " and had" + worker->executors()->text() + " " + worker->memory().text());
  }
  for (const std::string& key : left_keys(true)) {
    if (key[0] == 'i' || key[0] == 'c') odd_.push_back("there was " + key);
  }
}

/// All sessions have ended or vanished: nothing of them may stay. Then the workers leave, and nothing at all may stay.
void Cluster::wind_up() {
  calm();
  // Who still stands still, or hears nothing, may have a driver's words before it.
  Time settled = timeline_.now();
  for (const auto& worker : workers_) settled = std::max({settled, worker->process().goes_on(), worker->hears_again()});
  settled += kSettle;
  // So may one that tries the store again only after its longest pause.
  if (config_.outages + config_.cut_offs != 0) settled += kSecond;
  timeline_.at(settled, [] {});
  if (!run_until(settled + 1, [&] { return timeline_.now() >= settled; })) return;
  const auto empty = [this, next = Time(0)]() mutable {
    if (timeline_.now() < next) return false;
    next = timeline_.now() + kLookForKeys;
    return left_keys(false).empty() && dead_are_evicted() && left_objects() == 0 && memories_idle();
  };
  const auto complain = [this](bool workers_too) {
    if (!violations_.empty()) return;
    if (const std::size_t left = left_objects(); left != 0) wrong(std::to_string(left) + " objects are left.");
    for (const auto& worker : workers_) {
      if (worker->open() && !worker->memory().idle()) wrong("Object memory is left: " + worker->memory().text() + ".");
    }
    for (const std::string& key : left_keys(workers_too)) wrong("A key is left: " + key);
  };
  if (!run_until(timeline_.now() + config_.patience, empty)) return complain(false);
  winding_up_ = true;
  for (const auto& worker : workers_) worker->stop();
  if (!run_until(timeline_.now() + config_.patience, [this] { return workers_gone(); }))
    return wrong("A worker does not come to its end.");
  store::SimStore store(database_);
  for (int calls = 0; calls < 3; ++calls) control::collect_images(store, 0);
  if (!left_keys(true).empty()) return complain(true);
  for (const std::string& sentence : invariants_.check()) wrong(sentence);
}

Result Cluster::run() {
  const Time begin = timeline_.now();
  drive();
  if (violations_.empty()) wind_up();
  Result result;
  result.violations = violations_;
  if (!violations_.empty()) {
    for (const std::string& sentence : odd_) result.violations.push_back("before that, " + sentence);
  }
  result.trace = timeline_.trace();
  result.virtual_time = timeline_.now() - begin;
  result.commits = commits_;
  result.events = timeline_.events();
  result.tasks = plans_.size();
  return result;
}

Result run_seed(std::uint64_t seed, Cluster::Options options) { return Cluster(draw_config(seed), options).run(); }

}  // namespace morrow::simulation
