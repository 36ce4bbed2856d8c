// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "tests/simulation/cluster.h"

// What goes wrong in a run, and when it is over.
namespace morrow::simulation {

namespace {

constexpr Time kPatience = 200 * kMillisecond;

}  // namespace

void Cluster::sometime(std::uint64_t times, std::function<void()> event) {
  for (; times > 0; --times) {
    timeline_.after(random_.below(config_.calm_after), [this, event] {
      if (!calm_) event();
    });
  }
}

void Cluster::sometime_to_a_worker(std::uint64_t times, std::function<void(VirtualWorker&)> event) {
  sometime(times, [this, event = std::move(event)] {
    if (VirtualWorker* const worker = pick_worker()) event(*worker);
  });
}

void Cluster::stop_worker(VirtualWorker& worker, bool beyond_lease) {
  const Time lease = config_.lease_ms * kMillisecond;
  const Time takes = beyond_lease ? random_.between(lease, 4 * lease) : random_.delay(lease / 3);
  say("worker " + std::to_string(worker.incarnation()) + " stands still");
  worker.process().stop_until(timeline_.now() + takes);
  if (random_.chance(60)) scatter_drivers(worker, std::min(takes, kPatience));
}

/// Its drivers lose patience, and leave what they sent in its buffers.
void Cluster::scatter_drivers(const VirtualWorker& worker, Time within) {
  for (const auto& driver : drivers_) {
    if (driver->worker() == &worker) timeline_.after(random_.delay(within), [raw = driver.get()] { raw->move(); });
  }
}

Time Cluster::downtime() {
  const Time lease = config_.lease_ms * kMillisecond;
  return random_.chance(60) ? random_.delay(lease / 4) : random_.between(lease, 3 * lease);
}

void Cluster::lose_machine(VirtualWorker& worker) {
  say("the machine of worker " + std::to_string(worker.incarnation()) + " is lost");
  for (const auto& driver : drivers_) {
    if (driver->worker() == &worker && !driver->done()) driver->vanish();
  }
  worker.die();
}

void Cluster::cut_off(VirtualWorker& worker) {
  say("worker " + std::to_string(worker.incarnation()) + " is cut off from the store");
  worker.cut_off_until(timeline_.now() + downtime());
}

void Cluster::silence(VirtualWorker& worker) {
  const Time takes = downtime();
  const std::uint64_t which = random_.between(1, 3);
  say("worker " + std::to_string(worker.incarnation()) + " and its drivers are cut off from each other");
  if ((which & 1) != 0) worker.deaf_until(timeline_.now() + takes);
  if ((which & 2) != 0) worker.mute_until(timeline_.now() + takes);
  // The others find out by themselves.
  if (random_.chance(30)) scatter_drivers(worker, std::min(takes, kPatience));
}

/// Another one can start the program, and whatever it needs.
void Cluster::make_unfit(VirtualWorker& worker) {
  const bool another = std::any_of(workers_.begin(), workers_.end(), [&worker](const auto& other) {
    return other.get() != &worker && other->open() && other->licensed() && !other->unfit();
  });
  if (!another) return;
  say("worker " + std::to_string(worker.incarnation()) + " can't start the program");
  worker.unfit_until(timeline_.now() + random_.between(kSecond, 20 * kSecond));
}

worker::Fetcher::End Cluster::ask_holder(control::Incarnation holder, std::uint64_t object) {
  using End = worker::Fetcher::End;
  VirtualWorker* const worker = find(holder);
  if (worker == nullptr || worker->process().stopped()) return End::kFailed;
  if (!worker->objects().contains(object)) return End::kAbsent;
  return !calm_ && random_.chance(10) ? End::kBusy : End::kWhole;
}

void Cluster::outage() {
  const Time lease = config_.lease_ms * kMillisecond;
  say("the store is out of reach");
  weather_.out_until(timeline_.now() +
                     (random_.chance(50) ? random_.delay(lease / 4) : random_.between(lease, 3 * lease)));
}

void Cluster::fill_store() {
  const bool for_ends = random_.chance(40);
  say(for_ends ? "the store is full" : "the store has no room for anything new");
  const Time lease = config_.lease_ms * kMillisecond;
  weather_.full_until(timeline_.now() + (random_.chance(50) ? random_.delay(lease) : random_.between(lease, 3 * lease)),
                      for_ends);
}

void Cluster::plan_adversaries() {
  using Worker = VirtualWorker;
  sometime_to_a_worker(config_.short_pauses, [this](Worker& worker) { stop_worker(worker, false); });
  sometime_to_a_worker(config_.long_pauses, [this](Worker& worker) { stop_worker(worker, true); });
  sometime(config_.outages, [this] { outage(); });
  sometime(config_.shortages, [this] { fill_store(); });
  sometime(config_.moves, [this] { drivers_[random_.below(drivers_.size())]->move(); });
  sometime_to_a_worker(config_.crashes, [](Worker& worker) {
    if (worker.executors() != nullptr) worker.executors()->crash_one();
  });
  sometime_to_a_worker(config_.leaves, [](Worker& worker) { worker.stop(); });
  sometime(config_.vanishes, [this] {
    VirtualDriver& driver = *drivers_[random_.below(drivers_.size())];
    if (!driver.done()) driver.vanish();
  });
  sometime(config_.naps, [this] { drivers_.front()->nap(); });
  sometime_to_a_worker(config_.deaths, [this](Worker& worker) {
    say("worker " + std::to_string(worker.incarnation()) + " dies");
    worker.die();
  });
  sometime_to_a_worker(config_.lies, [](Worker& worker) { worker.forget_one(); });
  sometime_to_a_worker(config_.lost_machines, [this](Worker& worker) { lose_machine(worker); });
  sometime_to_a_worker(config_.cut_offs, [this](Worker& worker) { cut_off(worker); });
  sometime_to_a_worker(config_.silences, [this](Worker& worker) { silence(worker); });
  sometime_to_a_worker(config_.unfit, [this](Worker& worker) { make_unfit(worker); });
}

void Cluster::calm() {
  calm_ = true;
  weather_.calm();
  for (const auto& worker : workers_) worker->calm();
}

}  // namespace morrow::simulation
