// SPDX-License-Identifier: Apache-2.0
#include "cli/log_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace morrow::cli {
namespace {

class LogReaderTest : public ::testing::Test {
 protected:
  LogReaderTest() {
    char folder[] = "/tmp/morrow_log_reader_test_XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~LogReaderTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& file, const std::string& text) {
    std::ofstream(folder_ + "/" + file, std::ios::app) << text;
  }
  std::vector<std::string> read(LogReader& reader) {
    std::vector<std::string> lines;
    reader.read([&lines](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }

  std::string folder_;
};

using Lines = std::vector<std::string>;

TEST_F(LogReaderTest, OlderFilesComeBeforeNewerOnes) {
  write("tasks.log", "four\n");
  write("tasks.1.log", "three\n");
  write("tasks.3.log", "one\n");
  write("tasks.2.log", "two\n");
  LogReader reader(folder_, "tasks");
  EXPECT_EQ(read(reader), (Lines{"one", "two", "three", "four"}));
  EXPECT_EQ(read(reader), Lines{});
}

TEST_F(LogReaderTest, ALineIsGivenWhenItIsWhole) {
  write("tasks.log", "one\ntw");
  LogReader reader(folder_, "tasks");
  EXPECT_EQ(read(reader), Lines{"one"});
  write("tasks.log", "o\nthree\n");
  EXPECT_EQ(read(reader), (Lines{"two", "three"}));
}

TEST_F(LogReaderTest, AFileThatIsPutAsideIsReadToItsEndBeforeTheNewOne) {
  write("tasks.log", "one\n");
  LogReader reader(folder_, "tasks");
  EXPECT_EQ(read(reader), Lines{"one"});
  write("tasks.log", "two\n");
  std::filesystem::rename(folder_ + "/tasks.log", folder_ + "/tasks.1.log");
  write("tasks.log", "three\n");
  EXPECT_EQ(read(reader), (Lines{"two", "three"}));
}

TEST_F(LogReaderTest, AFileThatComesLaterIsFound) {
  LogReader reader(folder_, "tasks");
  EXPECT_EQ(read(reader), Lines{});
  write("tasks.log", "one\n");
  EXPECT_EQ(read(reader), Lines{"one"});
}

}  // namespace
}  // namespace morrow::cli
