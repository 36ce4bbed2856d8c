#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

class ObjectJobs : public testing::Test {
 protected:
  std::unique_ptr<Process> worker(std::vector<std::string> options = {"--object-memory", "64MB"}) {
    options.insert(options.end(), {"--cpus", "2", "--spill-dir", spill_});
    return cluster_.worker(options);
  }
  static std::vector<std::string> program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), bin() + "/../test-programs/object_scenarios");
    return arguments;
  }
  Result run(const std::vector<std::string>& arguments) { return cluster_.run(program(arguments)); }
  std::unique_ptr<Process> start(const std::vector<std::string>& arguments) {
    return cluster_.start(program(arguments));
  }
  std::string objects() { return cluster_.run({bin() + "/morrow", "objects", cluster_.name()}).out; }
  bool eventually_in_use(const std::string& amount) {
    return eventually([&] { return objects().find("object memory: " + amount + " of") != std::string::npos; });
  }
  static void touch(const std::string& path) { std::ofstream(path) << "go"; }
  std::string file(const std::string& name) const { return cluster_.folder() + "/" + name; }
  std::size_t spill_folders() const {
    if (!fs::exists(spill_)) return 0;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(spill_), fs::directory_iterator()));
  }
  Cluster cluster_;
  std::string spill_ = cluster_.folder() + "/spill";
};

TEST_F(ObjectJobs, LargeValuesOfAllKindsGoThereAndBack) {
  const auto one = worker();
  const Result result = run({"kinds"});
  EXPECT_EQ(result.out,
            "1000000 999999 499999500000 8004096\n"
            "499999500000\n"
            "102004 153006\n"
            "599999\n"
            "500002 1\n"
            "1000000 500000\n"
            "small 0\n")
      << result.err;
}

TEST_F(ObjectJobs, ArraysAreReadWhereTheyLieAndNeverChangedOnceTheyArePublished) {
  cluster_.expect_crashes();
  const auto one = worker();
  const Result result = run({"in_place"});
  EXPECT_EQ(result.out, "one place\nsignal 11\n5\n") << result.err;
}

TEST_F(ObjectJobs, WhatFindsNoRoomInMemoryGoesToDiskAndComesBack) {
  const auto one = worker();
  // 40 values of 8 MB.
  const Result result = run({"spill", "40", "1000000"});
  EXPECT_EQ(result.out, "wrong 0 total 1000002\n") << result.err;
}

TEST_F(ObjectJobs, WhatCanNotFindRoomFailsWithASentenceAndWorkGoesOn) {
  const auto one = worker();
  const Result result = run({"no_room", "200000000"});
  EXPECT_TRUE(has(result.out, "task: no room for a value of 200 MB: of the 64 MB of object memory")) << result.err;
  EXPECT_TRUE(has(result.out, "put: no room for a value of 200 MB"));
  EXPECT_TRUE(has(result.out, "--object-memory"));
  EXPECT_TRUE(has(result.out, "\n1000000\n"));
}

TEST_F(ObjectJobs, AFullDiskFailsTheTaskThatNeedsRoomAndLosesNothing) {
  // A disk of 20 MB: a file system of its own where that is allowed.
  fs::create_directories(spill_);
  if (std::system(("mount -t tmpfs -o size=20m tmpfs " + spill_ + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "a small file system can only be mounted as root";
  struct Unmount {
    std::string path;
    ~Unmount() { static_cast<void>(std::system(("umount " + path).c_str())); }
  } const unmount{spill_};
  {
    const auto one = worker();
    const Result full = run({"spill", "20", "1000000"});
    EXPECT_TRUE(has(full.out, "no room for a value of 8000 kB")) << full.err;
    EXPECT_TRUE(has(full.out, "the disk is full"));
    const Result after = run({"spill", "5", "1000000"});
    EXPECT_EQ(after.out, "wrong 0 total 1000002\n") << after.err;
    one->signal(SIGTERM);
    EXPECT_EQ(one->wait().status, 0);
  }
  EXPECT_EQ(spill_folders(), 0U);
}

TEST_F(ObjectJobs, TheEndOfAScopeFreesItsValuesAtOnce) {
  const auto one = worker();
  const auto driver = start({"free", file("end"), file("quit")});
  ASSERT_TRUE(driver->wait_for_text("in scope"));
  EXPECT_TRUE(has(objects(), "800.1 kB"));
  touch(file("end"));
  ASSERT_TRUE(driver->wait_for_text("after scope"));
  EXPECT_TRUE(eventually_in_use("0 B")) << objects();
  touch(file("quit"));
  EXPECT_EQ(driver->wait().status, 0);
}

TEST_F(ObjectJobs, AWriterThatIsKilledLeavesNothing) {
  cluster_.expect_crashes();
  const auto one = worker();
  const Result result = run({"writer_dies"});
  EXPECT_EQ(result.out, "crashed\n") << result.err;
  EXPECT_TRUE(eventually_in_use("0 B")) << objects();
}

TEST_F(ObjectJobs, AReaderThatIsKilledLeavesNoPin) {
  const auto one = worker();
  auto driver = start({"hold", "5", file("never")});
  ASSERT_TRUE(driver->wait_for_text("holding"));
  driver->signal(SIGKILL);
  driver->wait();
  // Its session ends after its grace of 10 s; its pins end with it.
  EXPECT_TRUE(eventually_in_use("0 B")) << objects();
}

TEST_F(ObjectJobs, AStoppedReaderGoesOnReadingWhatItHad) {
  const auto one = worker();
  auto driver = start({"hold", "3", file("go")});
  ASSERT_TRUE(driver->wait_for_text("holding"));
  driver->signal(SIGSTOP);
  const Result others = run({"spill", "20", "1000000"});
  EXPECT_EQ(others.out, "wrong 0 total 1000002\n") << others.err;
  touch(file("go"));
  driver->signal(SIGCONT);
  EXPECT_EQ(driver->wait().out, "holding\n");
}

TEST_F(ObjectJobs, NothingStaysOnDiskWhenTheLastWorkerStops) {
  {
    const auto one = worker();
    EXPECT_EQ(run({"spill", "20", "1000000"}).status, 0);
    EXPECT_EQ(spill_folders(), 1U);
    one->signal(SIGTERM);
    EXPECT_EQ(one->wait().status, 0);
    EXPECT_EQ(spill_folders(), 0U);
  }
  {
    auto one = worker();
    EXPECT_EQ(run({"spill", "20", "1000000"}).status, 0);
    one->signal(SIGKILL);
    one->wait();
    EXPECT_EQ(spill_folders(), 1U);
  }
  const auto two = worker();  // cleans up what the other one left
  EXPECT_EQ(spill_folders(), 1U);
  two->signal(SIGTERM);
  two->wait();
  EXPECT_EQ(spill_folders(), 0U);
}

TEST_F(ObjectJobs, LargeValuesGoToWhereTheyAreNeeded) {
  const auto one = worker({"--object-memory", "64MB", "--name", "one"});
  const auto two = worker({"--object-memory", "64MB", "--name", "two"});
  const Result result = run({"pass_around", "20"});
  EXPECT_EQ(result.out, "159999200000.000000000000000\n") << result.err;
}

TEST_F(ObjectJobs, WhatWasPutIsLostWithItsLastHolderAndTheErrorSaysSo) {
  auto one = worker({"--name", "one"});
  auto driver = start({"put_and_wait", file("go")});
  ASSERT_TRUE(driver->wait_for_text("put"));
  const auto two = worker({"--name", "two"});
  one->signal(SIGKILL);
  one->wait();
  ASSERT_TRUE(cluster_.wait_for_status("sessions: 1"));
  touch(file("go"));
  EXPECT_TRUE(has(driver->wait().out, "lost: ")) << driver->err();
}

TEST_F(ObjectJobs, AFlippedBitOnDiskIsFoundAndSaid) {
  const auto one = worker();
  auto driver = start({"damage", spill_, file("go")});
  ASSERT_TRUE(driver->wait_for_text("spilled"));
  for (const auto& entry : fs::recursive_directory_iterator(spill_)) {
    if (entry.path().extension() != ".object") continue;
    std::fstream object(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    object.seekp(5000);
    object.put('!');
  }
  touch(file("go"));
  EXPECT_TRUE(has(driver->wait().out, "lost: ")) << driver->err();
  EXPECT_TRUE(one->wait_for_text("wrong checksum")) << one->err();
}

TEST_F(ObjectJobs, ASortOfSeveralTimesTheMemoryIsInOrder) {
  const auto one = worker({"--object-memory", "40MB", "--name", "one"});
  const auto two = worker({"--object-memory", "40MB", "--name", "two"});
  const Result result = cluster_.run({bin() + "/sort", "--records", "1500000", "--parts", "40"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(has(result.out, "1500000 records of 100 bytes"));
  EXPECT_TRUE(has(result.out, "in order, the same as the input"));
}

}  // namespace
}  // namespace morrow::test
