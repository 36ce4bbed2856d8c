// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/manifest.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "base/hex.h"
#include "base/sha256.h"
#include "runtime/image/elf_image.h"
#include "runtime/image/modules.h"
#include "runtime/image/numbering.h"

// The problem: a task names its function by a place in the driver's code. The executor may run on another machine, with
// libraries at other addresses, in another order, or of another version. If one byte of code differs, the call goes to
// a wrong place and nobody notices.
//
// So the driver makes a list of all modules that it has loaded, each with an identity of its build (elf_image.h), and a
// function is a number in the list and an offset. An executor compares the list with what it has loaded itself before
// it runs anything; a difference is a sentence that names the module. Libraries of the system are not shipped, and
// compared all the same.
//
// The driver ships files by their content. But a file may have been replaced since it was loaded: the one on disk is
// then another program. So the file must be the loaded one: by its inode in /proc/self/maps where that agrees, else by
// a hash over its read-only segments, which are the same in the file and in memory. Executables are read through
// /proc/self/exe, which is the loaded one whatever was put in its place.
//
// Read modules.h for the loader's view, numbering.cc for the numbers.
namespace morrow::runtime {

namespace {

constexpr const char* kSelf = "/proc/self/exe";

/// The file that the kernel has mapped at some place.
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uint64_t inode = 0;
  std::string path;
};

std::vector<Mapping> mappings() {
  std::vector<Mapping> all;
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Mapping mapping;
    char dash = 0;
    std::string permissions, offset, device;
    words >> std::hex >> mapping.begin >> dash >> mapping.end >> permissions >> offset >> device >> std::dec >>
        mapping.inode >> std::ws;
    std::getline(words, mapping.path);
    if (mapping.inode != 0) all.push_back(std::move(mapping));
  }
  return all;
}

Mapping mapping_of(const std::vector<Mapping>& all, const LoadedModule& module) {
  if (module.code.empty()) return {};
  for (const Mapping& mapping : all) {
    if (module.code[0].begin >= mapping.begin && module.code[0].begin < mapping.end) return mapping;
  }
  return {};
}

// The loader keeps a relative name relative, to a folder that may have been left since.
std::string absolute_name(const LoadedModule& module, const Mapping& mapping) {
  if (module.name.empty() || module.name.front() == '/') return module.name;
  std::error_code error;
  const auto path = std::filesystem::absolute(module.name, error);
  if (!error && std::filesystem::exists(path, error)) return path.lexically_normal().string();
  return mapping.path.empty() ? module.name : mapping.path;
}

// A file with another inode than the mapped one may still be the same build, put there again; device numbers say
// nothing on some file systems. So the code decides.
bool is_loaded_file(const ElfFile& file, const LoadedModule& module, const Mapping& mapping) {
  if (file.identity() != module.identity) return false;
  return file.inode() == mapping.inode || file.code_hash() == hash_of(module.read_only);
}

[[noreturn]] void refuse_stale(const ManifestModule& module) {
  if (module.name.empty()) {
    throw std::runtime_error("the program was started by way of " + program_path() +
                             ", so its own file can't be told; start it directly");
  }
  throw std::runtime_error("the library " + module.name +
                           " was replaced on disk after this program had loaded it; start the program again");
}

void fill_file(ManifestModule& module, const LoadedModule& loaded, const Mapping& mapping) {
  const ElfFile file(module.name.empty() ? kSelf : module.name);
  if (!is_loaded_file(file, loaded, mapping)) refuse_stale(module);
  module.sha256 = base::sha256_of(file.bytes());
  module.size = file.bytes().size();
}

std::string short_text_of(std::string_view identity) {
  constexpr std::size_t kShownBytes = 6;
  return base::hex_of(identity.substr(0, kShownBytes));
}

std::string sentence(const ManifestModule& wanted, const LoadedModule& loaded) {
  const std::string builds =
      " (build " + short_text_of(loaded.identity) + " here, " + short_text_of(wanted.build_id) + " at the driver)";
  if (loaded.name.empty()) {
    return "the executable " + program_path() + " is another build than the driver's" + builds +
           "; start the driver again";
  }
  if (wanted.system) {
    return "the system library " + loaded.name + " is another build than the driver's" + builds +
           "; install the same version on both machines";
  }
  return "the library " + loaded.name + " is another build than the driver's" + builds +
         "; make them the same and start the driver again";
}

}  // namespace

Manifest make_manifest() {
  const auto table = loaded_modules();
  const std::vector<Mapping> mapped = mappings();
  Manifest manifest;
  for (const LoadedModule& loaded : *table) {
    const Mapping mapping = mapping_of(mapped, loaded);
    ManifestModule& module = manifest.modules.emplace_back();
    module.name = absolute_name(loaded, mapping);
    module.build_id = loaded.identity;
    module.system = loaded.system;
    if (!loaded.system) fill_file(module, loaded, mapping);
  }
  number_by(manifest);
  return manifest;
}

std::optional<std::string> mismatch(const Manifest& expected) {
  if (expected.modules.empty()) return "the driver's list of modules is empty; start the driver again";
  const auto table = loaded_modules();
  for (std::size_t i = 0; i < expected.modules.size(); ++i) {
    const Match match = match_module(expected, i, *table);
    if (match.loaded && !match.same) return sentence(expected.modules[i], (*table)[*match.loaded]);
  }
  number_by(expected);
  return std::nullopt;
}

}  // namespace morrow::runtime
