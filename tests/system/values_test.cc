// SPDX-License-Identifier: Apache-2.0
// Values that were put can't be computed again: what becomes of them when memory and disk are full, and when their
// holder leaves, stands still or dies.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

class ValueJobs : public testing::Test {
 protected:
  std::unique_ptr<Process> worker(const std::string& name, std::vector<std::string> options = {}) {
    options.insert(options.end(), {"--name", name, "--cpus", "1", "--spill-dir", spill_});
    if (std::find(options.begin(), options.end(), "--object-memory") == options.end())
      options.insert(options.end(), {"--object-memory", "64MB"});
    return cluster_.worker(options);
  }
  /// Puts so many values, and reads them when `read_now` says so.
  std::unique_ptr<Process> put_many(int count, int bytes, int copies = 1) {
    auto driver = cluster_.start({bin() + "/../test-programs/object_scenarios", "put_many", std::to_string(count),
                                  std::to_string(bytes), cluster_.folder() + "/go", std::to_string(copies)});
    EXPECT_TRUE(driver->wait_for_text("put ")) << driver->out() << driver->err();
    return driver;
  }
  Result read_now(Process& driver) {
    std::ofstream(cluster_.folder() + "/go") << "go";
    return driver.wait();
  }

  Cluster cluster_;
  std::string spill_ = cluster_.folder() + "/spill";
};

TEST_F(ValueJobs, WhatIsAcceptedIntoAFullMemoryAndAFullDiskCanBeRead) {
  fs::create_directories(spill_);
  if (std::system(("mount -t tmpfs -o size=100m tmpfs " + spill_ + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "a small file system can only be mounted as root";
  struct Unmount {
    std::string path;
    ~Unmount() { static_cast<void>(std::system(("umount -l " + path).c_str())); }
  } const unmount{spill_};
  const auto one = worker("one", {"--object-memory", "128MiB"});
  const auto driver = put_many(16, 16'000'000);
  const Result result = read_now(*driver);
  EXPECT_TRUE(has(result.out, "right 13 of 13\n")) << result.err;
  EXPECT_TRUE(has(result.out, "kept for values to come back from disk, and the disk is full")) << result.err;
}

TEST_F(ValueJobs, NoMoreThanTheLimitGoesToDiskAndWhatIsAcceptedCanBeRead) {
  const auto one = worker("one", {"--spill-limit", "41MB"});
  const auto driver = put_many(14, 10'000'000);
  const Result result = read_now(*driver);
  EXPECT_TRUE(has(result.out, "right 9 of 9\n")) << result.err;
  EXPECT_TRUE(has(result.out, "that --spill-limit allows")) << result.err;
}

TEST_F(ValueJobs, AWorkerThatLeavesHandsOverWhatOnlyItHas) {
  const auto one = worker("one", {"--object-memory", "32MB"});  // most of it is on disk
  const auto driver = put_many(8, 8'000'000);
  const auto two = worker("two", {"--object-memory", "32MB"});
  one->signal(SIGTERM);
  EXPECT_EQ(one->wait().status, 0);
  EXPECT_TRUE(has(one->err(), "8 values (64 MB) handed over to other workers"));
  EXPECT_TRUE(has(read_now(*driver).out, "right 8 of 8\n")) << driver->err();
}

TEST_F(ValueJobs, AWorkerThatLeavesAsTheLastSaysWhatIsLostAndEnds) {
  const auto one = worker("one");
  const auto driver = put_many(2, 8'000'000);
  one->signal(SIGTERM);
  EXPECT_EQ(one->wait().status, 0);
  EXPECT_TRUE(has(one->err(),
                  "2 values (16 MB) that only this worker has could not be handed over: no other worker is "
                  "there to take them"));
}

TEST_F(ValueJobs, WhatNoOtherWorkerHasRoomForIsSaidAndTheOthersAreHandedOver) {
  const auto one = worker("one");
  const auto driver = put_many(4, 10'000'000);
  const auto two = worker("two", {"--object-memory", "24MB", "--spill-limit", "1MB"});
  one->signal(SIGTERM);
  EXPECT_EQ(one->wait().status, 0);
  EXPECT_TRUE(has(one->err(), "2 values (20 MB) handed over to other workers"));
  EXPECT_TRUE(has(one->err(),
                  "2 values (20 MB) that only this worker has could not be handed over: no other worker "
                  "takes them"));
  EXPECT_TRUE(has(read_now(*driver).out, "right 2 of 4\n")) << driver->err();
}

TEST_F(ValueJobs, AWorkerThatWasEvictedAndComesBackStillHasItsValues) {
  const auto one = worker("one", {"--lease-ms", "1000", "--object-memory", "32MB"});  // half of it is on disk
  const auto driver = put_many(8, 8'000'000);
  const auto two = worker("two", {"--lease-ms", "1000"});
  one->signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return cluster_.status().find("\none ") == std::string::npos; })) << cluster_.status();
  one->signal(SIGCONT);
  ASSERT_TRUE(one->wait_for_text("it has 8 values still")) << one->err();
  EXPECT_TRUE(has(read_now(*driver).out, "right 8 of 8\n")) << driver->err();
}

TEST_F(ValueJobs, AfterAFlushAValueOfTwoCopiesSurvivesTheDeathOfAnyWorker) {
  for (const bool first : {true, false}) {
    fs::remove(cluster_.folder() + "/go");
    const auto one = worker("one", {"--lease-ms", "1000"});
    const auto two = worker("two", {"--lease-ms", "1000"});
    const auto driver = put_many(4, 8'000'000, 2);
    const auto& dies = first ? one : two;
    dies->signal(SIGKILL);
    dies->wait();
    EXPECT_TRUE(has(read_now(*driver).out, "right 4 of 4\n")) << driver->err();
  }
}

TEST_F(ValueJobs, FewerWorkersThanCopiesAreSaidAndThePutIsAcknowledgedAllTheSame) {
  const auto one = worker("one");
  const auto driver = put_many(3, 8'000'000, 2);
  EXPECT_TRUE(driver->wait_for_text("a value that 2 workers were to hold")) << driver->err();
  EXPECT_TRUE(driver->wait_for_text("is held by 1: the cluster has no more workers")) << driver->err();
  EXPECT_TRUE(has(read_now(*driver).out, "right 3 of 3\n"));
}

}  // namespace
}  // namespace morrow::test
