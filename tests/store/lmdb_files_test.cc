// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_store.h"
#include "store/open/open_store.h"
#include "tests/store/child_process.h"
#include "tests/store/temporary_directory.h"

namespace morrow::store {
namespace {

namespace fs = std::filesystem;

class LmdbFiles : public testing::Test {
 protected:
  LmdbFiles() {
    options.directory = directory.path();
    options.log = [this](std::string_view sentence) { sentences.emplace_back(sentence); };
  }

  static void set(Store& store, std::string_view key, std::string_view value) {
    store.transact([&](Transaction& transaction) { transaction.set(key, value); });
  }
  static std::optional<std::string> get(Store& store, std::string_view key) { return store.begin_read()->get(key); }

  int count_set_aside() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(directory.path())) {
      if (entry.path().filename().string().find("unclean") != std::string::npos) ++count;
    }
    return count;
  }

  /// Why the store can't be opened; empty when it can.
  std::string refusal() const {
    try {
      const LmdbStore store(options);
    } catch (const StoreError& error) {
      return error.what();
    }
    return {};
  }

  TemporaryDirectory directory;
  LmdbOptions options;
  std::vector<std::string> sentences;
};

/// Leaves the store as a process does that is killed while it has it open.
void leave_open(const std::string& directory) {
  ChildProcess child({directory, "open"});
  ASSERT_EQ(child.read_line(), "open");
}

TEST_F(LmdbFiles, TheFolderAndItsFilesAreForTheirOwnerAlone) {
  { LmdbStore store(options); }
  EXPECT_EQ(fs::status(options.directory).permissions(), fs::perms::owner_all);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(options.directory)) {
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 4);
}

TEST_F(LmdbFiles, AFolderThatCannotBeMadeIsOneClearError) {
  std::ofstream(directory.path("file")) << "not a folder";
  options.directory = directory.path("file/store");
  EXPECT_THROW(LmdbStore store(options), StoreError);
}

TEST_F(LmdbFiles, AFolderThatOthersMayWriteIsRefused) {
  { LmdbStore store(options); }
  for (const mode_t mode : {0777U, 01777U}) {
    ASSERT_EQ(::chmod(options.directory.c_str(), mode), 0);
    EXPECT_NE(refusal().find("The store's folder " + options.directory + " can't be used"), std::string::npos)
        << refusal();
  }
  ASSERT_EQ(::chmod(options.directory.c_str(), 0755), 0);
  EXPECT_EQ(refusal(), "");
}

TEST_F(LmdbFiles, AFolderOfAnotherUserIsRefusedAlsoByRootAndAlsoBehindALink) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  { LmdbStore store(options); }
  ASSERT_EQ(::chown(options.directory.c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal().find("belongs to user 65534"), std::string::npos) << refusal();
  const std::string theirs = std::exchange(options.directory, directory.path("link"));
  fs::create_directory_symlink(theirs, options.directory);
  EXPECT_NE(refusal().find("belongs to user 65534"), std::string::npos) << refusal();
}

TEST_F(LmdbFiles, ALinkThatWasPlantedInTheFolderIsNotFollowed) {
  const std::string precious = directory.path("precious");
  for (const char* name : {"data.mdb", "lock.mdb", "presence", "wakeups", "boot", "boot.new"}) {
    std::ofstream(precious) << "precious";
    options.directory = directory.path(std::string("store-") + name);
    fs::create_directory(options.directory);
    fs::create_symlink(precious, options.directory + "/" + name);
    EXPECT_NE(refusal().find(options.directory + "/" + name), std::string::npos) << name << ": " << refusal();
    EXPECT_EQ(fs::file_size(precious), 8U) << name;
  }
}

TEST_F(LmdbFiles, ASecondOpenInOneProcessIsRefused) {
  LmdbStore store(options);
  EXPECT_THROW(LmdbStore second(options), StoreError);
  set(store, "a", "1");
  EXPECT_EQ(get(store, "a"), "1");
}

TEST_F(LmdbFiles, ASecondWriteTransactionInOneProcessIsRefusedInsteadOfWaitingForEver) {
  LmdbStore store(options);
  const auto first = store.begin();
  first->set("a", "1");
  EXPECT_THROW(store.begin()->get("a"), StoreError);
  EXPECT_EQ(first->commit(), CommitResult::kCommitted);
  EXPECT_EQ(store.begin()->get("a"), "1");
}

TEST_F(LmdbFiles, KeysOver511BytesAreTooLarge) {
  LmdbStore store(options);
  set(store, std::string(511, 'k'), "1");
  EXPECT_THROW(set(store, std::string(512, 'k'), "1"), TooLarge);
  EXPECT_EQ(get(store, std::string(511, 'k')), "1");
}

TEST_F(LmdbFiles, TheUrlTakesItsParametersAndRefusesOthers) {
  { set(*open_store("lmdb:" + options.directory + "?sync=full&lease_ms=500&max_bytes=10000000"), "a", "1"); }
  EXPECT_EQ(get(*open_store("lmdb:" + options.directory), "a"), "1");
  for (const char* parameter : {"?sync=half", "?lease_ms=0", "?lease_ms=1s", "?max_bytes=", "?colour=blue", "?sync"}) {
    EXPECT_THROW(open_store("lmdb:" + options.directory + parameter), StoreError) << parameter;
  }
  EXPECT_THROW(open_store("lmdb:"), StoreError);
  EXPECT_THROW(open_store("etcd:localhost"), StoreError);
}

TEST_F(LmdbFiles, AFullStoreSaysSoAndTakesDeletionsAndThenWrites) {
  options.max_bytes = 4'000'000;
  LmdbStore store(options);
  int written = 0;
  const auto fill = [&] {
    while (true) set(store, "row/" + std::to_string(++written), std::string(20'000, 'x'));
  };
  EXPECT_THROW(fill(), StoreFull);
  EXPECT_GT(written, 100);
  EXPECT_EQ(get(store, "row/" + std::to_string(written)), std::nullopt);
  EXPECT_THROW(set(store, "small", "1"), StoreFull);
  EXPECT_EQ(get(store, "row/1"), std::string(20'000, 'x'));
  // One by one, in transactions of their own, as cancels and releases come.
  for (int i = 1; i <= written; ++i) {
    store.transact([&](Transaction& transaction) { transaction.clear("row/" + std::to_string(i)); });
  }
  for (int i = 0; i < 100; ++i) set(store, "again/" + std::to_string(i), std::string(20'000, 'y'));
  EXPECT_EQ(get(store, "again/99"), std::string(20'000, 'y'));
}

TEST_F(LmdbFiles, WhatEndsAndWhatFreesHasRoomWhereWhatIsNewHasNone) {
  options.max_bytes = 4'000'000;
  LmdbStore store(options);
  const auto fill = [&](Room room, std::string_view prefix) {
    int written = 0;
    try {
      for (;; ++written) {
        store.transact(room, [&](Transaction& transaction) {
          transaction.set(std::string(prefix) + std::to_string(written), std::string(20'000, 'x'));
        });
      }
    } catch (const StoreFull&) {
    }
    return written;
  };
  EXPECT_GT(fill(Room::kNew, "new/"), 100);
  EXPECT_GT(fill(Room::kEnd, "end/"), 100);
  EXPECT_EQ(fill(Room::kNew, "more/"), 0);
  // A deletion writes too: the heartbeat of its worker, say.
  for (int i = 0; i < 100; ++i) {
    store.transact(Room::kFree, [&](Transaction& transaction) {
      transaction.set("heartbeat", std::to_string(i));
      transaction.clear("new/" + std::to_string(i));
    });
  }
  store.transact(Room::kFree, [](Transaction& transaction) { transaction.clear_range({"end/", "end0"}); });
  EXPECT_GT(fill(Room::kNew, "again/"), 50);
}

TEST_F(LmdbFiles, AStoreThatIsOfNoUseToThisProcessAnyMoreIsGone) {
  EXPECT_THROW(throw_lmdb_error(MDB_PANIC, "committing", options.directory), StoreGone);
}

TEST_F(LmdbFiles, AStoreThatWasFilledToItsEndIsEmptiedAfterItIsOpenedAgain) {
  options.max_bytes = 4'000'000;
  {
    LmdbStore store(options);
    EXPECT_THROW(
        for (int i = 0;; ++i) store.transact(
            Room::kFree,
            [&](Transaction& transaction) { transaction.set("row/" + std::to_string(i), std::string(20'000, 'x')); }),
        StoreFull);
  }
  LmdbStore store(options);
  store.transact(Room::kFree, [](Transaction& transaction) {
    transaction.set("joined", "1");
    transaction.clear_range({"row/", "row0"});
  });
  set(store, "small", "1");
  EXPECT_EQ(get(store, "small"), "1");
}

TEST_F(LmdbFiles, ACommitIntoFilesThatWereRemovedIsAnErrorAndTheirPlaceIsLeftAlone) {
  const std::string moved = options.directory + "-moved";
  {
    LmdbStore store(options);
    set(store, "a", "1");
    fs::rename(options.directory, moved);
    EXPECT_THROW(set(store, "a", "2"), StoreGone);
    EXPECT_FALSE(fs::exists(options.directory));
  }
  EXPECT_FALSE(fs::exists(options.directory));
  fs::remove_all(moved);
}

TEST_F(LmdbFiles, ATransactionThatOverrunsTheMapLeavesNothingOfItself) {
  options.max_bytes = 1'000'000;
  LmdbStore store(options);
  set(store, "a", "1");
  // Scattered small writes change many pages, far more than their own bytes.
  for (int round = 0; round < 200; ++round) {
    try {
      store.transact([&](Transaction& transaction) {
        for (int i = 0; i < 90; ++i) transaction.set(std::to_string(i * 7919 + round), std::string(100'000, 'x'));
      });
    } catch (const StoreFull&) {
      break;
    }
    ASSERT_LT(round, 199);
  }
  EXPECT_EQ(get(store, "a"), "1");
  store.transact([](Transaction& transaction) { transaction.clear_range({"0", "a"}); });
  set(store, "b", "2");
  EXPECT_EQ(get(store, "b"), "2");
}

TEST_F(LmdbFiles, ALimitOnTheAddressSpaceStillLetsItOpen) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs the address space itself";
#endif
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{8ul << 30, 8ul << 30};
    ::setrlimit(RLIMIT_AS, &limit);
    try {
      LmdbStore store(options);
      set(store, "a", "1");
      ::_exit(get(store, "a") == "1" ? 0 : 1);
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(LmdbFiles, AProcessThatDiesLosesNoCommit) {
  {
    ChildProcess child({options.directory, "set", "a", "1"});
    EXPECT_EQ(child.wait(), 0);
  }
  leave_open(options.directory);
  LmdbStore store(options);
  EXPECT_EQ(get(store, "a"), "1");
  EXPECT_TRUE(sentences.empty());
}

TEST_F(LmdbFiles, AFileLeftOpenUnderAnotherBootIsSetAsideWithOneSentence) {
  { set(*std::make_unique<LmdbStore>(options), "a", "1"); }
  leave_open(options.directory);
  options.boot_id = "the-next-boot";
  LmdbStore store(options);
  EXPECT_EQ(get(store, "a"), std::nullopt);
  ASSERT_EQ(sentences.size(), 1u);
  EXPECT_NE(sentences[0].find("set aside"), std::string::npos) << sentences[0];
  EXPECT_EQ(count_set_aside(), 1);
  set(store, "a", "2");
  EXPECT_EQ(get(store, "a"), "2");
}

TEST_F(LmdbFiles, AFileClosedProperlyIsKeptUnderAnotherBoot) {
  { set(*std::make_unique<LmdbStore>(options), "a", "1"); }
  options.boot_id = "the-next-boot";
  LmdbStore store(options);
  EXPECT_EQ(get(store, "a"), "1");
  EXPECT_EQ(count_set_aside(), 0);
}

TEST_F(LmdbFiles, AFileWrittenWithFullSyncIsKeptUnderAnotherBoot) {
  const pid_t child = ::fork();
  if (child == 0) {
    options.full_sync = true;
    auto* store = new LmdbStore(options);
    set(*store, "a", "1");
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  options.boot_id = "the-next-boot";
  LmdbStore store(options);
  EXPECT_EQ(get(store, "a"), "1");
  EXPECT_EQ(count_set_aside(), 0);
}

}  // namespace
}  // namespace morrow::store
