#include "runtime/modules.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <openssl/evp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string_view>

namespace morrow::runtime {

namespace {

constexpr std::size_t kIdBytes = 20;

struct Table {
  std::mutex mutex;
  std::vector<LoadedModule> modules;
};

Table& table() {
  static Table* const the = new Table;  // never destroyed: asked for until the very end of the process
  return *the;
}

const std::vector<LoadedModule>* frozen = nullptr;

std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

std::optional<std::string> build_id_in_notes(const char* notes, std::size_t size) {
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) head;
    std::memcpy(&head, notes + at, sizeof(head));
    const std::size_t name = at + sizeof(head);
    const std::size_t description = name + aligned(head.n_namesz);
    if (description > size || head.n_descsz > size - description) break;
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0) {
      return std::string(notes + description, head.n_descsz);
    }
    at = description + aligned(head.n_descsz);
  }
  return std::nullopt;
}

std::string hash_of_code(const LoadedModule& module) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  for (const auto& segment : module.segments) {
    if (segment.executable) {
      EVP_DigestUpdate(context, reinterpret_cast<const void*>(segment.begin), segment.end - segment.begin);
    }
  }
  EVP_DigestFinal_ex(context, digest.data(), &size);
  EVP_MD_CTX_free(context);
  return {reinterpret_cast<const char*>(digest.data()), kIdBytes};
}

bool is_system(const std::string& name) {
  std::array<char, PATH_MAX> real{};
  const std::string_view path = realpath(name.c_str(), real.data()) != nullptr ? real.data() : name.c_str();
  constexpr std::array<std::string_view, 4> kFolders{"/lib/", "/usr/lib/", "/lib64/", "/usr/lib64/"};
  return std::any_of(kFolders.begin(), kFolders.end(), [path](std::string_view folder) { return path.starts_with(folder); });
}

// The kernel's own page of code, which is in no file.
bool is_vdso(const dl_phdr_info& info) {
  const auto page = getauxval(AT_SYSINFO_EHDR);
  const auto headers = reinterpret_cast<std::uintptr_t>(info.dlpi_phdr);
  return page != 0 && headers >= page && headers < page + 4096;
}

int add_module(dl_phdr_info* info, std::size_t, void* data) {
  if (is_vdso(*info)) return 0;
  auto& modules = *static_cast<std::vector<LoadedModule>*>(data);
  LoadedModule module;
  module.name = modules.empty() || info->dlpi_name == nullptr ? "" : info->dlpi_name;
  module.base = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD) module.segments.push_back({begin, begin + header.p_memsz, (header.p_flags & PF_X) != 0});
    if (header.p_type == PT_NOTE && module.build_id.empty()) {
      const auto id = build_id_in_notes(reinterpret_cast<const char*>(begin), header.p_memsz);
      if (id) module.build_id = *id;
    }
  }
  module.system = !module.name.empty() && is_system(module.name);
  if (module.build_id.empty()) module.build_id = hash_of_code(module);
  modules.push_back(std::move(module));
  return 0;
}

void refresh(std::vector<LoadedModule>& known) {
  std::vector<LoadedModule> found;
  dl_iterate_phdr(add_module, &found);
  for (LoadedModule& module : found) {
    const bool there = std::any_of(known.begin(), known.end(), [&](const LoadedModule& other) {
      return other.base == module.base && other.name == module.name;
    });
    if (!there) known.push_back(std::move(module));
  }
}

std::optional<ModulePlace> search(const std::vector<LoadedModule>& modules, std::uintptr_t address) {
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (modules[i].holds(address)) return ModulePlace{static_cast<std::uint32_t>(i), address - modules[i].base};
  }
  return std::nullopt;
}

std::vector<LoadedModule>& filled(Table& the) {
  if (the.modules.empty()) refresh(the.modules);
  return the.modules;
}

}  // namespace

bool LoadedModule::holds(std::uintptr_t address) const {
  return std::any_of(segments.begin(), segments.end(),
                     [address](const Segment& segment) { return address >= segment.begin && address < segment.end; });
}

bool LoadedModule::holds_code(std::uintptr_t address) const {
  return std::any_of(segments.begin(), segments.end(), [address](const Segment& segment) {
    return segment.executable && address >= segment.begin && address < segment.end;
  });
}

std::vector<LoadedModule> loaded_modules() {
  Table& the = table();
  const std::lock_guard lock(the.mutex);
  refresh(the.modules);
  return the.modules;
}

std::optional<ModulePlace> place_of(std::uintptr_t address) {
  Table& the = table();
  const std::lock_guard lock(the.mutex);
  if (auto place = search(filled(the), address)) return place;
  refresh(the.modules);
  return search(the.modules, address);
}

void freeze_modules() {
  delete frozen;
  frozen = new std::vector<LoadedModule>(loaded_modules());
}

std::optional<ModulePlace> frozen_place_of(std::uintptr_t address) noexcept {
  return frozen == nullptr ? std::nullopt : search(*frozen, address);
}

std::uintptr_t address_of(ModulePlace place) {
  Table& the = table();
  const std::lock_guard lock(the.mutex);
  const auto& modules = filled(the);
  return place.module < modules.size() ? modules[place.module].base + place.offset : 0;
}

const void* code_at(ModulePlace place) {
  Table& the = table();
  const std::lock_guard lock(the.mutex);
  const auto& modules = filled(the);
  if (place.module >= modules.size()) return nullptr;
  const LoadedModule& module = modules[place.module];
  const std::uintptr_t address = module.base + place.offset;
  return module.holds_code(address) ? reinterpret_cast<const void*>(address) : nullptr;
}

std::optional<std::string> build_id_of_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) {
    if (file >= 0) close(file);
    throw std::runtime_error("the file " + path + " can't be read: " + std::strerror(errno));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const mapped = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return std::nullopt;
  const char* const bytes = static_cast<const char*>(mapped);
  std::optional<std::string> id;
  ElfW(Ehdr) head{};
  if (size >= sizeof(head)) std::memcpy(&head, bytes, sizeof(head));
  const bool elf = std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_phentsize == sizeof(ElfW(Phdr));
  for (unsigned i = 0; elf && !id && i < head.e_phnum; ++i) {
    const std::size_t at = head.e_phoff + i * sizeof(ElfW(Phdr));
    ElfW(Phdr) header;
    if (at > size || size - at < sizeof(header)) break;
    std::memcpy(&header, bytes + at, sizeof(header));
    if (header.p_type != PT_NOTE || header.p_offset > size || header.p_filesz > size - header.p_offset) continue;
    id = build_id_in_notes(bytes + header.p_offset, header.p_filesz);
  }
  munmap(mapped, size);
  return id;
}

}  // namespace morrow::runtime
