// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/local_workers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace morrow::worker {
namespace {

constexpr control::Incarnation kOther = 7;

/// A process that does nothing, in place of a worker.
class Sleeper {
 public:
  Sleeper() : pid_(fork()) {
    if (pid_ != 0) return;
    for (;;) pause();
  }
  ~Sleeper() { end(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const { kill(pid_, number); }
  void end() {
    if (std::exchange(ended_, true)) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
  bool ended_ = false;
};

class LocalWorkersTest : public testing::Test {
 protected:
  static control::WorkerSeen seen(pid_t pid) {
    control::WorkerSeen worker;
    worker.info.incarnation = kOther;
    worker.info.pid = pid;
    worker.info.pid_space = own_process().space;
    worker.info.started_ticks = start_of_process(pid);
    return worker;
  }
  void look(const control::WorkerSeen& worker) { local_workers_.workers_seen({worker}); }
  /// Whatever is ready now.
  void poll() {
    io_.restart();
    io_.poll();
  }
  void run_until_told() {
    io_.restart();
    while (ended_.empty() && io_.run_one_for(std::chrono::seconds(60)) != 0) {
    }
  }

  boost::asio::io_context io_{1};
  std::vector<control::Incarnation> ended_;
  LocalWorkers local_workers_{io_, own_process(), [this](control::Incarnation worker) { ended_.push_back(worker); }};
};

TEST_F(LocalWorkersTest, TheDeathOfAWorkerOnThisMachineIsSeenAtOnce) {
  Sleeper worker;
  look(seen(worker.pid()));
  EXPECT_EQ(local_workers_.watched(), 1U);
  worker.end();
  run_until_told();
  EXPECT_EQ(ended_, std::vector{kOther});
}

TEST_F(LocalWorkersTest, OneThatIsStoppedIsNotDead) {
  const Sleeper worker;
  look(seen(worker.pid()));
  worker.signal(SIGSTOP);
  poll();
  look(seen(worker.pid()));
  poll();
  EXPECT_TRUE(ended_.empty());
}

TEST_F(LocalWorkersTest, OneThatWasDeadBeforeItWasSeenIsToldOf) {
  Sleeper worker;
  const control::WorkerSeen record = seen(worker.pid());
  worker.end();
  look(record);
  EXPECT_EQ(ended_, std::vector{kOther});
}

TEST_F(LocalWorkersTest, ItIsToldOfAgainUntilTheStoreHasItNoMore) {
  Sleeper worker;
  control::WorkerSeen record = seen(worker.pid());
  worker.end();
  look(record);
  look(record);
  EXPECT_EQ(ended_.size(), 2U);
  record.dying = true;
  look(record);
  local_workers_.workers_seen({});
  EXPECT_EQ(ended_.size(), 2U);
  EXPECT_EQ(local_workers_.watched(), 0U);
}

TEST_F(LocalWorkersTest, AnotherProcessWithThePidOfADeadWorkerTellsNothingOfIt) {
  Sleeper other;
  control::WorkerSeen record = seen(other.pid());
  record.info.started_ticks -= 1;
  look(record);
  EXPECT_EQ(local_workers_.watched(), 0U);
  EXPECT_TRUE(ended_.empty());
  other.end();
  poll();
  EXPECT_TRUE(ended_.empty());
}

TEST_F(LocalWorkersTest, AWorkerOfAnotherMachineOrContainerHasItsLeaseAlsoIfNoProcessHereHasItsPid) {
  Sleeper gone;
  control::WorkerSeen record = seen(gone.pid());
  gone.end();
  for (const std::string& space : {std::string(), "another " + own_process().space}) {
    record.info.pid_space = space;
    look(record);
  }
  EXPECT_TRUE(ended_.empty());
}

TEST_F(LocalWorkersTest, AWorkerThatLeftInOrderIsWatchedNoMore) {
  Sleeper worker;
  look(seen(worker.pid()));
  local_workers_.workers_seen({});
  worker.end();
  poll();
  EXPECT_TRUE(ended_.empty());
}

TEST_F(LocalWorkersTest, TheEarlierIncarnationsOfThisProcessAreNoLocalWorkers) {
  look(seen(getpid()));
  EXPECT_EQ(local_workers_.watched(), 0U);
}

TEST(ProcessIdentity, IsTheSameForALifeAndAnotherOneForAnotherProcess) {
  const ProcessIdentity self = own_process();
  ASSERT_TRUE(self) << "this system does not tell it";
  EXPECT_EQ(self.started_ticks, own_process().started_ticks);
  EXPECT_EQ(self.started_ticks, start_of_process(getpid()));
  EXPECT_LE(self.started_ticks, start_of_process(Sleeper().pid()));
}

}  // namespace
}  // namespace morrow::worker
