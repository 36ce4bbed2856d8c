// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/sim/sim_database.h"
#include "tests/control/invariants.h"
#include "tests/simulation/config.h"
#include "tests/simulation/virtual_driver.h"
#include "tests/simulation/virtual_worker.h"

namespace morrow::simulation {

/// How a run ended.
struct Result {
  std::vector<std::string> violations;  ///< in the order they were seen; empty: all is well
  std::uint64_t trace = 0;              ///< of all commits and events: the same for the same seed
  Time virtual_time = 0;
  std::uint64_t commits = 0;
  std::uint64_t events = 0;
  std::uint64_t tasks = 0;
};

/// Workers and drivers in one thread, in virtual time, over one simulated store. Made from a configuration, run once.
class Cluster {
 public:
  struct Options {
    bool verbose = false;  ///< tells on standard output what happens
  };
  Cluster(const Config& config, Options options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Result run();

 private:
  void wrong(const std::string& sentence);
  void say(const std::string& sentence);
  void committed(const store::Commit& commit);
  void check_evictions(const store::Commit& commit);
  void add_driver(PlanPtr plan, Time within);
  void add_worker();
  void worker_ended(VirtualWorker& worker);
  void tell_of_death(control::Incarnation dead);
  void worker_killed(const Plan& plan);
  void abandoned(control::SessionId session);
  bool is_released(FutureId id) const;
  void task_begun(control::FutureId id, const Plan& plan);
  VirtualWorker* pick_worker();
  void plan_adversaries();
  void sometime(std::uint64_t times, std::function<void()> event);
  void sometime_to_a_worker(std::uint64_t times, std::function<void(VirtualWorker&)> event);
  void stop_worker(VirtualWorker& worker, bool beyond_lease);
  void outage();
  void fill_store();
  void lose_machine(VirtualWorker& worker);
  void cut_off(VirtualWorker& worker);
  void silence(VirtualWorker& worker);
  void make_unfit(VirtualWorker& worker);
  /// For how long something is down: mostly for less than a lease.
  Time downtime();
  worker::Fetcher::End ask_holder(control::Incarnation holder, std::uint64_t object);
  VirtualWorker* find(control::Incarnation incarnation) const;
  void scatter_drivers(const VirtualWorker& worker, Time within);
  void calm();
  bool drivers_done() const;
  bool workers_gone() const;
  bool dead_are_evicted() const;
  std::vector<std::string> left_keys(bool workers_too) const;
  /// Large values that living workers hold.
  std::size_t left_objects() const;
  /// Nobody holds object memory of a living worker, or waits for any.
  bool memories_idle() const;
  template <typename Done>
  bool run_until(Time deadline, Done done);
  void drive();
  void finish_drivers(Time deadline);
  void look_on_monday();
  void wind_up();
  std::uint64_t fresh();

  const Config config_;
  const Options options_;
  Random random_;
  Timeline timeline_;
  std::shared_ptr<store::SimDatabase> database_;
  Weather weather_;
  Plans plans_;
  control::Invariants invariants_;
  std::vector<std::unique_ptr<VirtualWorker>> workers_;
  std::vector<std::unique_ptr<VirtualDriver>> drivers_;
  /// How long each worker had been away when it gave its last sign.
  std::unordered_map<control::Incarnation, Time> away_at_last_sign_;
  std::unordered_map<std::uint64_t, std::uint64_t> killed_;  ///< workers, by the tag of the plan that did it
  std::set<std::string> kept_;            ///< names of detached futures, of which a driver knows that they stay
  std::set<control::FutureId> ran_once_;  ///< of those that may not run twice
  std::vector<std::string> violations_;
  std::vector<std::string> odd_;
  std::uint64_t commits_ = 0;
  std::uint64_t tasks_ = 0;
  bool calm_ = false;
  bool winding_up_ = false;
};

/// Draws the configuration of a seed and runs it.
Result run_seed(std::uint64_t seed, Cluster::Options options = {});

}  // namespace morrow::simulation
