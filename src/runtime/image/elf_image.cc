// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/elf_image.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/sha256.h"

namespace morrow::runtime {

namespace {

std::size_t aligned(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

// The program headers, as far as the file really has them.
std::vector<ElfW(Phdr)> headers_of(std::string_view file) {
  ElfW(Ehdr) head{};
  if (file.size() < sizeof(head)) return {};
  std::memcpy(&head, file.data(), sizeof(head));
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr))) return {};
  const std::size_t size = head.e_phnum * sizeof(ElfW(Phdr));
  if (head.e_phnum == 0 || head.e_phoff > file.size() || size > file.size() - head.e_phoff) return {};
  std::vector<ElfW(Phdr)> headers(head.e_phnum);
  std::memcpy(static_cast<void*>(headers.data()), file.data() + head.e_phoff, size);
  std::erase_if(headers, [&](const ElfW(Phdr) & header) {
    return header.p_offset > file.size() || header.p_filesz > file.size() - header.p_offset;
  });
  return headers;
}

template <class T>
std::optional<T> read_at(std::string_view file, std::uint64_t at) {
  T value;
  if (at > file.size() || sizeof(T) > file.size() - at) return std::nullopt;
  std::memcpy(static_cast<void*>(&value), file.data() + at, sizeof(T));
  return value;
}

std::optional<ElfW(Shdr)> section(std::string_view file, std::size_t number) {
  const auto head = read_at<ElfW(Ehdr)>(file, 0);
  if (!head || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_shentsize != sizeof(ElfW(Shdr))) return {};
  if (number >= head->e_shnum) return {};
  return read_at<ElfW(Shdr)>(file, head->e_shoff + number * sizeof(ElfW(Shdr)));
}

// One pass over a table of symbols.
std::string_view function_in(std::string_view file, const ElfW(Shdr) & table, std::uint64_t address) {
  const auto names = section(file, table.sh_link);
  if (!names || names->sh_offset > file.size()) return {};
  for (std::uint64_t at = 0; at + sizeof(ElfW(Sym)) <= table.sh_size; at += sizeof(ElfW(Sym))) {
    const auto symbol = read_at<ElfW(Sym)>(file, table.sh_offset + at);
    if (!symbol) break;
    if ((symbol->st_info & 0xf) != STT_FUNC || symbol->st_shndx == SHN_UNDEF) continue;
    if (address < symbol->st_value || address >= symbol->st_value + std::max<std::uint64_t>(symbol->st_size, 1))
      continue;
    const std::string_view rest = file.substr(names->sh_offset);
    if (symbol->st_name >= rest.size()) return {};
    const std::string_view name = rest.substr(symbol->st_name);
    return name.substr(0, name.find('\0'));
  }
  return {};
}

}  // namespace

std::optional<std::string_view> value_of_note(std::string_view notes, std::size_t alignment, std::string_view owner,
                                              std::uint32_t type) {
  const std::size_t to = alignment == 8 ? 8 : 4;
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, notes.data(), sizeof(head));
    const std::size_t value = aligned(sizeof(head) + head.n_namesz, to);
    const std::size_t end = value + head.n_descsz;
    if (end > notes.size()) break;
    if (head.n_type == type && head.n_descsz != 0 && notes.substr(sizeof(head), head.n_namesz) == owner)
      return notes.substr(value, head.n_descsz);
    notes.remove_prefix(std::min(aligned(end, to), notes.size()));
  }
  return std::nullopt;
}

std::optional<std::string> build_id_in_notes(std::string_view notes, std::size_t alignment) {
  const auto id = value_of_note(notes, alignment, std::string_view("GNU\0", 4), NT_GNU_BUILD_ID);
  return id ? std::optional<std::string>(*id) : std::nullopt;
}

std::string hash_of(const std::vector<ReadOnlyPart>& parts) {
  base::Sha256 hash;
  for (const ReadOnlyPart& part : parts) {
    hash.add(part.address);
    hash.add(part.bytes.size());
    hash.add(part.bytes);
  }
  return hash.finish();
}

ElfFile::ElfFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  void* mapped = nullptr;
  bool good = file >= 0 && fstat(file, &status) == 0;
  const auto size = static_cast<std::size_t>(status.st_size);
  if (good && size != 0) {
    mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    good = mapped != MAP_FAILED;
  }
  const int error = errno;
  if (file >= 0) close(file);
  if (!good) throw std::system_error(error, std::generic_category(), "the file " + path + " can't be read");
  if (size != 0) bytes_ = {static_cast<const char*>(mapped), size};
  inode_ = status.st_ino;
}

ElfFile::~ElfFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

std::string ElfFile::identity() const {
  for (const auto& header : headers_of(bytes_)) {
    if (header.p_type != PT_NOTE) continue;
    if (auto id = build_id_in_notes(bytes_.substr(header.p_offset, header.p_filesz), header.p_align)) return *id;
  }
  return code_hash();
}

bool ElfFile::has_note(std::string_view owner, std::uint32_t type) const {
  for (const auto& header : headers_of(bytes_)) {
    if (header.p_type != PT_NOTE) continue;
    if (value_of_note(bytes_.substr(header.p_offset, header.p_filesz), header.p_align, owner, type)) return true;
  }
  return false;
}

std::string_view ElfFile::function_at(std::uint64_t address) const {
  // A stripped file has only the symbols that others may use.
  for (const auto type : {SHT_SYMTAB, SHT_DYNSYM}) {
    for (std::size_t number = 0; const auto table = section(bytes_, number); ++number) {
      if (table->sh_type != static_cast<std::uint32_t>(type)) continue;
      if (const std::string_view name = function_in(bytes_, *table, address); !name.empty()) return name;
    }
  }
  return {};
}

std::string ElfFile::code_hash() const {
  std::vector<ReadOnlyPart> parts;
  for (const auto& header : headers_of(bytes_)) {
    if (header.p_type != PT_LOAD || (header.p_flags & (PF_R | PF_W)) != PF_R) continue;
    parts.push_back({header.p_vaddr, bytes_.substr(header.p_offset, header.p_filesz)});
  }
  return hash_of(parts);
}

}  // namespace morrow::runtime
