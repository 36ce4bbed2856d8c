// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "store/sim/sim_store.h"
#include "tests/simulation/config.h"
#include "tests/simulation/downtime.h"
#include "tests/simulation/fiber.h"
#include "tests/simulation/process.h"
#include "worker/cluster/store_lane.h"

namespace morrow::simulation {

/// The weather over the store: what becomes of commits and watches. Shared by all workers.
class Weather {
 public:
  Weather(Timeline& timeline, Random& random, const Config& config, store::SimDatabase& database);

  void out_until(Time time) { out_until_ = std::max(out_until_, time); }
  bool out() const { return timeline_.now() < out_until_; }
  Time last_out() const { return out_until_; }
  /// Until then there is no room for anything new, or for ends neither.
  void full_until(Time time, bool for_ends) {
    full_until_ = std::max(full_until_, time);
    full_for_ends_ = for_ends;
  }
  bool full() const { return timeline_.now() < full_until_; }
  void calm();
  /// How long the next step of a transaction takes; 0: it goes on at once.
  Time step();

 private:
  bool no_room_for(store::Room room) const {
    return full() && (room == store::Room::kNew || (room == store::Room::kEnd && full_for_ends_));
  }
  store::Fate fate();
  store::WatchFate watch();

  Timeline& timeline_;
  Random& random_;
  const Config& config_;
  store::SimDatabase& database_;
  Time out_until_ = 0;
  Time full_until_ = 0;
  bool full_for_ends_ = false;
  bool calm_ = false;
};

/// A worker's store thread in virtual time, with the lanes of worker::StoreThread. Each read and commit may take time,
/// in which others go on.
class StoreLanes {
 public:
  using Lane = worker::StoreLane;
  using Job = std::function<void(store::Store&)>;

  struct World {
    Timeline& timeline;
    Random& random;
    const Config& config;
    Weather& weather;
    std::function<void(const std::string&)> wrong;
  };

  /// `tell` hands an event to the worker's main thread.
  StoreLanes(World world, std::shared_ptr<store::SimDatabase> database, Process& process,
             std::function<void(std::function<void()>)> tell);

  void post(Lane lane, Job job, std::function<void()> done);
  void watch(const std::string& key, std::function<void()> fired);

  /// This worker alone does not reach the store until then.
  void cut_off_until(Time time) { cut_off_.down_until(world_.timeline.now(), time); }
  void reconnect() { cut_off_.end(world_.timeline.now()); }
  bool cut_off() const { return cut_off_.down(world_.timeline.now()); }
  /// How long so far, all in all.
  Time was_cut_off() const { return cut_off_.total(world_.timeline.now()); }

  /// Called by the database before each read and commit: the fiber that runs now may stand still.
  static void between_steps();

 private:
  struct Task {
    Job job;
    std::function<void()> done;
  };
  void wake();
  void run();
  std::deque<Task>* next_lane();
  /// False: it is an upload that finds no room, and is to be run again later.
  bool run_job(const Job& job, bool is_upload);
  void sleep(Time time);
  void resume();

  static inline StoreLanes* current = nullptr;

  World world_;
  store::SimStore store_;
  Process& process_;
  std::function<void(std::function<void()>)> tell_;
  std::array<std::deque<Task>, worker::kStoreLanes> lanes_;
  worker::LaneTurns turns_;
  Time uploads_wait_until_ = 0;  ///< for room
  std::unique_ptr<store::Watch> watch_;
  Downtime cut_off_;
  bool idle_ = true;
  Fiber fiber_;
};

}  // namespace morrow::simulation
