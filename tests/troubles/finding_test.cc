// SPDX-License-Identifier: Apache-2.0
// Troubles on the way to a worker: nobody there, somebody else there, no way there.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "tests/troubles/stage.h"
#include "wire/socket.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

class Finding : public Stage {
 protected:
  /// A driver that finds no worker says why on its standard error.
  std::unique_ptr<Process> driver(const Environment& more) { return cluster_.start({troubles(), "sleeps"}, more); }
};

TEST_F(Finding, AMisspeltClusterIsToldWhichOnesRun) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const Result result = command({"status", "tset"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err,
                  "no worker of cluster tset runs on this machine (clusters that run here: test); start one with: "
                  "morrow worker tset"));
}

TEST_F(Finding, ADriverOfAMisspeltClusterIsToldTheSame) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto lost = driver({{"MORROW_CLUSTER", "tset"}});
  EXPECT_TRUE(lost->wait_for_text("no worker of cluster tset runs on this machine (clusters that run here: test)"))
      << lost->err();
}

TEST_F(Finding, AClusterWithNoWorkerAtAllSaysHowToStartOne) {
  EXPECT_TRUE(has(command({"status", "test"}).err,
                  "no worker of cluster test runs on this machine; start one with: morrow worker test"));
}

TEST_F(Finding, AWorkerWithItsSocketsElsewhereIsFoundAndTheFoldersAreNamed) {
  // With no folder of its own a process uses /tmp/morrow-UID, which all of this user share: so the name is no other's.
  const std::string name = "elsewhere-" + std::to_string(getpid());
  Environment there = cluster_.environment();
  there["XDG_RUNTIME_DIR"] = "";
  const std::string folder = "/tmp/morrow-" + std::to_string(geteuid());
  {
    Process worker({bin() + "/morrow", "worker", name, "--cpus", "1"}, there);
    ASSERT_TRUE(worker.wait_for_text("is ready")) << worker.err();
    EXPECT_TRUE(has(command({"status", name}).err,
                    "a worker of cluster " + name + " runs on this machine with its sockets in " + folder +
                        ", and this process looks in " + cluster_.environment().at("XDG_RUNTIME_DIR") + "/morrow"));
    worker.signal(SIGTERM);
    worker.wait();
  }
  std::error_code ignored;
  fs::remove_all(folder + "/" + name, ignored);
}

TEST_F(Finding, AClusterOfAnotherUserIsSaidToBeThat) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can play another user";
  constexpr uid_t kOther = 54'321;
  const std::string name = "theirs-" + std::to_string(getpid());
  const std::string base = "/tmp/morrow-" + std::to_string(kOther);
  fs::create_directories(base + "/" + name);
  const wire::Fd listening = wire::listen_unix(base + "/" + name + "/one.sock");
  ASSERT_EQ(chown(base.c_str(), kOther, kOther), 0);
  const Result result = command({"status", name});
  std::error_code ignored;
  fs::remove_all(base + "/" + name, ignored);
  fs::remove(base, ignored);  // unless another run of this test is at it
  EXPECT_TRUE(has(result.err, "cluster " + name +
                                  " on this machine is of user 54321, and its workers are for that "
                                  "user alone"));
}

TEST_F(Finding, AProcessThatHasNoDescriptorsLeftSaysSo) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  bool said = false;
  for (const char* limit : {"4", "5"}) {
    // What the test has open is not the program's.
    const std::string shell = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n " + std::string(limit);
    const Result result = cluster_.run({"/bin/bash", "-c", shell + "; exec \"$0\" gone", troubles()});
    EXPECT_FALSE(has(result.err, "no worker of cluster")) << limit;
    said |= static_cast<bool>(has(result.err, "Too many open files"));
  }
  EXPECT_TRUE(said);
}

TEST_F(Finding, ASocketWhosePathIsTooLongIsOneSentence) {
  const std::string deep = cluster_.folder() + "/" + std::string(60, 'd');
  fs::create_directories(deep);
  const Result result =
      cluster_.run({bin() + "/morrow", "worker", "test", "--name", std::string(40, 'n')}, {{"XDG_RUNTIME_DIR", deep}});
  EXPECT_NE(result.status, 0);
  EXPECT_TRUE(has(result.err, "is too long (over 107 bytes); use shorter names, or a shorter XDG_RUNTIME_DIR"));
}

class ByLine : public Finding {
 protected:
  std::string line() {
    std::string text = command({"token", cluster_.name()}).out;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
};

TEST_F(ByLine, AWrongTokenIsSaidWithoutIt) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  std::string wrong = line();
  const std::size_t token = std::string("morrow://").size();
  wrong[token] = wrong[token] == 'a' ? 'b' : 'a';
  const Result asked = command({"status", wrong});
  EXPECT_EQ(asked.status, 1);
  EXPECT_TRUE(has(asked.err, "token"));
  EXPECT_FALSE(has(asked.err, wrong.substr(token, 16)));
}

TEST_F(ByLine, APortThatNobodyListensAtIsSaid) {
  auto worker = cluster_.worker({"--cpus", "1"});
  const std::string dead = line();
  worker->signal(SIGKILL);
  worker->wait();
  const Result asked = command({"status", dead});
  EXPECT_EQ(asked.status, 1);
  EXPECT_TRUE(has(asked.err, "Connection refused")) << asked.err;
}

}  // namespace
}  // namespace morrow::test
