// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

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
  std::string join_line() {
    std::string line = cluster_.run({bin() + "/morrow", "token", cluster_.name()}).out;
    line.pop_back();
    return line;
  }
  /// As from another host: it has nothing but the line.
  std::unique_ptr<Process> start_remote(const std::vector<std::string>& arguments, const std::string& line) {
    fs::create_directory(cluster_.folder() + "/elsewhere");
    return cluster_.start(program(arguments),
                          {{"MORROW_CLUSTER", line}, {"XDG_RUNTIME_DIR", cluster_.folder() + "/elsewhere"}});
  }
  /// Whether the worker is the one that the line leads to.
  static bool joins(Process& worker, const std::string& line) {
    const std::string address = line.substr(line.find('@') + 1, line.rfind('/') - line.find('@') - 1);
    return worker.err().find("//" + address) != std::string::npos;
  }
  /// A driver that comes is told the address of the other one: of two with 64 MB.
  bool knows_both(const std::string& line) {
    return eventually([&] {
      return cluster_.run({bin() + "/morrow", "objects"}, {{"MORROW_CLUSTER", line}}).out.find("of 128.0 MB in use") !=
             std::string::npos;
    });
  }
  std::string objects() { return cluster_.run({bin() + "/morrow", "objects", cluster_.name()}).out; }
  bool has_in_use(const std::string& amount) {
    return objects().find("object memory: " + amount + " of") != std::string::npos;
  }
  bool eventually_in_use(const std::string& amount) {
    return eventually([&] { return has_in_use(amount); });
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
  EXPECT_NE(result.err.find("values of this session go to disk, since the object memory (64 MB) is full"),
            std::string::npos)
      << result.err;
}

TEST_F(ObjectJobs, TasksWhoseValuesFitOneByOneDoNotKeepRoomFromEachOther) {
  const auto one = worker();
  // 20 values of 20 MB: one task's two fit, and a third.
  EXPECT_EQ(run({"pairs", "20", "2500000"}).out, "right 19\n");
}

TEST_F(ObjectJobs, AnIdleExecutorHoldsNothingOfItsLastTask) {
  const auto one = worker();
  EXPECT_EQ(run({"pairs", "4", "1000000"}).out, "right 3\n");
  EXPECT_TRUE(eventually([&] { return objects().find("object memory: 0 B of") != std::string::npos; },
                         std::chrono::seconds(3)));
}

TEST_F(ObjectJobs, ATaskWhoseValuesNeverFitTogetherFailsAtOnce) {
  const auto one = worker();
  const Result result = run({"pairs", "3", "5000000"});  // two of 40 MB
  EXPECT_TRUE(has(result.out, "together they need 80 MB")) << result.err;
  EXPECT_TRUE(has(result.out, "right 0"));
}

TEST_F(ObjectJobs, AllOfMoreThanTheMemoryIsGotAtOnceWhenItIsCopiedOut) {
  const auto one = worker();
  for (const bool remote : {false, true}) {
    const std::string end = file(remote ? "remote" : "local");
    const std::vector<std::string> arguments{"get_all", "24", "1000000", end};
    const auto driver = remote ? start_remote(arguments, join_line()) : start(arguments);
    ASSERT_TRUE(driver->wait_for_text("released")) << driver->out() << driver->err();
    EXPECT_TRUE(eventually([&] { return has_in_use("0 B"); }, std::chrono::seconds(3))) << objects();
    touch(end);
    EXPECT_EQ(driver->wait().out, std::string("24 here, wrong 0\n276\n") + (remote ? "two places" : "one place") +
                                      " 499999500000\nfailed\nreleased\n")
        << driver->err();
  }
}

TEST_F(ObjectJobs, ArrowDataGoesThereAndBackFromAnotherHost) {
  const auto one = worker();
  EXPECT_EQ(start_remote({"arrow"}, join_line())->wait().out, "same 1000000\n");
  EXPECT_EQ(run({"arrow"}).out, "same 1000000\n");
}

TEST_F(ObjectJobs, AnAnswerThatNobodyWaitsForLeavesNoPin) {
  const auto one = worker();
  const auto driver = start_remote({"ask_and_leave", file("go")}, join_line());
  ASSERT_TRUE(driver->wait_for_text("released")) << driver->out() << driver->err();
  EXPECT_TRUE(eventually([&] { return has_in_use("0 B"); }, std::chrono::seconds(3))) << objects();
  touch(file("go"));
  EXPECT_EQ(driver->wait().status, 0);
}

TEST_F(ObjectJobs, AValueOnItsWayToADriverIsGotFromAnotherWorkerWhenItsOwnDies) {
  const auto one = worker({"--object-memory", "64MB", "--name", "one", "--resource", "at-one=1"});
  const auto two = worker({"--object-memory", "64MB", "--name", "two", "--resource", "at-two=1"});
  const std::string line = join_line();
  const bool joins_one = joins(*one, line);
  const auto& own = joins_one ? one : two;
  ASSERT_TRUE(knows_both(line));
  const auto driver = start_remote({"fetch", joins_one ? "at-two" : "at-one", file("go")}, line);
  ASSERT_TRUE(driver->wait_for_text("2500000\n")) << driver->out() << driver->err();
  touch(file("go"));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  own->signal(SIGKILL);
  own->wait();
  EXPECT_EQ(driver->wait().out, "2500000\nwrong 0\n") << driver->err();
}

TEST_F(ObjectJobs, ADriverOfAnotherHostPutsOnWhenItsWorkerDies) {
  const auto one = worker({"--object-memory", "64MB", "--name", "one"});
  const auto two = worker({"--object-memory", "64MB", "--name", "two"});
  const std::string line = join_line();
  const auto& own = joins(*one, line) ? one : two;
  ASSERT_TRUE(knows_both(line));
  const auto driver = start_remote({"puts", file("go")}, line);
  ASSERT_TRUE(driver->wait_for_text("ready")) << driver->out() << driver->err();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  own->signal(SIGKILL);
  own->wait();
  touch(file("go"));
  EXPECT_EQ(driver->wait().out, "ready\n2500000\n") << driver->err();
}

TEST_F(ObjectJobs, ASubmitThatIsRefusedLeavesNothingOfItsArguments) {
  const auto one = worker();
  const auto driver = start({"refused", file("go")});
  ASSERT_TRUE(driver->wait_for_text("refused")) << driver->out() << driver->err();
  EXPECT_TRUE(eventually([&] { return has_in_use("0 B"); }, std::chrono::seconds(3))) << objects();
  touch(file("go"));
  EXPECT_EQ(driver->wait().out, "..........10000000 refused\n");
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
    EXPECT_TRUE(has(full.out, "no room for a value of 8.0 MB")) << full.err;
    EXPECT_TRUE(has(full.out, "the disk is full"));
    const Result after = run({"spill", "5", "1000000"});
    EXPECT_EQ(after.out, "wrong 0 total 1000002\n") << after.err;
    one->signal(SIGTERM);
    EXPECT_EQ(one->wait().status, 0);
  }
  EXPECT_EQ(spill_folders(), 0U);
}

TEST_F(ObjectJobs, ADiskThatTheStoreIsOnIsNotFilledAndTheClusterGoesOn) {
  const std::string home = file("home");
  if (std::system(("mount -t tmpfs -o size=120m tmpfs " + home + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "a small file system can only be mounted as root";
  struct Unmount {
    std::string path;
    ~Unmount() { static_cast<void>(std::system(("umount -l " + path).c_str())); }
  } const unmount{home};
  const auto one = cluster_.worker({"--cpus", "2", "--object-memory", "64MB"});
  const Result full = run({"random_values", "30", "8000000"});
  EXPECT_TRUE(has(full.out, "are left to the cluster's store")) << full.err;
  EXPECT_TRUE(has(full.out, "least free ")) << full.err;
  const double free_mb = std::stod(full.out.substr(full.out.find("least free ") + 11));
  EXPECT_GE(free_mb, 5.0) << full.out;
  EXPECT_EQ(run({"spill", "5", "1000000"}).out, "wrong 0 total 1000002\n");
  one->signal(SIGTERM);
  EXPECT_EQ(one->wait().status, 0);
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

TEST_F(ObjectJobs, TheEndOfAScopeFreesItsValuesAtOnceAlsoAfterTasksThatReadThem) {
  const auto one = worker();
  const auto driver = start({"free_after_a_task", file("go")});
  ASSERT_TRUE(driver->wait_for_text("after scope"));
  EXPECT_TRUE(eventually([&] { return has_in_use("0 B"); }, std::chrono::seconds(2))) << objects();
  touch(file("go"));
  EXPECT_EQ(driver->wait().out, "2500000\n499999500000\nafter scope\n50000000\n") << driver->err();
}

TEST_F(ObjectJobs, AClosedSessionHoldsNothingAlsoWhenItsProcessGoesOn) {
  const auto one = worker();
  const auto pidfds = [&one] {
    std::error_code ignored;
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(one->pid()) + "/fd", ignored))
      count += fs::read_symlink(entry.path(), ignored).string().find("pidfd") != std::string::npos ? 1 : 0;
    return count;
  };
  const auto driver = start({"many_sessions", "12", file("go")});
  ASSERT_TRUE(driver->wait_for_text("12\n")) << driver->out() << driver->err();
  EXPECT_TRUE(eventually([&] { return has_in_use("0 B"); }, std::chrono::seconds(3))) << objects();
  EXPECT_LE(pidfds(), 6U);
  touch(file("go"));
  EXPECT_EQ(driver->wait().status, 0);
}

TEST_F(ObjectJobs, AValueThatOutlivesItsSessionStaysAndIsFreedWithItsLastCopy) {
  const auto one = worker();
  const auto driver = start({"outlives", file("sum"), file("quit")});
  ASSERT_TRUE(driver->wait_for_text("ended"));
  EXPECT_EQ(run({"spill", "20", "1000000"}).out, "wrong 0 total 1000002\n");
  EXPECT_TRUE(eventually([&] { return has_in_use("8.0 MB"); }, std::chrono::seconds(3))) << objects();
  touch(file("sum"));
  ASSERT_TRUE(driver->wait_for_text("let go"));
  EXPECT_EQ(driver->out(), "ended\n499999500000\nlet go\n");
  EXPECT_TRUE(eventually([&] { return has_in_use("0 B"); }, std::chrono::seconds(3))) << objects();
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

TEST_F(ObjectJobs, AProgramThatDoesNotStartLeavesNoPin) {
  const auto one = worker();
  const auto driver = start({"never_starts", file("quit")});
  ASSERT_TRUE(driver->wait_for_text("failed"));
  EXPECT_TRUE(eventually_in_use("0 B")) << objects();
  touch(file("quit"));
  EXPECT_EQ(driver->wait().status, 0);
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

TEST_F(ObjectJobs, APrivateWorkerHasTheMemoryAndTheFolderThatItsSessionAsksFor) {
  const auto one = worker();
  const auto spilled_in = [](const std::string& folder) {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      count += entry.path().extension() == ".object" ? 1 : 0;
    return count;
  };
  for (const std::string by : {"option", "TMPDIR"}) {
    SCOPED_TRACE(by);
    const std::string folder = file("spill-by-" + by);
    const std::string end = file("end-" + by);
    fs::create_directory(folder);
    std::vector<std::string> arguments{"private", end};
    if (by == "option") arguments.push_back(folder);
    for (const bool killed : {false, true}) {
      const auto driver = cluster_.start(program(arguments), {{"TMPDIR", by == "option" ? "/var/tmp" : folder}});
      ASSERT_TRUE(driver->wait_for_text("spilled")) << driver->out() << driver->err();
      EXPECT_GE(spilled_in(folder), 12U);
      if (killed) {
        driver->signal(SIGKILL);
        driver->wait();
      } else {
        touch(end);
        EXPECT_EQ(driver->wait().out, "spilled\n499999500000\n") << driver->err();
        fs::remove(end);
      }
      EXPECT_TRUE(eventually([&] { return fs::is_empty(folder); }));
    }
  }
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

TEST_F(ObjectJobs, AFlippedBitOnDiskIsFoundAndSaidAndTheValueComputedAgain) {
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
  EXPECT_TRUE(has(driver->wait().out, "499999500000\n")) << driver->err();
  EXPECT_TRUE(one->wait_for_text("wrong checksum")) << one->err();
}

TEST_F(ObjectJobs, WhatDiedWithItsWorkerIsComputedAgainAlsoWhatItWasMadeOf) {
  auto one = worker({"--name", "one"});
  auto driver = start({"chain_and_wait", file("go")});
  ASSERT_TRUE(driver->wait_for_text("made"));
  const auto two = worker({"--name", "two"});
  one->signal(SIGKILL);
  one->wait();
  ASSERT_TRUE(cluster_.wait_for_status("sessions: 1"));
  touch(file("go"));
  EXPECT_TRUE(has(driver->wait().out, "1999998000000\n1999998000000\n499999500000\n")) << driver->err();
}

TEST_F(ObjectJobs, ATaskThatWaitsForALostValueLendsItsSlotToIt) {
  auto one = cluster_.worker({"--name", "one", "--cpus", "1", "--spill-dir", spill_});
  auto driver = start({"nested_and_wait", file("go")});
  ASSERT_TRUE(driver->wait_for_text("made"));
  const auto two = cluster_.worker({"--name", "two", "--cpus", "1", "--spill-dir", spill_});
  one->signal(SIGKILL);
  one->wait();
  ASSERT_TRUE(cluster_.wait_for_status("sessions: 1"));
  touch(file("go"));
  EXPECT_TRUE(has(driver->wait().out, "999999000000 3\n")) << driver->err();
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
