#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What this process has really loaded. The loader is asked (dl_iterate_phdr), which is right for PIE, non-PIE, static and
/// static-pie programs alike.
namespace morrow::runtime {

struct LoadedModule {
  struct Segment {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    bool executable = false;
  };
  std::string name;      ///< as the loader has it; empty for the program itself
  std::uintptr_t base = 0;
  std::string build_id;  ///< GNU build id, else a hash of its code
  bool system = false;   ///< from a folder of the system
  std::vector<Segment> segments;

  bool holds(std::uintptr_t address) const;
  bool holds_code(std::uintptr_t address) const;
};

/// A place in a module, by its number in the table.
struct ModulePlace {
  std::uint32_t module = 0;
  std::uint64_t offset = 0;
};

/// The table, in the order of loading, which is the same in every process of one program. Modules are never taken out: a number stays what
/// it was. Thread-safe.
std::vector<LoadedModule> loaded_modules();

/// The module that holds `address`; looks for newly loaded ones when it is unknown. Thread-safe.
std::optional<ModulePlace> place_of(std::uintptr_t address);

/// As `place_of` over a table that is never refreshed, with no lock and no allocation: for signal handlers. `freeze_modules` before.
std::optional<ModulePlace> frozen_place_of(std::uintptr_t address) noexcept;
void freeze_modules();

/// The address in this process; null when there is no such module or the place is not in its code.
const void* code_at(ModulePlace place);
/// The address without the check for code; 0 when there is no such module.
std::uintptr_t address_of(ModulePlace place);

/// The build id in an ELF file on disk, or nothing. \throws std::runtime_error when the file can't be read
std::optional<std::string> build_id_of_file(const std::string& path);

}  // namespace morrow::runtime
