// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "base/environment.h"
#include "runtime/image/kept_files.h"
#include "runtime/image/start_facts.h"

namespace morrow::runtime {
namespace {

namespace fs = std::filesystem;

/// A file with a line in it.
class StartFactsTest : public testing::Test {
 protected:
  StartFactsTest() : path_("/tmp/morrow-facts-" + std::to_string(getpid())) { std::ofstream(path_) << "line\n"; }
  ~StartFactsTest() override { fs::remove(path_); }

  bool is_open_for_writing() const {
    struct stat status {};
    stat(path_.c_str(), &status);
    const auto files = files_open_for_writing();
    return std::find(files.begin(), files.end(), FileNumber{status.st_dev, status.st_ino}) != files.end();
  }
  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string path_;
};

TEST_F(StartFactsTest, TheFolderIsThatOfTheStart) {
  const fs::path here = fs::current_path();
  EXPECT_EQ(start_folder(), here);
  fs::current_path("/");
  EXPECT_EQ(start_folder(), here);
  fs::current_path(here);
}

TEST_F(StartFactsTest, AFileIsOpenForWritingWhileTheProgramCanWriteToIt) {
  EXPECT_FALSE(is_open_for_writing());
  {
    const std::ifstream reads(path_);
    EXPECT_FALSE(is_open_for_writing());
    const std::ofstream writes(path_, std::ios::app);
    EXPECT_TRUE(is_open_for_writing());
  }
  EXPECT_FALSE(is_open_for_writing());
}

TEST_F(StartFactsTest, AKeptFileIsNotCutUntilTheSessionLine) {
  {
    const std::ofstream driver(path_, std::ios::app);
    const std::string line = kept_files_line();
    setenv(base::kKeptFilesVariable, line.substr(line.find('=') + 1).c_str(), 1);
  }
  std::ofstream(path_) << "by a stream\n";
  EXPECT_EQ(text(), "line\nby a stream\n");
  std::fclose(std::fopen(path_.c_str(), "w"));
  EXPECT_EQ(text(), "line\nby a stream\n");
  std::ofstream(path_ + "-other") << "x";
  std::ofstream(path_ + "-other") << "y";
  EXPECT_EQ(fs::file_size(path_ + "-other"), 1U) << "no other file is kept";
  fs::remove(path_ + "-other");
  keep_no_files();
  EXPECT_EQ(std::getenv(base::kKeptFilesVariable), nullptr);
  std::ofstream(path_) << "new\n";
  EXPECT_EQ(text(), "new\n");
}

TEST_F(StartFactsTest, WhatIsDrawnFromTheRandomDeviceIsNoticed) {
  EXPECT_NE(std::random_device{}(), 0U);
  EXPECT_TRUE(drew_random_numbers());
}

}  // namespace
}  // namespace morrow::runtime
