// SPDX-License-Identifier: Apache-2.0
#include "wire/paths.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace morrow::wire {
namespace {

class Paths : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "morrow-paths-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
    setenv("MORROW_HOME", (folder_ + "/home/deep").c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0;
  }

  std::string folder_;
};

TEST_F(Paths, FoldersAreMadeForTheUserAlone) {
  const std::string run = run_folder("demo", true);
  EXPECT_EQ(run, folder_ + "/morrow/demo");
  EXPECT_EQ(mode_of(run), 0700U);
  const std::string state = state_folder("demo", true);
  EXPECT_EQ(state, folder_ + "/home/deep/demo");
  EXPECT_EQ(mode_of(state), 0700U);
}

TEST_F(Paths, NothingIsMadeUnlessAsked) {
  EXPECT_FALSE(std::filesystem::exists(run_folder("demo", false)));
  EXPECT_FALSE(std::filesystem::exists(state_folder("demo", false)));
  EXPECT_TRUE(worker_sockets("demo").empty());
}

TEST_F(Paths, AFolderOpenToOthersIsClosed) {
  const std::string run = run_folder("demo", true);
  chmod(run.c_str(), 0777);
  run_folder("demo", true);
  EXPECT_EQ(mode_of(run), 0700U);
}

TEST_F(Paths, TheFolderThatTheUserNamedStaysAsItIs) {
  const std::string home = folder_ + "/home/deep";
  std::filesystem::create_directories(home);
  for (const unsigned mode : {0755U, 01777U}) {
    chmod(home.c_str(), mode);
    const std::string state = state_folder("demo", true);
    struct stat status {};
    ASSERT_EQ(stat(home.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, mode);
    EXPECT_EQ(mode_of(state), 0700U);
  }
}

TEST_F(Paths, AFolderInWhichOthersCouldChangeOursIsRefused) {
  const std::string home = folder_ + "/home/deep";
  std::filesystem::create_directories(home);
  chmod(home.c_str(), 0777);
  EXPECT_THROW(state_folder("demo", true), std::runtime_error);
  chmod(home.c_str(), 0755);
  chmod((folder_ + "/home").c_str(), 0777);
  EXPECT_THROW(state_folder("demo", true), std::runtime_error) << "they could put another folder in its place";
  chmod((folder_ + "/home").c_str(), 0755);
  EXPECT_NO_THROW(state_folder("demo", true));
  if (geteuid() != 0) return;
  chmod(home.c_str(), 0755);
  ASSERT_EQ(chown(home.c_str(), 65534, 65534), 0);
  EXPECT_THROW(state_folder("demo", true), std::runtime_error);
}

TEST_F(Paths, ALinkInPlaceOfAFolderIsRefused) {
  std::filesystem::create_directories(folder_ + "/elsewhere");
  std::filesystem::create_directories(folder_ + "/morrow");
  std::filesystem::create_directory_symlink(folder_ + "/elsewhere", folder_ + "/morrow/demo");
  EXPECT_THROW(run_folder("demo", true), std::runtime_error);
}

TEST_F(Paths, AFolderOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  const std::string run = run_folder("demo", true);
  ASSERT_EQ(chown(run.c_str(), 65534, 65534), 0);
  EXPECT_THROW(run_folder("demo", false), std::runtime_error);
}

TEST_F(Paths, NamesThatCouldLeaveTheFolderAreRefused) {
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_THROW(check_name("cluster", name), std::invalid_argument) << name;
    EXPECT_THROW(run_folder(name, false), std::invalid_argument) << name;
  }
  EXPECT_THROW(check_name("cluster", std::string(65, 'a')), std::invalid_argument);
  EXPECT_NO_THROW(check_name("cluster", std::string(64, 'a')));
  EXPECT_NO_THROW(check_name("cluster", "demo_cluster-2.b"));
}

TEST_F(Paths, ATokenIsNoNameAndIsNotShown) {
  const std::string token = "Aa0" + std::string(40, 'x');
  try {
    check_name("cluster", token);
    ADD_FAILURE() << "it was taken for a name";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).find(token), std::string::npos) << error.what();
  }
}

TEST_F(Paths, SocketsAreFoundByTheirEnding) {
  const std::string run = run_folder("demo", true);
  for (const char* name : {"b.sock", "a.sock", "notes.txt", ".sock"}) std::ofstream(run + "/" + name) << "";
  EXPECT_EQ(worker_sockets("demo"), (std::vector<std::string>{worker_socket("demo", "a"), worker_socket("demo", "b")}));
}

TEST_F(Paths, ATooLongSocketPathIsRefused) {
  EXPECT_THROW(worker_socket(std::string(64, 'c'), std::string(64, 'w')), std::runtime_error);
}

TEST(Name, ALineWithATokenInItIsNotQuoted) {
  for (const char* name : {"morrow:/secret@h:1/c", "secret@h", "morrow//secret", " Morrow:secret"}) {
    try {
      check_name("cluster", name);
      ADD_FAILURE() << name;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace morrow::wire
