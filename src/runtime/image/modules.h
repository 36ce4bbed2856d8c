// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/image/elf_image.h"

/// The modules that this process has really loaded. The loader is asked (dl_iterate_phdr), which is right for PIE,
/// non-PIE, -static and static-pie programs alike. The kernel's own page of code (vdso) is left out.
namespace morrow::runtime {

/// The executable or a library, as it is loaded in this process.
struct LoadedModule {
  /// A range of addresses.
  struct Segment {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };

  std::string name;           ///< as the loader has it; empty for the program itself
  std::uintptr_t base = 0;    ///< an address less this is the offset
  std::string identity;       ///< tells the build: see elf_image.h
  bool system = false;        ///< a library in a folder of the system, links followed; never the program itself
  std::vector<Segment> code;  ///< executable segments
  std::vector<ReadOnlyPart> read_only;  ///< views of its memory

  bool holds_code(std::uintptr_t address) const;
};

/// In the order of loading, the program first. Never changed once made.
using ModuleTable = std::vector<LoadedModule>;

/// The table as it is now; made anew only after something was loaded or unloaded since the last call. Thread-safe.
std::shared_ptr<const ModuleTable> loaded_modules();

/// The place in `table` of the module whose code holds `address`.
std::optional<std::size_t> find_module(const ModuleTable& table, std::uintptr_t address);

/// The path behind /proc/self/exe, or "the program" where that can't be read.
std::string program_path();

}  // namespace morrow::runtime
