// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/modules.h"

#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/invariant.h"
#include "base/mutex.h"

namespace morrow::runtime {

namespace {

constexpr std::uintptr_t kPage = 4096;

/// How often the loader loaded and unloaded something.
struct Changes {
  unsigned long long loads = 0;
  unsigned long long unloads = 0;
  friend bool operator==(const Changes&, const Changes&) = default;
};

int read_changes(dl_phdr_info* info, std::size_t, void* data) {
  *static_cast<Changes*>(data) = {info->dlpi_adds, info->dlpi_subs};
  return 1;
}

std::string real_path(const char* path) {
  std::array<char, PATH_MAX> real{};
  return realpath(path, real.data()) == nullptr ? path : real.data();
}

bool is_system(const std::string& name) {
  static const std::vector<std::string> folders = [] {
    std::vector<std::string> all;
    for (const char* const folder : {"/lib", "/usr/lib", "/lib64", "/usr/lib64"})
      all.push_back(real_path(folder) + "/");
    return all;
  }();
  const std::string path = real_path(name.c_str());
  return std::any_of(folders.begin(), folders.end(), [&](const auto& folder) { return path.starts_with(folder); });
}

bool is_vdso(const dl_phdr_info& info) {
  const std::uintptr_t page = getauxval(AT_SYSINFO_EHDR);
  const auto headers = reinterpret_cast<std::uintptr_t>(info.dlpi_phdr);
  return page != 0 && headers >= page && headers < page + kPage;
}

/// What the loader's callback fills in.
struct Listing {
  const ModuleTable* known;  // modules that are there still need not be hashed again
  bool first = true;
  Changes changes;
  ModuleTable modules;
};

void add_module(Listing& listing, const dl_phdr_info& info) {
  const bool program = std::exchange(listing.first, false);
  LoadedModule module;
  if (!program && info.dlpi_name != nullptr) module.name = info.dlpi_name;
  module.base = info.dlpi_addr;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& header = info.dlpi_phdr[i];
    const std::uintptr_t begin = info.dlpi_addr + header.p_vaddr;
    const std::string_view bytes(reinterpret_cast<const char*>(begin), header.p_filesz);
    if (header.p_type == PT_NOTE && module.identity.empty()) {
      module.identity = build_id_in_notes(bytes, header.p_align).value_or("");
    }
    if (header.p_type != PT_LOAD) continue;
    if ((header.p_flags & PF_X) != 0) module.code.push_back({begin, begin + header.p_memsz});
    if ((header.p_flags & (PF_R | PF_W)) == PF_R) module.read_only.push_back({header.p_vaddr, bytes});
  }
  const auto same = std::find_if(listing.known->begin(), listing.known->end(), [&](const LoadedModule& other) {
    return other.base == module.base && other.name == module.name;
  });
  const bool seen = same != listing.known->end();
  module.system = seen ? same->system : !program && is_system(module.name);
  if (module.identity.empty()) module.identity = seen ? same->identity : hash_of(module.read_only);
  listing.modules.push_back(std::move(module));
}

int visit(dl_phdr_info* info, std::size_t, void* data) {
  auto& listing = *static_cast<Listing*>(data);
  listing.changes = {info->dlpi_adds, info->dlpi_subs};
  if (!is_vdso(*info)) add_module(listing, *info);
  return 0;
}

/// The last table that was made.
struct TableCache {
  base::Mutex mutex;
  Changes changes GUARDED_BY(mutex);
  std::shared_ptr<const ModuleTable> table GUARDED_BY(mutex) = std::make_shared<const ModuleTable>();
};

}  // namespace

bool LoadedModule::holds_code(std::uintptr_t address) const {
  return std::any_of(code.begin(), code.end(),
                     [address](const Segment& part) { return address >= part.begin && address < part.end; });
}

std::shared_ptr<const ModuleTable> loaded_modules() {
  static TableCache& known = *new TableCache;  // asked for until the very end of the process
  Changes now;
  dl_iterate_phdr(read_changes, &now);
  const base::MutexLock lock(known.mutex);
  if (!known.table->empty() && now == known.changes) return known.table;
  // Once something was unloaded, another build may lie at the same place.
  const bool reuse = now.unloads == known.changes.unloads;
  const ModuleTable none;
  Listing listing{.known = reuse ? known.table.get() : &none, .changes = {}, .modules = {}};
  dl_iterate_phdr(visit, &listing);
  MORROW_INVARIANT(!listing.modules.empty(), "the program is among its own modules");
  known.changes = listing.changes;
  known.table = std::make_shared<const ModuleTable>(std::move(listing.modules));
  return known.table;
}

std::optional<std::size_t> find_module(const ModuleTable& table, std::uintptr_t address) {
  const auto found =
      std::find_if(table.begin(), table.end(), [address](const auto& module) { return module.holds_code(address); });
  if (found == table.end()) return std::nullopt;
  return static_cast<std::size_t>(found - table.begin());
}

std::string program_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size <= 0 ? "the program" : std::string(path.data(), static_cast<std::size_t>(size));
}

}  // namespace morrow::runtime
