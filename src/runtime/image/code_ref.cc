// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/code_ref.h"

#include <stdexcept>
#include <string>

#include "base/path_name.h"
#include "runtime/image/modules.h"
#include "runtime/image/numbering.h"

namespace morrow::runtime {

namespace {

// Nearly all functions come from the program itself, which never moves and has number 0: no lock, no search for those.
const LoadedModule& program() {
  static const LoadedModule& the = *new LoadedModule(loaded_modules()->front());
  return the;
}

std::string file_name(const std::string& path) { return std::string(base::base_name(path)); }

}  // namespace

CodeRef code_ref(const void* function) {
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  if (program().holds_code(address)) return {0, address - program().base};
  const auto numbers = numbering();
  const auto place = find_module(*numbers->table, address);
  if (!place) {
    throw std::invalid_argument(
        "what is submitted is no function of a loaded module, so executors can't find it: submit a lambda or a "
        "function of your program");
  }
  const LoadedModule& module = (*numbers->table)[*place];
  if (module.system) {
    throw std::invalid_argument("what is submitted is a function of a system library (" + file_name(module.name) +
                                "), which may be another one on other machines: wrap it in a lambda");
  }
  const std::uint32_t number = numbers->number_of[*place];
  if (number == kUnknownModule) {
    throw std::invalid_argument("what is submitted is a function of " + file_name(module.name) +
                                ", which was loaded after the session began: load it before the Session line");
  }
  return {number, address - module.base};
}

const void* code_address(CodeRef ref) {
  if (ref.module == 0) {
    const std::uintptr_t address = program().base + ref.offset;
    if (program().holds_code(address)) return reinterpret_cast<const void*>(address);
  } else if (const auto numbers = numbering(); ref.module < numbers->place_of.size()) {
    const auto place = numbers->place_of[ref.module];
    if (!place) {
      throw std::invalid_argument("the task's function is in " + file_name(numbers->names[ref.module]) +
                                  ", which this executor has not loaded: load it before the Session line");
    }
    const LoadedModule& module = (*numbers->table)[*place];
    const std::uintptr_t address = module.base + ref.offset;
    if (module.holds_code(address)) return reinterpret_cast<const void*>(address);
  }
  throw std::invalid_argument("the task names a place where this program has no code: start the driver again");
}

}  // namespace morrow::runtime
