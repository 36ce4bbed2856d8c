// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/store_lanes.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace morrow::simulation {

Weather::Weather(Timeline& timeline, Random& random, const Config& config, store::SimDatabase& database)
    : timeline_(timeline), random_(random), config_(config), database_(database) {
  database_.hooks.fate = [this](const store::Commit&) { return fate(); };
  database_.hooks.full = [this](store::Room room) { return no_room_for(room); };
  database_.hooks.watch = [this](std::string_view) { return watch(); };
}

void Weather::calm() {
  calm_ = true;
  out_until_ = full_until_ = 0;
}

Time Weather::step() { return random_.chance(config_.step_percent) ? random_.delay(config_.step_delay) : 0; }

store::Fate Weather::fate() {
  if (out()) return store::Fate::kFail;
  if (calm_) return store::Fate::kNormal;
  if (random_.chance(config_.conflict_percent)) return store::Fate::kConflict;
  if (!random_.chance(config_.unknown_percent)) return store::Fate::kNormal;
  switch (random_.below(3)) {
    case 0:
      return store::Fate::kUnknownApplied;
    case 1:
      return store::Fate::kUnknownNotApplied;
    default:
      // One of those in flight lands later, perhaps after its own repetition.
      timeline_.after(random_.delay(20 * config_.step_delay), [this] {
        if (database_.in_flight() > 0) database_.land(random_.below(database_.in_flight()));
      });
      return store::Fate::kUnknownLater;
  }
}

store::WatchFate Weather::watch() {
  if (!calm_ && random_.chance(config_.lost_watch_percent)) return store::WatchFate::kLose;
  timeline_.after(random_.delay(config_.watch_delay), [this] { database_.release_watches(1); });
  return store::WatchFate::kHold;
}

StoreLanes::StoreLanes(World world, std::shared_ptr<store::SimDatabase> database, Process& process,
                       std::function<void(std::function<void()>)> tell)
    : world_(std::move(world)), store_(std::move(database)), process_(process), tell_(std::move(tell)), fiber_([this] {
        run();
      }) {}

void StoreLanes::post(Lane lane, Job job, std::function<void()> done) {
  lanes_.at(static_cast<std::size_t>(lane)).push_back({std::move(job), std::move(done)});
  wake();
}

void StoreLanes::wake() {
  if (!std::exchange(idle_, false)) return;
  process_.after(world_.random.between(1, 10) * kMicrosecond, [this] { resume(); });
}

void StoreLanes::resume() {
  StoreLanes* const below = std::exchange(current, this);
  fiber_.resume();
  current = below;
}

void StoreLanes::run() {
  std::deque<Task>& uploads = lanes_.at(static_cast<std::size_t>(Lane::kUpload));
  for (;;) {
    std::deque<Task>* const lane = next_lane();
    if (lane == nullptr) {
      idle_ = true;
      Fiber::suspend();
      continue;
    }
    Task task = std::move(lane->front());
    lane->pop_front();
    if (!run_job(task.job, lane == &uploads)) {
      uploads.push_front(std::move(task));
      uploads_wait_until_ = world_.timeline.now() + kSecond;
      process_.after(kSecond, [this] { wake(); });
    } else if (task.done) {
      tell_(task.done);
    }
  }
}

std::deque<StoreLanes::Task>* StoreLanes::next_lane() {
  std::array<bool, worker::kStoreLanes> waiting{};
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) waiting.at(lane) = !lanes_.at(lane).empty();
  waiting.at(static_cast<std::size_t>(Lane::kUpload)) &= uploads_wait_until_ <= world_.timeline.now();
  const auto turn = turns_.next(waiting);
  return turn ? &lanes_.at(*turn) : nullptr;
}

bool StoreLanes::run_job(const Job& job, bool is_upload) {
  Time pause = 10 * kMillisecond;
  for (;;) {
    std::string away;
    try {
      job(store_);
      return true;
    } catch (const store::TooLarge& error) {
      world_.wrong(std::string("A transaction was too large: ") + error.what());
      return true;
    } catch (const store::StoreFull& error) {
      if (is_upload) return false;
      away = error.what();
    } catch (const store::StoreError& error) {
      away = error.what();
    } catch (const std::exception& error) {
      world_.wrong(std::string("A job of the store threw: ") + error.what());
      return true;
    }
    if (!world_.weather.out() && !world_.weather.full() && !cut_off())
      world_.wrong("The store failed with no outage: " + away);
    sleep(pause);
    pause = std::min(pause * 2, kSecond);
  }
}

void StoreLanes::sleep(Time time) {
  process_.after(time, [this] { resume(); });
  Fiber::suspend();
}

void StoreLanes::between_steps() {
  if (current == nullptr) return;
  StoreLanes& self = *current;
  if (const Time takes = self.world_.weather.step(); takes != 0) self.sleep(takes);
  if (self.world_.weather.out() || self.cut_off()) throw store::StoreError("The store is out of reach.");
}

void StoreLanes::watch(const std::string& key, std::function<void()> fired) {
  post(
      Lane::kRound,
      [this, key, fired = std::move(fired)](store::Store& store) {
        watch_.reset();
        watch_ = store.watch(key, [this, fired] { tell_(fired); });
      },
      nullptr);
}

}  // namespace morrow::simulation
