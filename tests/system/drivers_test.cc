// SPDX-License-Identifier: Apache-2.0
// Drivers whose worker stands still, or whose wire to it is cut: nothing is said, so only silence can tell.
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <list>
#include <thread>

#include "tests/system/support.h"
#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::test {
namespace {

/// A wire from a port of this machine to another one, that can be cut: what is under way stays there, and so do the
/// connections, new ones too.
class Wire {
 public:
  explicit Wire(std::uint16_t to)
      : to_(to), listener_(wire::listen_tcp("127.0.0.1", 0)), address_(wire::local_address(listener_.get())) {
    thread_ = std::thread([this] { run(); });
  }
  ~Wire() {
    stop_ = true;
    thread_.join();
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  std::string address() const { return address_; }
  void cut(bool is_cut) { cut_ = is_cut; }

 private:
  struct Pair {
    wire::Fd here;
    wire::Fd there;
  };

  void run() {
    while (!stop_) {
      if (cut_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        polled.push_back({pair.here.get(), POLLIN, 0});
        polled.push_back({pair.there.get(), POLLIN, 0});
      }
      poll(polled.data(), polled.size(), 20);
      if (cut_) continue;
      std::size_t at = 1;
      for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
        const bool open = (polled[at].revents == 0 || carry(pair->here, pair->there)) &&
                          (polled[at + 1].revents == 0 || carry(pair->there, pair->here));
        pair = open ? std::next(pair) : pairs_.erase(pair);
      }
      if (polled[0].revents != 0) accept_one();
    }
  }
  static bool carry(const wire::Fd& from, const wire::Fd& to) {
    std::array<char, 64 << 10> room{};
    const ssize_t got = recv(from.get(), room.data(), room.size(), MSG_DONTWAIT);
    return got > 0 && send(to.get(), room.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
  }
  void accept_one() {
    wire::Fd here(accept(listener_.get(), nullptr, nullptr));
    wire::Fd there(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (here && connect(there.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      pairs_.push_back({std::move(here), std::move(there)});
  }

  const std::uint16_t to_;
  wire::Fd listener_;
  std::string address_;
  std::list<Pair> pairs_;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// A cluster whose drivers come by a line, over a wire that can be cut.
class Afar : public testing::Test {
 protected:
  std::unique_ptr<Process> worker(const std::string& name) { return cluster_.worker({"--cpus", "2", "--name", name}); }
  /// To the one worker that runs so far.
  void lay_wire() {
    const std::string line = cluster_.run({bin() + "/morrow", "token", cluster_.name()}).out;
    const std::size_t port = line.rfind(':') + 1;
    wire_ = std::make_unique<Wire>(static_cast<std::uint16_t>(std::stoi(line.substr(port))));
    line_ = cluster_.run({bin() + "/morrow", "token", cluster_.name(), "--address", wire_->address()}).out;
    ASSERT_FALSE(line_.empty());
    line_.pop_back();
  }
  std::unique_ptr<Process> driver(const std::vector<std::string>& command) {
    return cluster_.start(command, {{"MORROW_CLUSTER", line_}});
  }
  Cluster cluster_;
  std::unique_ptr<Wire> wire_;
  std::string line_;
};

TEST(Drivers, ADriverWhoseWorkerStandsStillGoesOnWithAnotherOne) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one"});
  auto driver = cluster.start({scenarios(), "squares", "30", "100"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  const auto two = cluster.worker({"--cpus", "1", "--name", "two"});
  one->signal(SIGSTOP);
  EXPECT_TRUE(driver->wait_for_text("worker one of cluster test gives no sign of life for ")) << driver->err();
  EXPECT_TRUE(driver->wait_for_text("the session goes on with worker two of cluster test")) << driver->err();
  const Result result = driver->wait();
  EXPECT_EQ(result.out, "submitted\nsum 8555\n") << result.err;
  one->signal(SIGCONT);
}

TEST(Drivers, TheSessionOfADriverThatLivesOutlivesAnyPauseOfItsOnlyWorker) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one"});
  auto driver = cluster.start({scenarios(), "squares", "10", "200"}, {{"TEST_GRACE_MS", "1000"}});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  one->signal(SIGSTOP);
  ASSERT_TRUE(driver->wait_for_text("gives no sign of life for ")) << driver->err();
  std::this_thread::sleep_for(std::chrono::seconds(4));  // over the grace
  one->signal(SIGCONT);
  EXPECT_TRUE(driver->wait_for_text("the session goes on with worker one of cluster test")) << driver->err();
  const Result result = driver->wait();
  EXPECT_EQ(result.out, "submitted\nsum 285\n") << result.err;
}

TEST(Drivers, OneThatStartsFindsTheWorkerThatLivesAmongThoseThatStandStill) {
  Cluster cluster;
  std::vector<std::unique_ptr<Process>> still;
  for (const char* const name : {"a", "b", "c"}) still.push_back(cluster.worker({"--cpus", "1", "--name", name}));
  for (const auto& worker : still) worker->signal(SIGSTOP);
  const auto live = cluster.worker({"--cpus", "1", "--name", "live"});
  EXPECT_EQ(cluster.run({scenarios(), "fib_task", "5"}).out, "5\n");
  for (const auto& worker : still) worker->signal(SIGCONT);
}

TEST_F(Afar, ADriverWhoseWireIsCutGoesOnWithAWorkerThatCameLater) {
  const auto one = worker("one");
  lay_wire();
  auto far = driver({scenarios(), "squares", "40", "400"});
  ASSERT_TRUE(far->wait_for_text("submitted")) << far->err();
  const auto two = worker("two");
  ASSERT_TRUE(cluster_.wait_for_status("two"));
  std::this_thread::sleep_for(std::chrono::seconds(2));  // the driver is told, and nothing shows it
  wire_->cut(true);
  EXPECT_TRUE(far->wait_for_text("worker one of cluster test gives no sign of life for ")) << far->err();
  EXPECT_TRUE(far->wait_for_text("the session goes on with worker two of cluster test")) << far->err();
  const Result result = far->wait();
  EXPECT_EQ(result.out, "submitted\nsum 20540\n") << result.err;
}

TEST_F(Afar, ADriverGoesOnWhenItsWireIsWholeAgain) {
  const auto one = worker("one");
  lay_wire();
  auto far = driver({scenarios(), "squares", "20", "200"});
  ASSERT_TRUE(far->wait_for_text("submitted")) << far->err();
  wire_->cut(true);
  EXPECT_TRUE(far->wait_for_text("worker one of cluster test gives no sign of life for ")) << far->err();
  EXPECT_TRUE(one->wait_for_text("a driver on another host gave no sign of life")) << one->err();
  wire_->cut(false);
  EXPECT_TRUE(far->wait_for_text("the session goes on with worker one of cluster test")) << far->err();
  EXPECT_EQ(far->wait().out, "submitted\nsum 2470\n") << far->err();
}

TEST_F(Afar, WhatADriverHeldWhoseWireIsCutForGoodIsFreedAfterItsGrace) {
  const auto one = worker("one");
  const std::size_t before = cluster_.keys_with_image();
  lay_wire();
  auto far = driver({scenarios(), "hold", "20"});
  ASSERT_TRUE(far->wait_for_text("holding")) << far->err();
  EXPECT_GT(cluster_.keys(), before + 20);
  wire_->cut(true);
  far->signal(SIGKILL);  // its end can't be told
  far->wait();
  EXPECT_TRUE(eventually([&] { return cluster_.keys() <= before; }, std::chrono::seconds(60)))
      << before << " keys before, " << cluster_.keys() << " after";
}

}  // namespace
}  // namespace morrow::test
