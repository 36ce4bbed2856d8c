#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace morrow::runtime {

struct ManifestModule {
  std::string name;      ///< the loader's; empty for the executable
  std::string build_id;  ///< of what is loaded
  bool system = false;   ///< comes with the system: told by its build id alone, not shipped
  std::string sha256;    ///< of the file, for those shipped
  std::uint64_t size = 0;
};

/// An image: everything that the program has loaded, in the order of loading. What it loads later (dlopen) is not part of it, and functions from there
/// can't be submitted; what was loaded before the session is, and executors must have loaded it by their Session line too.
struct Manifest {
  std::vector<ManifestModule> modules;
};

/// The image of this process. Hashes the files of the executable (read through /proc/self/exe) and of its own libraries.
/// \throws std::runtime_error naming the library whose file is not the one that is loaded any more
Manifest make_manifest();

/// Nothing when this process has loaded just what `expected` says; else one sentence that names the module which differs.
std::optional<std::string> mismatch(const Manifest& expected);

/// How many modules the manifest of this process has; 0 before it was made or compared.
std::uint32_t manifest_size();

}  // namespace morrow::runtime
