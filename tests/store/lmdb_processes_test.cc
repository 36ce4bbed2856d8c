// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "store/lmdb/lmdb_store.h"
#include "tests/store/child_process.h"
#include "tests/store/temporary_directory.h"

namespace morrow::store {
namespace {

/// This process and others share a store. A test that hangs has found a lost wake-up or a lock nobody freed.
class LmdbProcesses : public testing::Test {
 protected:
  LmdbProcesses() {
    options.directory = directory.path();
    options.stopped_after = std::chrono::milliseconds(100);
    options.log = [this](std::string_view sentence) {
      const std::lock_guard lock(mutex);
      sentences.emplace_back(sentence);
    };
  }

  static void set(Store& store, std::string_view key, std::string_view value) {
    store.transact([&](Transaction& transaction) { transaction.set(key, value); });
  }
  static std::optional<std::string> get(Store& store, std::string_view key) { return store.begin_read()->get(key); }

  std::vector<std::string> logged() {
    const std::lock_guard lock(mutex);
    return sentences;
  }

  TemporaryDirectory directory;
  LmdbOptions options;
  std::mutex mutex;
  std::vector<std::string> sentences;
};

TEST_F(LmdbProcesses, IncrementsOfSeveralProcessesAreAllCounted) {
  LmdbStore store(options);
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(
        std::make_unique<ChildProcess>(std::vector<std::string>{options.directory, "increment", "count", "500"}));
  }
  for (int i = 0; i < 500; ++i) {
    store.transact([](Transaction& transaction) {
      transaction.set("count", std::to_string(std::stoi(transaction.get("count").value_or("0")) + 1));
    });
  }
  for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
  EXPECT_EQ(get(store, "count"), "2500");
}

TEST_F(LmdbProcesses, AWatchFiresWhenAnotherProcessCommits) {
  LmdbStore store(options);
  std::atomic<bool> changed = false;
  const auto watch = store.watch("a", [&] {
    changed = true;
    changed.notify_all();
  });
  ChildProcess child({options.directory, "set", "a", "1"});
  changed.wait(false);
  EXPECT_EQ(get(store, "a"), "1");
}

TEST_F(LmdbProcesses, EveryProcessThatWatchesAKeyIsWoken) {
  LmdbStore store(options);
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(std::make_unique<ChildProcess>(std::vector<std::string>{options.directory, "watch", "a"}));
    ASSERT_EQ(children.back()->read_line(), "watching");
  }
  set(store, "a", "1");
  for (const auto& child : children) {
    EXPECT_EQ(child->read_line(), "fired");
    EXPECT_EQ(child->wait(), 0);
  }
}

TEST_F(LmdbProcesses, NoWakeUpIsLostBetweenTwoProcesses) {
  constexpr int kTimes = 3'000;
  LmdbStore store(options);
  ChildProcess child({options.directory, "echo", "ping", "pong", std::to_string(kTimes)});
  ASSERT_EQ(child.read_line(), "ready");
  for (int i = 1; i <= kTimes; ++i) {
    set(store, "ping", std::to_string(i));
    while (true) {
      std::atomic<bool> changed = false;
      const auto watch = store.watch("pong", [&] {
        changed = true;
        changed.notify_all();
      });
      if (get(store, "pong") == std::to_string(i)) break;
      changed.wait(false);
    }
  }
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(LmdbProcesses, AWriterKilledInsideATransactionLeavesNothingAndFreesTheLock) {
  LmdbStore store(options);
  set(store, "a", "1");
  ChildProcess child({options.directory, "hold", "a"});
  ASSERT_EQ(child.read_line(), "holding");
  child.send(SIGKILL);
  EXPECT_EQ(child.wait(), -SIGKILL);
  EXPECT_EQ(get(store, "a"), "1");
  set(store, "b", "2");
  EXPECT_EQ(get(store, "b"), "2");
  ChildProcess another({options.directory, "set", "a", "3"});
  EXPECT_EQ(another.wait(), 0);
  EXPECT_EQ(get(store, "a"), "3");
  EXPECT_TRUE(logged().empty());
}

TEST_F(LmdbProcesses, AWriterStoppedInsideATransactionIsKilledAndTheOthersGoOn) {
  LmdbStore store(options);
  set(store, "a", "1");
  ChildProcess child({options.directory, "hold", "a"});
  ASSERT_EQ(child.read_line(), "holding");
  child.stop();
  set(store, "b", "2");  // waits for the lock of the stopped process
  EXPECT_EQ(get(store, "a"), "1");
  EXPECT_EQ(get(store, "b"), "2");
  const std::string pid = std::to_string(child.pid());
  EXPECT_EQ(child.wait(), -SIGKILL);
  ASSERT_EQ(logged().size(), 1u);
  EXPECT_NE(logged()[0].find("process " + pid + " is stopped"), std::string::npos) << logged()[0];
}

TEST_F(LmdbProcesses, AWriterThatRunsBeyondTheLeaseIsKilled) {
  options.lease = std::chrono::milliseconds(400);
  LmdbStore store(options);
  ChildProcess child({options.directory, "hold", "a"});
  ASSERT_EQ(child.read_line(), "holding");
  set(store, "b", "2");
  EXPECT_EQ(child.wait(), -SIGKILL);
  ASSERT_EQ(logged().size(), 1u);
  EXPECT_NE(logged()[0].find("longer than the lease"), std::string::npos) << logged()[0];
}

TEST_F(LmdbProcesses, AStoppedProcessThatHoldsNothingIsLeftAlone) {
  LmdbStore store(options);
  ChildProcess idle({options.directory, "open"});
  ASSERT_EQ(idle.read_line(), "open");
  idle.stop();
  ChildProcess writer({options.directory, "hold", "a"});
  ASSERT_EQ(writer.read_line(), "holding");
  writer.stop();
  set(store, "b", "2");
  EXPECT_EQ(writer.wait(), -SIGKILL);
  EXPECT_EQ(::kill(idle.pid(), 0), 0);
  EXPECT_EQ(logged().size(), 1u);
}

TEST_F(LmdbProcesses, AStoppedReaderFarBehindIsKilledSoThatPagesAreUsedAgain) {
  options.reader_lag = 50;
  options.stopped_after = std::chrono::milliseconds(10);
  LmdbStore store(options);
  set(store, "a", "1");
  ChildProcess reader({options.directory, "read"});
  ASSERT_EQ(reader.read_line(), "reading");
  reader.stop();
  for (int i = 0; logged().empty(); ++i) set(store, "a", std::to_string(i));
  EXPECT_EQ(reader.wait(), -SIGKILL);
  EXPECT_NE(logged()[0].find("reads an old version"), std::string::npos) << logged()[0];
}

TEST_F(LmdbProcesses, TheReadersOfDeadProcessesDoNotFillTheTable) {
  LmdbStore store(options);
  set(store, "a", "1");
  for (int i = 0; i < 20; ++i) {
    ChildProcess reader({options.directory, "read"});
    ASSERT_EQ(reader.read_line(), "reading");
  }
  ChildProcess last({options.directory, "increment", "count", "1"});
  EXPECT_EQ(last.wait(), 0);
  EXPECT_EQ(get(store, "count"), "1");
}

}  // namespace
}  // namespace morrow::store
