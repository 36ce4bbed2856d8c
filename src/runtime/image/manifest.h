// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace morrow::runtime {

/// The executable or one library of an image.
struct ManifestModule {
  std::string name;         ///< absolute path at the driver; empty for the executable
  std::string build_id;     ///< of what is loaded; SHA-256 of its read-only segments where the linker left no build id
  bool system = false;      ///< comes with the system: told by its build id alone, not shipped
  std::string sha256 = {};  ///< of the file, for those shipped; 32 bytes
  std::uint64_t size = 0;   ///< of the file in bytes, for those shipped
};

/// An image: everything that the program has loaded when its session begins, the executable first. A module's number
/// in code references and frames is its place in this list.
///
/// A library that the driver loaded itself (dlopen) before the session is in the list as well. An executor runs the
/// same code up to its Session line, so it normally has it too; when it has not, only a task that names a function of
/// that library fails, with a sentence. Modules that are loaded later are not in the list: its functions can't be
/// submitted.
struct Manifest {
  std::vector<ManifestModule> modules;
};

/// The image of this process; from now on, code references and frames are numbered by it. Hashes the files of the
/// executable (through /proc/self/exe) and of the user's own libraries. Thread-safe.
/// \throws std::runtime_error naming the file that can't be read or is not the one that is loaded any more
Manifest make_manifest();

/// Nothing when every module of `expected` that this process has loaded is the same build: then code references and
/// frames are numbered by `expected` from now on. Else one sentence that names the module. Thread-safe.
std::optional<std::string> mismatch(const Manifest& expected);

}  // namespace morrow::runtime
