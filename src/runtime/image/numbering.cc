// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/numbering.h"

#include "base/invariant.h"
#include "base/mutex.h"
#include "base/path_name.h"

// The problem: code references and stack frames carry the numbers of the driver's list of modules, while a process
// knows its own modules by their order of loading, which is another one in each process and changes with each dlopen.
//
// A Numbering is both directions for one state of the loader. It is made once and never changed, so a reader needs no
// lock while it uses one; a new one is made when the table of modules is another. Libraries are matched by the name of
// their file, as executors have copies of them in other folders, and among those of one name by the identity of the
// build. Without a list, as before the Session line, the order of loading numbers them.
namespace morrow::runtime {

namespace {

/// The manifest that numbers the modules, and the last numbers that were made by it.
struct NumberingCache {
  base::Mutex mutex;
  std::optional<Manifest> manifest GUARDED_BY(mutex);
  std::shared_ptr<const Numbering> numbers GUARDED_BY(mutex);
};

NumberingCache& cache() {
  static NumberingCache& the = *new NumberingCache;  // asked for until the very end of the process
  return the;
}

std::shared_ptr<const Numbering> number(const Manifest* manifest, std::shared_ptr<const ModuleTable> table) {
  auto numbers = std::make_shared<Numbering>();
  numbers->table = std::move(table);
  const std::size_t loaded = numbers->table->size();
  if (manifest == nullptr) {
    for (std::size_t i = 0; i < loaded; ++i) {
      numbers->number_of.push_back(static_cast<std::uint32_t>(i));
      numbers->place_of.emplace_back(i);
      numbers->names.push_back((*numbers->table)[i].name);
    }
    return numbers;
  }
  numbers->number_of.assign(loaded, kUnknownModule);
  for (std::size_t i = 0; i < manifest->modules.size(); ++i) {
    const Match match = match_module(*manifest, i, *numbers->table);
    MORROW_INVARIANT(!match.same || match.loaded, "a module of the same build is loaded", i);
    numbers->place_of.push_back(match.same ? match.loaded : std::nullopt);
    if (match.same) numbers->number_of[*match.loaded] = static_cast<std::uint32_t>(i);
    numbers->names.push_back(manifest->modules[i].name);
  }
  MORROW_INVARIANT(numbers->place_of.size() == numbers->names.size(), "each number has a name and perhaps a place",
                   numbers->place_of.size(), numbers->names.size());
  return numbers;
}

}  // namespace

Match match_module(const Manifest& manifest, std::size_t number, const ModuleTable& table) {
  const ManifestModule& wanted = manifest.modules[number];
  Match match;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const LoadedModule& loaded = table[i];
    const bool is_program = i == 0;
    const bool wants_program = number == 0;
    if (is_program != wants_program || (!is_program && base::base_name(loaded.name) != base::base_name(wanted.name)))
      continue;
    // Two libraries of one name: the one of the right build is meant.
    if (loaded.identity == wanted.build_id) return {i, true};
    if (!match.loaded) match.loaded = i;
  }
  if (match.loaded || number == 0) return match;
  for (std::size_t i = 1; i < table.size(); ++i) {
    if (table[i].identity == wanted.build_id) return {i, true};  // under another name
  }
  return match;
}

void number_by(const Manifest& manifest) {
  auto table = loaded_modules();
  NumberingCache& the = cache();
  const base::MutexLock lock(the.mutex);
  the.manifest = manifest;
  the.numbers = number(&*the.manifest, std::move(table));
}

std::shared_ptr<const Numbering> numbering() {
  auto table = loaded_modules();
  NumberingCache& the = cache();
  const base::MutexLock lock(the.mutex);
  if (!the.numbers || the.numbers->table != table) {
    the.numbers = number(the.manifest ? &*the.manifest : nullptr, std::move(table));
  }
  return the.numbers;
}

detail::StackFrame frame_of(const Numbering& numbers, std::uintptr_t address) {
  const auto place = find_module(*numbers.table, address);
  if (!place || numbers.number_of[*place] == kUnknownModule) return {kUnknownModule, address};
  return {numbers.number_of[*place], address - (*numbers.table)[*place].base};
}

}  // namespace morrow::runtime
