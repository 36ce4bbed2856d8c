// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kSoon{60};

TEST(LostPlaces, ARunFolderThatWasRemovedIsMadeAnew) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  fs::remove_all(cluster.environment().at("XDG_RUNTIME_DIR") + "/morrow");
  EXPECT_TRUE(worker->wait_for_text("was removed: this worker listens on")) << worker->err();
  EXPECT_TRUE(has(cluster.run({scenarios(), "squares", "4", "1"}).out, "sum 14"));
}

TEST(LostPlaces, AStoreThatWasRemovedEndsItsWorkerAndIsNotMadeAnewByIt) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  const std::string store = cluster.store_url().substr(std::string("lmdb:").size());
  fs::remove_all(store);
  const Result ended = worker->wait(kSoon);
  EXPECT_FALSE(ended.timed_out);
  EXPECT_EQ(ended.status, 1);
  EXPECT_TRUE(has(ended.err, "was removed or replaced while it was in use"));
  EXPECT_FALSE(fs::exists(store));
}

TEST(LostPlaces, AStoreThatWasReplacedEndsItsWorkerAndTheNewOneIsLeftAlone) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1", "--name", "old"});
  const std::string store = cluster.store_url().substr(std::string("lmdb:").size());
  fs::rename(store, store + "-aside");
  const auto fresh = cluster.worker({"--cpus", "1", "--name", "fresh"});
  EXPECT_EQ(worker->wait(kSoon).status, 1);
  EXPECT_TRUE(has(cluster.run({scenarios(), "squares", "4", "1"}).out, "sum 14")) << fresh->err();
}

TEST(LostPlaces, TwoStoresOfOneClusterAreRefusedWithBothNamed) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  const std::string other = cluster.folder() + "/other";
  const Result refused = cluster.run({bin() + "/morrow", "worker", cluster.name(), "--store", "lmdb:" + other});
  EXPECT_NE(refused.status, 0);
  EXPECT_TRUE(has(refused.err, "uses the store " + cluster.store_url()));
  EXPECT_TRUE(has(refused.err, "lmdb:" + other));
  EXPECT_FALSE(fs::exists(other));
  // The same one by another way of writing it is no other one.
  const auto same = cluster.worker({"--cpus", "1", "--store", cluster.store_url() + "/?lease_ms=9000"});
  EXPECT_TRUE(same->running());
}

TEST(LostPlaces, AHangUpIsAnOrderlyEnd) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  worker->signal(SIGHUP);
  const Result ended = worker->wait(kSoon);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(has(ended.err, "has ended"));
}

TEST(LostPlaces, AWorkerThatIsToldToStopWhileOthersTakeItForDeadDoesNotJoinAgain) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one", "--lease-ms", "1000"});
  const auto two = cluster.worker({"--cpus", "1", "--name", "two", "--lease-ms", "1000"});
  ASSERT_TRUE(cluster.wait_for_status("one"));
  one->signal(SIGSTOP);
  ASSERT_TRUE(two->wait_for_text("is evicted")) << two->err();
  one->signal(SIGTERM);
  one->signal(SIGCONT);
  const Result ended = one->wait(kSoon);
  EXPECT_FALSE(ended.timed_out);
  EXPECT_EQ(ended.status, 0) << ended.err;
}

}  // namespace
}  // namespace morrow::test
