// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program_seal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace morrow::worker {
namespace {

wire::Program program_of(const std::string& key) {
  wire::Program program;
  program.set_key(key);
  program.set_folder("/folder");
  program.add_arguments("app");
  program.add_arguments("--password=hidden-one");
  program.add_environment("A=hidden-two");
  program.add_withheld("TOKEN");
  return program;
}

wire::Program parsed(const std::string& bytes) {
  wire::Program program;
  EXPECT_TRUE(program.ParseFromString(bytes));
  return program;
}

/// In a folder of its own.
class ProgramSealTest : public testing::Test {
 protected:
  ProgramSealTest() {
    std::string name = testing::TempDir() + "seal-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = name;
  }
  ~ProgramSealTest() override { std::filesystem::remove_all(folder_); }
  std::string file() const { return folder_ / "program.key"; }

  std::filesystem::path folder_;
};

TEST_F(ProgramSealTest, AllWorkersOfAStoreReadWhatOneHasStored) {
  const std::string bytes = ProgramSeal(file()).stored(program_of("one"));
  wire::Program program = parsed(bytes);
  EXPECT_TRUE(ProgramSeal(file()).open(program));
  EXPECT_EQ(program.SerializeAsString(), program_of("one").SerializeAsString());
}

TEST_F(ProgramSealTest, NothingOfArgumentsAndEnvironmentIsReadWithoutTheKey) {
  const std::string bytes = ProgramSeal(file()).stored(program_of("one"));
  EXPECT_EQ(bytes.find("hidden"), std::string::npos);
  wire::Program program = parsed(bytes);
  EXPECT_EQ(program.withheld(0), "TOKEN") << "what is no secret is read with no key";
  EXPECT_FALSE(ProgramSeal("").open(program));
  EXPECT_EQ(program.environment_size(), 0);
}

TEST_F(ProgramSealTest, WhatWasChangedOrBelongsToAnotherProgramIsRefused) {
  const ProgramSeal seal(file());
  const wire::Program stored = parsed(seal.stored(program_of("one")));
  for (std::size_t i = 0; i < stored.sealed().size(); ++i) {
    wire::Program changed = stored;
    (*changed.mutable_sealed())[i] ^= 1;
    EXPECT_FALSE(seal.open(changed)) << i;
    wire::Program cut = stored;
    cut.mutable_sealed()->resize(i);
    EXPECT_EQ(seal.open(cut), i == 0) << i;
  }
  wire::Program other = stored;
  other.set_key("two");
  EXPECT_FALSE(seal.open(other));
}

TEST_F(ProgramSealTest, TheKeyIsForItsUserAloneAndTheSameHoweverManyMakeItAtOnce) {
  std::vector<std::string> stored(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& bytes : stored)
      threads.emplace_back([this, &bytes] { bytes = ProgramSeal(file()).stored(program_of("one")); });
  }
  const ProgramSeal seal(file());
  for (const std::string& bytes : stored) {
    wire::Program program = parsed(bytes);
    EXPECT_TRUE(seal.open(program));
  }
  struct stat facts {};
  ASSERT_EQ(stat(file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(ProgramSealTest, AKeyThatIsDamagedOrCannotBeMadeIsToldInASentence) {
  std::ofstream(file()) << "short";
  EXPECT_THROW(ProgramSeal{file()}, std::runtime_error);
  EXPECT_THROW(ProgramSeal{file() + "/below"}, std::runtime_error);
}

}  // namespace
}  // namespace morrow::worker
