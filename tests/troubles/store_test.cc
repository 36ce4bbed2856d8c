// SPDX-License-Identifier: Apache-2.0
// Troubles with the store, and with workers and drivers that are gone.
#include <gtest/gtest.h>
#include <lmdb.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

/// Holds the store of a cluster from all others, as a process does that was stopped within a transaction.
class HeldStore {
 public:
  explicit HeldStore(const Cluster& cluster) {
    const std::string folder = cluster.store_url().substr(std::string("lmdb:").size());
    const bool good = mdb_env_create(&environment_) == 0 &&
                      mdb_env_open(environment_, folder.c_str(), MDB_NOTLS, 0600) == 0 &&
                      mdb_txn_begin(environment_, nullptr, 0, &transaction_) == 0;
    if (!good) throw std::runtime_error("the store can't be held");
  }
  ~HeldStore() {
    mdb_txn_abort(transaction_);
    mdb_env_close(environment_);
  }
  HeldStore(const HeldStore&) = delete;
  HeldStore& operator=(const HeldStore&) = delete;

 private:
  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
};

class Slow : public Stage {
 protected:
  void SetUp() override {
    worker_ = cluster_.worker({"--cpus", "1", "--name", "one"});
    begin("flush");
  }
  void begin(const std::string& trouble) {
    driver_ = stage(trouble);
    ASSERT_TRUE(driver_->wait_for_text("committed")) << driver_->err();
    ASSERT_TRUE(says("sleeper", "runs on"));
  }
  void go() const { std::ofstream(cluster_.folder() + "/go") << "go"; }

  std::unique_ptr<Process> worker_;
  std::unique_ptr<Process> driver_;
};

TEST_F(Slow, AFlushThatWaitsForTheStoreSaysSoAtItsDriver) {
  const HeldStore held(cluster_);
  go();
  EXPECT_TRUE(
      driver_->wait_for_text("still waiting: what this program submitted is not committed yet: the store is "
                             "slow: a commit has been under way for "))
      << driver_->err();
}

TEST_F(Slow, ASubmitThatIsThrottledSaysSoAtItsDriver) {
  begin("throttled");
  const HeldStore held(cluster_);
  go();
  EXPECT_TRUE(driver_->wait_for_text("still waiting: what this program submitted is not committed yet: "))
      << driver_->err();
}

TEST_F(Slow, AFutureThatIsOnItsWayToTheStoreSaysThatTheStoreIsSlow) {
  const HeldStore held(cluster_);
  go();
  EXPECT_TRUE(says("next", "the store is slow: a commit has been under way for ")) << why("next").out;
}

TEST_F(Slow, StatusSaysThatTheStoreIsBusyAndShowsWhatOneWorkerKnows) {
  const HeldStore held(cluster_);
  // A look at the store waits only behind a commit: the next heartbeat.
  std::string status;
  EXPECT_TRUE(eventually([&] {
    status = cluster_.status();
    return status.find("The store is busy: it has not answered for 3 s") != std::string::npos;
  })) << status;
  EXPECT_TRUE(has(status, "one"));
}

TEST_F(Slow, AStoppedWorkerThatMayHoldTheStoreIsNamed) {
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  ASSERT_TRUE(worker_->wait_for_text("worker two (process " + std::to_string(two->pid()))) << worker_->err();
  const HeldStore held(cluster_);
  two->signal(SIGSTOP);
  const std::string stopped =
      "worker two (process " + std::to_string(two->pid()) + ") of this machine is stopped by a signal";
  go();
  EXPECT_TRUE(says("next", stopped + ", and may hold the store"));
  two->signal(SIGCONT);
}

TEST_F(Slow, AWorkerThatCannotStartForItSaysSo) {
  const HeldStore held(cluster_);
  const auto two = cluster_.start({bin() + "/morrow", "worker", cluster_.name(), "--name", "two"});
  EXPECT_TRUE(two->wait_for_text("it is still starting: the store " + cluster_.store_url() + " does not answer"))
      << two->err();
}

using Gone = Stage;

TEST_F(Gone, AFutureWhoseDriverIsGoneSaysWhenItsSessionEnds) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  driver->signal(SIGKILL);
  EXPECT_TRUE(says("sleeper", "; its driver is gone: its session ends in "));
}

TEST_F(Gone, AStoppedDriverWhoseWorkerDiesIsSaidToBeGone) {
  auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(driver->wait_for_text("committed")) << driver->err();
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  driver->signal(SIGSTOP);
  one->signal(SIGKILL);
  EXPECT_TRUE(says("sleeper", "; its driver is gone: its session ends in "));
  driver->signal(SIGCONT);
}

TEST_F(Gone, AWorkerThatCouldNotStartIsNeverAmongTheWorkers) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  // Its object memory is the last that can fail.
  const Result failed =
      command({"worker", cluster_.name(), "--name", "two", "--object-memory", "4MiB", "--spill-dir", "/proc/nowhere"});
  EXPECT_NE(failed.status, 0);
  EXPECT_TRUE(has(failed.err, "/proc/nowhere"));
  EXPECT_FALSE(has(cluster_.status(), "two"));
}

}  // namespace
}  // namespace morrow::test
