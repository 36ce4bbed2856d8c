// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <fstream>

#include "tests/worker/pool/pool_fixture.h"
#include "worker/pool/program/cached_file.h"
#include "worker/pool/program/files.h"

namespace morrow::worker {
namespace {

namespace fs = std::filesystem;

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

class ImageTest : public PoolTest {
 protected:
  // A copy of the program, to be spoiled.
  fs::path original(const char* program = POOL_PROGRAM) {
    const fs::path path = folder_ / "original" / fs::path(program).filename();
    fs::create_directories(path.parent_path());
    fs::copy_file(program, path);
    return path;
  }

  std::string cached(const wire::Module& module) { return cached_path((folder_ / "cache").string(), module); }
};

TEST_F(ImageTest, RunsTheOriginalFileAndCopiesNothing) {
  const auto file = original();
  const auto executor = pool_->start(add_program(file, ""), {});
  EXPECT_TRUE(has_line(ask(executor, "facts"), "exe=" + fs::canonical(file).string()));
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_F(ImageTest, ComesFromTheStoreWhenTheOriginalIsGone) {
  const auto file = original();
  const auto module = module_of(file);
  const auto program = add_program(file, "");
  upload(file);
  fs::remove(file);
  const auto executor = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(executor));
  EXPECT_TRUE(has_line(ask(executor, "facts"), "exe=" + fs::canonical(cached(module)).string()));
  EXPECT_EQ(fs::status(cached(module)).permissions(), fs::perms::owner_all);
}

TEST_F(ImageTest, ComesFromTheStoreWhenTheOriginalWasReplaced) {
  const auto file = original();
  const auto module = module_of(file);
  const auto program = add_program(file, "");
  upload(file);
  fs::rename(file, folder_ / "away");  // keeps the inode in use, so that it is not drawn again
  std::ofstream(file) << "#!/bin/sh\nexit 1\n";
  fs::permissions(file, fs::perms::owner_all);
  const auto executor = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(executor));
  EXPECT_TRUE(has_line(ask(executor, "facts"), "exe=" + fs::canonical(cached(module)).string()));
}

TEST_F(ImageTest, IsFetchedOnceForAllItsStarts) {
  const auto file = original();
  const auto program = add_program(file, "");
  upload(file);
  fs::remove(file);
  ASSERT_TRUE(run_until_ready(pool_->start(program, {})));
  make_pool();
  const std::size_t before = store_jobs_;
  heard_.clear();
  ASSERT_TRUE(run_until_ready(pool_->start(program, {})));
  EXPECT_EQ(store_jobs_ - before, 1u) << "the program's record alone";
}

TEST_F(ImageTest, WaitsForAnUploadThatIsUnderWay) {
  const auto file = original();
  const auto program = add_program(file, "");
  fs::rename(file, folder_ / "away");
  const auto executor = pool_->start(program, {});
  const std::size_t before = store_jobs_;
  ASSERT_TRUE(run_until([&] { return store_jobs_ > before + 2; }));
  EXPECT_FALSE(heard_[executor].ready);
  upload(folder_ / "away");
  EXPECT_TRUE(run_until_ready(executor));
}

TEST_F(ImageTest, ThatIsNowhereFailsWithTheNameOfTheFile) {
  make_pool(200);
  const auto file = original();
  const auto program = add_program(file, "");
  fs::remove(file);
  pool_->start(program, {});
  ASSERT_TRUE(run_until_failed());
  EXPECT_NE(failures_.back().find("its file " + file.string() +
                                  " is not the driver's any more on this machine and not in the store"),
            std::string::npos)
      << failures_.back();
}

TEST_F(ImageTest, BringsTheUsersLibrariesAlong) {
  const auto file = original(POOL_PROGRAM_WITH_LIBRARY);
  const auto library = original(POOL_LIBRARY);
  const auto program = add_program(file, "", [&](wire::Program& record) {
    auto& module = *record.add_modules();
    module = module_of(library);
    module.set_name(library);
    auto& system = *record.add_modules();
    system.set_name("/lib/libof_the_system.so");
    system.set_system(true);
  });
  upload(file);
  upload(library);
  fs::remove_all(file.parent_path());
  const auto executor = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(executor));
  EXPECT_TRUE(has_line(ask(executor, "facts"), "library=42"));
}

TEST_F(ImageTest, WithADamagedCopyInTheStoreIsRefusedAndLeavesNoFile) {
  const auto module = module_of(POOL_PROGRAM);
  const std::string path = cached(module);
  {
    CachedFile file(path, module.sha256(), module.size());
    EXPECT_THROW(file.append("not zstd"), WrongFile);
    EXPECT_THROW(file.finish(), WrongFile);
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(fs::path(path).parent_path()));
}

TEST_F(ImageTest, TheSameFileIsToldByMoreThanItsName) {
  const auto file = original();
  const auto module = module_of(file);
  EXPECT_EQ(module.build_id().size(), 20u);
  EXPECT_TRUE(is_same_file(module, file));
  EXPECT_FALSE(is_same_file(module, POOL_PROGRAM)) << "a copy with another inode";
  EXPECT_FALSE(is_same_file(module, folder_ / "missing"));
  EXPECT_FALSE(is_same_file(module, folder_));
  auto other = module;
  other.set_build_id("another build id....");
  EXPECT_FALSE(is_same_file(other, file));
}

TEST_F(ImageTest, WhatNobodyUsedForLongLeavesTheCache) {
  const fs::path cache = folder_ / "cache";
  for (const char* name : {"old", "used", "libraries-old"}) {
    fs::create_directories(cache / name);
    std::ofstream(cache / name / "program") << "x";
    fs::last_write_time(cache / name, fs::file_time_type::clock::now() - std::chrono::hours(100));
  }
  touch((cache / "used" / "program").string());
  forget_old_programs(cache.string(), std::chrono::hours(99));
  EXPECT_FALSE(fs::exists(cache / "old"));
  EXPECT_FALSE(fs::exists(cache / "libraries-old"));
  EXPECT_TRUE(fs::exists(cache / "used" / "program"));
  forget_old_programs((folder_ / "none").string(), std::chrono::hours(1));
}

TEST_F(ImageTest, AProgramThatWasRebuiltWhileItRanKeepsItsName) {
  wire::Module module;
  module.set_real_path("/home/someone/simulate (deleted)");
  EXPECT_EQ(file_name_of(module), "simulate");
}

}  // namespace
}  // namespace morrow::worker
