#include "runtime/code_ref.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include "runtime/manifest.h"
#include "runtime/modules.h"

namespace morrow::runtime {

namespace {

// Nearly all functions come from the program itself, which never moves: no lock and no search for those.
struct Main {
  LoadedModule module;
};

const Main& main_module() {
  static const Main* const the = new Main{loaded_modules().front()};
  return *the;
}

}  // namespace

CodeRef code_ref(const void* function) {
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  const LoadedModule& program = main_module().module;
  if (program.holds_code(address)) return {0, address - program.base};
  const auto place = place_of(address);
  if (!place) throw std::invalid_argument("the function lies in no loaded module, so executors can't find it; submit a lambda or a function of the program");
  const LoadedModule module = loaded_modules().at(place->module);
  if (module.system) {
    throw std::invalid_argument("the function is one of a system library (" + module.name +
                                "), which may be another one elsewhere; wrap it in a lambda");
  }
  if (manifest_size() != 0 && place->module >= manifest_size()) {
    throw std::invalid_argument("the function is one of " + module.name +
                                ", which was loaded after the session began; load it before the Session line");
  }
  return {place->module, place->offset};
}

const void* code_address(CodeRef ref) {
  if (ref.module == 0) {
    const LoadedModule& program = main_module().module;
    const std::uintptr_t address = program.base + ref.offset;
    if (program.holds_code(address)) return reinterpret_cast<const void*>(address);
  } else if (const void* const address = code_at({ref.module, ref.offset})) {
    return address;
  }
  throw std::invalid_argument("the task names a place where this program has no code: it is of another build");
}

}  // namespace morrow::runtime
