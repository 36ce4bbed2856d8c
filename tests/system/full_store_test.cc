// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

std::string program() { return std::filesystem::path(scenarios()).replace_filename("store_scenarios"); }

class FullStore : public testing::Test {
 protected:
  std::unique_ptr<Process> worker() {
    // A little more than the program itself, which stands in the store too.
    const std::uint64_t room = 4'000'000 + std::filesystem::file_size(program()) * 5 / 4;
    return cluster_.worker({"--cpus", "2", "--store", cluster_.store_url() + "?max_bytes=" + std::to_string(room)});
  }
  Result run(const std::string& scenario) { return cluster_.run({program(), scenario, "500"}); }
  std::unique_ptr<Process> start(const std::string& scenario, const std::string& patience_ms = "500") {
    return cluster_.start({program(), scenario, patience_ms});
  }

  Cluster cluster_;
};

TEST_F(FullStore, IsSaidAtTheDriverAndEndsInAnErrorAndReleasesMakeRoom) {
  const auto one = worker();
  const Result result = run("release");
  EXPECT_TRUE(has(result.out, "full: The store in ")) << result.err;
  EXPECT_TRUE(has(result.out, " MB are in use"));
  EXPECT_TRUE(has(result.out, "good and refused are all: 1"));
  EXPECT_TRUE(has(result.out, "then 42"));
  EXPECT_TRUE(has(result.err, "waits for room, 0.5 s at the most"));
  EXPECT_TRUE(has(result.err, "the store has room again"));
}

TEST_F(FullStore, TheEndOfAScopeMakesRoom) {
  const auto one = worker();
  const Result result = run("scope");
  EXPECT_TRUE(has(result.out, "full: The store in ")) << result.err;
  EXPECT_TRUE(has(result.out, "then 42"));
}

TEST_F(FullStore, ResultsThatFindNoRoomEndInAnErrorToo) {
  const auto one = worker();
  const Result result = run("results");
  EXPECT_TRUE(has(result.out, "full: The store in ")) << result.err;
  EXPECT_TRUE(has(result.out, "good and refused are all: 1"));
  // What the first one had is freed after its end, little by little.
  EXPECT_TRUE(has(start("answer", "60000")->wait().out, "then 42"));
}

TEST_F(FullStore, IsSaidByStatusAndGoesOnWhenItsDriverDies) {
  const auto one = worker();
  const auto holds = start("hold");
  ASSERT_TRUE(holds->wait_for_text("filled")) << holds->err();
  EXPECT_TRUE(has(cluster_.status(), "warning: The store in "));
  const auto waits = start("answer", "60000");
  EXPECT_TRUE(waits->wait_for_text("waits for room"));
  holds->signal(SIGKILL);
  EXPECT_TRUE(has(waits->wait().out, "then 42")) << waits->err();
}

TEST_F(FullStore, AWorkerThatStartsOnItCleansUp) {
  {
    const auto one = worker();
    const auto holds = start("hold");
    ASSERT_TRUE(holds->wait_for_text("filled")) << holds->err();
    one->signal(SIGKILL);
    holds->signal(SIGKILL);
    one->wait();
    holds->wait();
  }
  const auto two = worker();
  EXPECT_TRUE(has(cluster_.run({program(), "answer", "60000"}).out, "then 42"));
}

TEST_F(FullStore, ADiskOf16MegabytesIsFilledAndEmptiedAgain) {
  const std::string home = cluster_.folder() + "/home";
  std::filesystem::create_directories(home);
  if (std::system(("mount -t tmpfs -o size=16m tmpfs " + home + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "a small file system can only be mounted as root";
  struct Unmount {
    std::string path;
    ~Unmount() { static_cast<void>(std::system(("umount -l " + path).c_str())); }
  } const unmount{home};
  {
    const auto one = cluster_.worker({"--cpus", "2"});
    const Result result = run("release");
    EXPECT_TRUE(has(result.out, "full: The store in ")) << result.err << one->err();
    EXPECT_TRUE(has(result.out, "since its disk is"));
    EXPECT_TRUE(has(result.out, "good and refused are all: 1"));
    EXPECT_TRUE(has(result.out, "then 42"));
    const auto holds = start("hold");
    ASSERT_TRUE(holds->wait_for_text("filled")) << holds->err();
    // Others take all that is left of the disk.
    static_cast<void>(std::system(("cat /dev/zero > " + home + "/other 2>/dev/null").c_str()));
    one->signal(SIGKILL);
    holds->signal(SIGKILL);
    one->wait();
    holds->wait();
  }
  const auto two = cluster_.worker({"--cpus", "2"});
  EXPECT_TRUE(has(cluster_.run({program(), "answer", "60000"}).out, "then 42")) << two->err();
}

}  // namespace
}  // namespace morrow::test
