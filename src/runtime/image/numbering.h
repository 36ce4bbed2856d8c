// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <morrow/detail/stack_frame.h>

#include "runtime/image/manifest.h"
#include "runtime/image/modules.h"

/// The manifest's numbers for the modules of this process. The driver and its executors may have loaded the same
/// modules in another order and at other addresses; by these numbers they mean the same code.
namespace morrow::runtime {

/// The number of a module that the manifest does not have. The offset is then the bare address.
inline constexpr std::uint32_t kUnknownModule = 0xffffffff;

/// The module of this process that stands for one of the manifest.
struct Match {
  std::optional<std::size_t> loaded;  ///< place in the table; nothing when no such module is loaded
  bool same = false;                  ///< it is the same build
};

/// Finds module `number` of `manifest` in `table`: libraries are found by the name of their file, since executors
/// have theirs in another folder.
Match match_module(const Manifest& manifest, std::size_t number, const ModuleTable& table);

/// Both directions, for one state of the loaded modules.
struct Numbering {
  std::shared_ptr<const ModuleTable> table;
  std::vector<std::uint32_t> number_of;              ///< by place in the table; kUnknownModule: not in the manifest
  std::vector<std::optional<std::size_t>> place_of;  ///< by number; nothing: not loaded, or another build
  std::vector<std::string> names;                    ///< by number; the program's is empty
};

/// Numbers the modules by `manifest` from now on. Thread-safe.
void number_by(const Manifest& manifest);

/// The numbers as of now; in the order of loading until `number_by` was called. Thread-safe.
std::shared_ptr<const Numbering> numbering();

/// The frame for an address in code; of kUnknownModule when the manifest has no such module. Thread-safe.
detail::StackFrame frame_of(const Numbering& numbers, std::uintptr_t address);

}  // namespace morrow::runtime
