// SPDX-License-Identifier: Apache-2.0
#include "base/trusted_path.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace morrow::base {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kStranger = 65534;

class TrustedPath : public testing::Test {
 protected:
  TrustedPath() {
    std::string folder = "/tmp/morrow-test-XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~TrustedPath() override { fs::remove_all(folder_); }

  std::string make(const std::string& name, mode_t mode = 0644) const {
    const std::string path = folder_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << "x";
    chmod(path.c_str(), mode);
    return path;
  }
  static std::string problem_of(const std::string& path) {
    const auto found = trusted_path(path);
    return found ? "" : found.problem();
  }

  std::string folder_;
};

TEST_F(TrustedPath, AFileOfOursIsFoundThroughLinksOfOursAndRoots) {
  const std::string file = make("deep/file");
  fs::create_directory_symlink("deep", folder_ + "/link");
  fs::create_symlink(folder_ + "/link/../link/./file", folder_ + "/deep/again");
  for (const char* name : {"/deep/file", "/link/file", "/deep/again", "/deep/../deep//file"})
    EXPECT_EQ(trusted_path(folder_ + name).value_or(""), file) << name;
  EXPECT_EQ(trusted_path("/proc/../tmp/").value_or(""), "/tmp") << "sticky";
  EXPECT_EQ(trusted_path("//").value_or(""), "/");
}

TEST_F(TrustedPath, APathThatLeadsNowhereIsSaidToDoSo) {
  fs::create_symlink("round", folder_ + "/round");
  for (const char* name : {"/none", "/none/../x", "/round"})
    EXPECT_EQ(problem_of(folder_ + name).rfind("cannot look at " + folder_, 0), 0U) << name;
  EXPECT_NE(problem_of(""), "");
}

TEST_F(TrustedPath, AFileThatOthersMayWriteIsRefusedAndSoIsOneInSuchAFolder) {
  const std::string file = make("deep/file", 0666);
  EXPECT_NE(problem_of(file).find(file + " of user "), std::string::npos) << problem_of(file);
  EXPECT_NE(problem_of(file).find("mode 0666"), std::string::npos) << problem_of(file);
  chmod(file.c_str(), 0644);
  EXPECT_EQ(problem_of(file), "");
  const std::string above = folder_ + "/deep";
  chmod(above.c_str(), 0777);
  EXPECT_NE(problem_of(file).find(above + " of user "), std::string::npos) << problem_of(file);
  chmod(above.c_str(), 01777);
  EXPECT_EQ(problem_of(file), "");
}

TEST_F(TrustedPath, AStickyFolderIsNoFolderOfOurOwn) {
  const std::string path = folder_ + "/deep";
  fs::create_directory(path);
  EXPECT_EQ(own_folder(path).value_or(""), path);
  chmod(path.c_str(), 01777);
  EXPECT_FALSE(own_folder(path).ok());
  EXPECT_FALSE(own_folder(make("file")).ok());
}

TEST_F(TrustedPath, WhatBelongsToAnotherUserIsRefusedAndHisNameSaid) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string file = make("deep/file");
  const std::string above = folder_ + "/deep";
  for (const std::string& given : {file, above}) {
    ASSERT_EQ(chown(given.c_str(), kStranger, kStranger), 0);
    EXPECT_NE(problem_of(file).find(given + " belongs to user 65534"), std::string::npos) << problem_of(file);
    ASSERT_EQ(chown(given.c_str(), 0, 0), 0);
  }
  EXPECT_EQ(problem_of(file), "");
  // A link that he planted in a folder where everybody may: it leads to a file of ours.
  chmod(above.c_str(), 01777);
  const std::string link = above + "/link";
  fs::create_symlink(file, link);
  ASSERT_EQ(lchown(link.c_str(), kStranger, kStranger), 0);
  EXPECT_NE(problem_of(link).find(link + " belongs to user 65534"), std::string::npos) << problem_of(link);
}

TEST_F(TrustedPath, AGroupMayWriteOnlyWhenNobodyElseIsInIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to a group";
  const std::string file = make("file", 0664);
  EXPECT_EQ(problem_of(file), "") << "the group of root";
  ASSERT_EQ(chown(file.c_str(), 0, 12345), 0);
  EXPECT_NE(problem_of(file), "");
}

TEST_F(TrustedPath, ALinkIsNoFileOfOurOwn) {
  const std::string file = make("file");
  EXPECT_TRUE(check_own_file(file).ok());
  EXPECT_TRUE(check_own_file(folder_ + "/none").ok());
  EXPECT_FALSE(check_own_file(folder_).ok());
  const std::string link = folder_ + "/link";
  fs::create_symlink("none", link);
  const auto checked = check_own_file(link);
  ASSERT_FALSE(checked.ok());
  EXPECT_NE(checked.problem().find(link), std::string::npos) << checked.problem();
}

TEST_F(TrustedPath, FoldersThatAreMadeAreNotOpenToOthersWhateverTheUmaskIs) {
  const mode_t before = umask(0);
  EXPECT_EQ(make_folders(folder_ + "/a/b/c//", 0700), 0);
  EXPECT_EQ(make_folders(folder_ + "/a/b/c", 0700), 0);
  umask(before);
  EXPECT_TRUE(own_folder(folder_ + "/a/b/c").ok());
  EXPECT_EQ(fs::status(folder_ + "/a/b/c").permissions(), fs::perms::owner_all);
  make("file");
  EXPECT_EQ(make_folders(folder_ + "/file/below", 0700), ENOTDIR);
}

}  // namespace
}  // namespace morrow::base
