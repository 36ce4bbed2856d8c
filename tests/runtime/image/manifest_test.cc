// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/sha256.h"
#include "runtime/image/elf_image.h"
#include "runtime/image/modules.h"
#include "tests/runtime/image/support.h"

namespace morrow::runtime {
namespace {

const ManifestModule* find(const Manifest& manifest, const std::string& part) {
  const auto found = std::find_if(manifest.modules.begin(), manifest.modules.end(),
                                  [&](const auto& module) { return module.name.find(part) != std::string::npos; });
  return found == manifest.modules.end() ? nullptr : &*found;
}

std::string error_of_manifest() {
  try {
    make_manifest();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

TEST(Manifest, NamesTheExecutableFirstByItsContent) {
  const Manifest manifest = make_manifest();
  const ManifestModule& program = manifest.modules.at(0);
  EXPECT_EQ(program.name, "");
  EXPECT_FALSE(program.system);
  EXPECT_EQ(program.size, std::filesystem::file_size("/proc/self/exe"));
  EXPECT_EQ(program.sha256, base::sha256_of(ElfFile("/proc/self/exe").bytes()));
  EXPECT_FALSE(program.build_id.empty());
}

TEST(Manifest, TellsSystemLibrariesByTheirBuildAlone) {
  const Manifest manifest = make_manifest();
  const ManifestModule* const libc = find(manifest, "libc.so");
  ASSERT_NE(libc, nullptr);
  EXPECT_TRUE(libc->system);
  EXPECT_TRUE(libc->sha256.empty());
  EXPECT_EQ(libc->build_id, ElfFile(libc->name).identity());
}

TEST(Manifest, LeavesTheKernelsPageOut) { EXPECT_EQ(find(make_manifest(), "vdso"), nullptr); }

TEST(Manifest, HasTheUsersOwnLibraryByContent) {
  const Folder folder;
  replace_file(PLUGIN_ONE, folder / "plugin.so");
  const Loaded plugin(folder / "plugin.so");
  const Manifest manifest = make_manifest();
  const ManifestModule* const module = find(manifest, "plugin.so");
  ASSERT_NE(module, nullptr);
  EXPECT_FALSE(module->system);
  EXPECT_EQ(module->sha256, base::sha256_of(ElfFile(PLUGIN_ONE).bytes()));
  EXPECT_EQ(module->size, std::filesystem::file_size(PLUGIN_ONE));
}

TEST(Manifest, ALibraryLoadedByARelativePathIsNamedByItsWholePath) {
  const Folder folder;
  replace_file(PLUGIN_ONE, folder / "plugin.so");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  const Loaded plugin("./plugin.so");
  std::filesystem::current_path(before);
  const Manifest manifest = make_manifest();
  const ManifestModule* const module = find(manifest, "plugin.so");
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module->name, folder / "plugin.so");
}

TEST(Manifest, RefusesALibraryThatWasRebuiltAtTheSamePath) {
  for (const auto& [one, two] : {std::pair(PLUGIN_ONE, PLUGIN_TWO), std::pair(PLUGIN_ONE_PLAIN, PLUGIN_TWO_PLAIN)}) {
    const Folder folder;
    const std::string path = folder / "plugin.so";
    replace_file(one, path);
    const Loaded plugin(path);
    EXPECT_EQ(error_of_manifest(), "");
    replace_file(two, path);
    const std::string error = error_of_manifest();
    EXPECT_NE(error.find(path), std::string::npos) << error;
    EXPECT_NE(error.find("start the program again"), std::string::npos) << error;
  }
}

TEST(Manifest, AcceptsTheSameBuildPutThereAgain) {
  const Folder folder;
  const std::string path = folder / "plugin.so";
  replace_file(PLUGIN_ONE, path);
  const Loaded plugin(path);
  replace_file(PLUGIN_ONE, path);
  EXPECT_EQ(error_of_manifest(), "");
}

TEST(Mismatch, AProcessEqualsItself) { EXPECT_EQ(mismatch(make_manifest()), std::nullopt); }

TEST(Mismatch, AnotherBuildOfALibraryIsNamed) {
  for (const auto& [one, two] : {std::pair(PLUGIN_ONE, PLUGIN_TWO), std::pair(PLUGIN_ONE_PLAIN, PLUGIN_TWO_PLAIN)}) {
    const Folder driver;
    const Folder executor;
    replace_file(one, driver / "plugin.so");
    replace_file(two, executor / "plugin.so");
    Manifest manifest;
    {
      const Loaded plugin(driver / "plugin.so");
      manifest = make_manifest();
    }
    const Loaded plugin(executor / "plugin.so");
    const auto sentence = mismatch(manifest);
    ASSERT_TRUE(sentence);
    EXPECT_NE(sentence->find(executor / "plugin.so"), std::string::npos) << *sentence;
  }
}

TEST(Mismatch, TheSameBuildInAnotherFolderAndAnotherOrderIsTheSame) {
  const Folder driver;
  const Folder executor;
  replace_file(PLUGIN_ONE, driver / "one.so");
  replace_file(PLUGIN_TWO, driver / "two.so");
  replace_file(PLUGIN_ONE, executor / "one.so");
  replace_file(PLUGIN_TWO, executor / "two.so");
  Manifest manifest;
  {
    const Loaded one(driver / "one.so");
    const Loaded two(driver / "two.so");
    manifest = make_manifest();
  }
  const Loaded two(executor / "two.so");
  const Loaded one(executor / "one.so");
  EXPECT_EQ(mismatch(manifest), std::nullopt);
}

TEST(Mismatch, WhatTheDriverAloneHadLoadedIsNoReasonToRefuse) {
  Manifest manifest;
  {
    const Loaded plugin(PLUGIN_ONE);
    manifest = make_manifest();
  }
  EXPECT_EQ(mismatch(manifest), std::nullopt);
}

TEST(Mismatch, AnotherBuildOfASystemLibraryIsNamed) {
  Manifest manifest = make_manifest();
  for (ManifestModule& module : manifest.modules) {
    if (module.name.find("libc.so") != std::string::npos) module.build_id[0] = static_cast<char>(~module.build_id[0]);
  }
  const auto sentence = mismatch(manifest);
  ASSERT_TRUE(sentence);
  EXPECT_NE(sentence->find("libc.so"), std::string::npos) << *sentence;
}

TEST(Modules, TheTableIsMadeAnewOnlyWhenSomethingWasLoaded) {
  const auto before = loaded_modules();
  EXPECT_EQ(loaded_modules(), before);
  const Loaded plugin(PLUGIN_ONE);
  EXPECT_EQ(loaded_modules()->size(), before->size() + 1);
}

TEST(Modules, AFileAndItsMemoryHaveTheSameIdentity) {
  const Loaded named(PLUGIN_ONE);
  const Loaded plain(PLUGIN_ONE_PLAIN);
  std::set<std::size_t> sizes;
  for (const LoadedModule& module : *loaded_modules()) {
    const std::string path = module.name.empty() ? "/proc/self/exe" : module.name;
    EXPECT_EQ(module.identity, ElfFile(path).identity()) << path;
    if (!module.system) {
      EXPECT_EQ(hash_of(module.read_only), ElfFile(path).code_hash()) << path;
      sizes.insert(module.identity.size());
    }
  }
  EXPECT_TRUE(sizes.contains(32)) << "no module without a build id was compared";
}

TEST(BuildId, IsFoundBehindNotesOfAnyAlignment) {
  const auto number = [](std::uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), 4); };
  const std::string other = number(4) + number(4) + number(5) + std::string("GNU\0", 4) + "four";
  const std::string wanted = number(4) + number(6) + number(3) + std::string("GNU\0", 4) + "secret";
  EXPECT_EQ(build_id_in_notes(other + wanted, 4), "secret");
  EXPECT_EQ(build_id_in_notes(other + std::string(4, '\0') + wanted, 8), "secret");
  EXPECT_EQ(build_id_in_notes(other, 4), std::nullopt);
}

TEST(BuildId, BrokenNotesAndFilesGiveNone) {
  const std::string huge(12, '\xff');
  EXPECT_EQ(build_id_in_notes(huge, 4), std::nullopt);
  EXPECT_EQ(build_id_in_notes("short", 4), std::nullopt);
  EXPECT_EQ(ElfFile("/dev/null").identity(), hash_of(std::vector<ReadOnlyPart>{}));
  EXPECT_THROW(ElfFile("/does/not/exist"), std::system_error);
}

}  // namespace
}  // namespace morrow::runtime
