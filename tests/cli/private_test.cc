// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "tests/cli/worker_process.h"

namespace morrow::test {
namespace {

struct Private {
  Private() {
    char name[] = "/tmp/mwp_XXXXXX";
    folder = mkdtemp(name);
    auto [near, far] = wire::socket_pair(false);
    command.emplace(std::vector<std::string>{"worker", "--private", folder, "--private-fd", std::to_string(far.get())},
                    far.get());
    peer.emplace(std::move(near));
  }
  ~Private() { std::filesystem::remove_all(folder); }

  std::string folder;
  std::optional<Command> command;
  std::optional<Peer> peer;
};

TEST(PrivateWorker, WelcomesItsOneDriver) {
  Private worker;
  worker.peer->hello("", 77);
  wire::Welcome welcome;
  ASSERT_TRUE(worker.peer->receive(wire::WELCOME, welcome)) << worker.command->error_text();
  EXPECT_EQ(welcome.error(), "");
  EXPECT_NE(welcome.attachment(), 0U);
  EXPECT_EQ(welcome.applied(), 0U);
}

TEST(PrivateWorker, EndsWhenItsDriverGoesAndRemovesItsFolder) {
  Private worker;
  worker.peer->hello("", 77);
  wire::Welcome welcome;
  ASSERT_TRUE(worker.peer->receive(wire::WELCOME, welcome));
  EXPECT_TRUE(std::filesystem::exists(worker.folder));
  worker.peer->close();
  EXPECT_EQ(worker.command->wait(), 0) << worker.command->error_text();
  EXPECT_FALSE(std::filesystem::exists(worker.folder));
  EXPECT_EQ(worker.command->error_text(), "");
}

TEST(PrivateWorker, EndsEvenWhenItsDriverNeverSpoke) {
  Private worker;
  worker.peer->close();
  EXPECT_EQ(worker.command->wait(), 0) << worker.command->error_text();
  EXPECT_FALSE(std::filesystem::exists(worker.folder));
}

}  // namespace
}  // namespace morrow::test
