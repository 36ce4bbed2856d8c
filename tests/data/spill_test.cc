// SPDX-License-Identifier: Apache-2.0
#include "data/spill.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "tests/store/temporary_directory.h"

namespace morrow::data {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

Bytes random_bytes(std::size_t size) {
  std::mt19937 generator(1);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator());
  return bytes;
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

class Spill : public testing::Test {
 protected:
  store::TemporaryDirectory directory_;
  std::string folder_ = directory_.path() + "/spill";
};

TEST_F(Spill, WhatWasWrittenComesBack) {
  SpillFolder spill(folder_, "w1");
  for (const std::size_t size : {std::size_t{1}, std::size_t{10'000}, kBlockBytes, 5 * kBlockBytes + 17}) {
    const Bytes bytes = random_bytes(size);
    EXPECT_GT(spill.write(size, bytes), size);
    Bytes back(size);
    spill.read(size, back);
    EXPECT_EQ(back, bytes);
    spill.remove(size);
    EXPECT_THROW(spill.read(size, back), std::system_error);
  }
}

TEST_F(Spill, ADamagedFileIsFound) {
  SpillFolder spill(folder_, "w1");
  const Bytes bytes = random_bytes(3'000'000);
  spill.write(7, bytes);
  const std::string path = spill.path() + "/7.object";
  const auto size = fs::file_size(path);
  std::mt19937_64 generator(3);
  Bytes back(bytes.size());
  for (int i = 0; i < 100; ++i) {
    const auto at = static_cast<std::streamoff>(generator() % size);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char was = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(was ^ (1 << generator() % 8)));
    file.close();
    // Four bytes of the header mean nothing.
    if (at < 12 || at >= 16) {
      EXPECT_THROW(spill.read(7, back), Damaged) << at;
    }
    std::fstream again(path, std::ios::in | std::ios::out | std::ios::binary);
    again.seekp(at);
    again.put(was);
  }
  spill.read(7, back);
  EXPECT_EQ(back, bytes);
  fs::resize_file(path, size - 1);
  EXPECT_THROW(spill.read(7, back), Damaged);
}

TEST_F(Spill, AFullDiskIsSaidAndLeavesNothing) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    int status = 1;
    {
      SpillFolder spill(folder_, "w1");
      spill.write(1, random_bytes(100'000));
      const rlimit small{1 << 20, 1 << 20};
      setrlimit(RLIMIT_FSIZE, &small);
      try {
        spill.write(2, random_bytes(20'000'000));
      } catch (const DiskFull& error) {
        const bool says = std::strstr(error.what(), "20 MB") != nullptr;
        status = says && !fs::exists(spill.path() + "/2.object") && fs::exists(spill.path() + "/1.object") ? 0 : 2;
      }
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Spill, SomeOfTheDiskIsLeftToTheStoreThatIsOnIt) {
  fs::create_directories(folder_);
  const auto space = fs::space(folder_);
  const std::uint64_t leaves = disk_to_leave(folder_ + "/not/there/yet", directory_.path() + "/store");
  EXPECT_EQ(leaves, std::min<std::uint64_t>(1 << 30, space.capacity / 20));
  EXPECT_EQ(disk_to_leave(folder_, "/proc/self"), 0U);
  // Others write to this disk and remove files meanwhile.
  SpillFolder spill(folder_, "w1", 2 * space.capacity);
  try {
    spill.write(1, random_bytes(1000));
    FAIL() << "it was written";
  } catch (const DiskFull& error) {
    EXPECT_NE(std::strstr(error.what(), "are left to the cluster's store"), nullptr) << error.what();
  }
  EXPECT_EQ(entries(spill.path()), 1U) << "its lock";
  SpillFolder(folder_, "w2", space.available / 2).write(1, random_bytes(1000));
}

TEST_F(Spill, APromisedFileTakesItsBlocksAtOnceAndThenWhatItNeeds) {
  SpillFolder spill(folder_, "w1");
  const auto blocks_of = [&] {
    struct stat file {};
    EXPECT_EQ(stat((spill.path() + "/1.object").c_str(), &file), 0);
    return static_cast<std::uint64_t>(file.st_blocks) * 512;
  };
  const std::uint64_t promised = spill.promise(1, 3'000'000);
  EXPECT_GE(promised, 3'000'000U);
  EXPECT_GE(blocks_of(), promised);
  const auto value = random_bytes(3'000'000);
  EXPECT_LE(spill.write(1, value, true), promised);
  std::vector<std::byte> back(value.size());
  spill.read(1, back);
  EXPECT_EQ(back, value);
}

TEST_F(Spill, NoPromiseIsMadeThatTheDiskCanNotKeep) {
  SpillFolder spill(folder_, "w1", std::uint64_t{1} << 60);
  EXPECT_THROW(spill.promise(1, 1000), DiskFull);
  EXPECT_EQ(entries(spill.path()), 1U) << "its lock";
}

TEST_F(Spill, NothingStaysOfAWorkerThatEnds) {
  { SpillFolder(folder_, "w1").write(1, random_bytes(10)); }
  EXPECT_EQ(entries(folder_), 0U);
}

TEST_F(Spill, WhatADeadWorkerLeftIsRemovedAndNothingElse) {
  fs::create_directories(folder_ + "/mine");
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  fs::create_directories(folder_ + "/morrow-spill-dead-abcdef");
  std::ofstream(folder_ + "/morrow-spill-dead-abcdef/1.object") << "left";
  fs::create_directory_symlink(folder_ + "/mine", folder_ + "/morrow-spill-link-abcdef");
  const SpillFolder living(folder_, "w1");
  {
    const SpillFolder spill(folder_, "w2");
    EXPECT_TRUE(fs::exists(living.path()));
    EXPECT_FALSE(fs::exists(folder_ + "/morrow-spill-dead-abcdef"));
    EXPECT_TRUE(fs::exists(folder_ + "/mine"));
    EXPECT_EQ(entries(folder_), 4U) << "two workers, mine, and the link";
  }
  EXPECT_TRUE(fs::exists(living.path()));
}

TEST_F(Spill, InAFolderOfAllUsersAWorkerHasAFolderThatIsClosedToOthers) {
  const std::string own = folder_ + "/morrow-spilled-" + std::to_string(geteuid());
  for (const mode_t mode : {01777U, 0755U}) {
    fs::create_directories(folder_);
    ASSERT_EQ(chmod(folder_.c_str(), mode), 0);
    {
      // Another user would hold the lock of the folder that all may open.
      const int theirs = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      ASSERT_EQ(flock(theirs, LOCK_EX), 0);
      SpillFolder spill(folder_, "w1");
      const SpillFolder neighbour(folder_, "w2");
      spill.write(1, random_bytes(10));
      EXPECT_EQ(fs::path(spill.path()).parent_path(), own);
      EXPECT_EQ(fs::status(own).permissions(), fs::perms::owner_all);
      EXPECT_EQ(entries(folder_), 1U);
      EXPECT_EQ(entries(own), 2U);
      close(theirs);
    }
    EXPECT_EQ(entries(folder_), 0U);
  }
}

TEST_F(Spill, WhatOthersCouldChangeIsRefused) {
  const auto refusal = [this] {
    try {
      const SpillFolder spill(folder_, "w1");
    } catch (const std::exception& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  fs::create_directories(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  EXPECT_NE(refusal().find(folder_ + " of user "), std::string::npos) << refusal();
  ASSERT_EQ(chmod(folder_.c_str(), 01777), 0);
  EXPECT_EQ(refusal(), "");
  // What somebody had there first.
  const std::string own = folder_ + "/morrow-spilled-" + std::to_string(geteuid());
  fs::create_directory(own);
  ASSERT_EQ(chmod(own.c_str(), 0755), 0);
  EXPECT_NE(refusal().find("chmod 0700"), std::string::npos) << refusal();
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(chown(own.c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal().find(own + " belongs to user 65534"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace morrow::data
