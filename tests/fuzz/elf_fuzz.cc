// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/image/elf_image.h"
#include "tests/fuzz/fuzz.h"
#include "worker/pool/program/files.h"

// A file that a driver names, read as machine code.

namespace morrow::fuzz {

namespace {

/// A file in memory.
class File {
 public:
  File() : number_(memfd_create("fuzz", MFD_CLOEXEC)) { require(number_ >= 0); }
  ~File() { close(number_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void fill(std::string_view bytes) const {
    require(ftruncate(number_, 0) == 0);
    require(pwrite(number_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  int number() const { return number_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(number_); }

 private:
  int number_;
};

template <class T>
void put(std::string& file, std::size_t at, const T& value) {
  if (file.size() < at + sizeof(T)) file.resize(at + sizeof(T));
  std::memcpy(file.data() + at, &value, sizeof(T));
}

/// A build id, a read-only segment and a table of one symbol.
std::string small_program() {
  constexpr std::size_t kHeaders = sizeof(Elf64_Ehdr);
  constexpr std::size_t kNotes = kHeaders + 2 * sizeof(Elf64_Phdr);
  constexpr std::size_t kSections = kNotes + sizeof(Elf64_Nhdr) + 4 + 20;
  constexpr std::size_t kSymbols = kSections + 3 * sizeof(Elf64_Shdr);
  constexpr std::size_t kNames = kSymbols + sizeof(Elf64_Sym);
  std::string file;
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_phoff = kHeaders;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 2;
  head.e_shoff = kSections;
  head.e_shentsize = sizeof(Elf64_Shdr);
  head.e_shnum = 3;
  put(file, 0, head);
  put(file, kHeaders, Elf64_Phdr{PT_NOTE, PF_R, kNotes, 0, 0, sizeof(Elf64_Nhdr) + 24, 0, 4});
  put(file, kHeaders + sizeof(Elf64_Phdr), Elf64_Phdr{PT_LOAD, PF_R, 0, 0, 0, kNotes, 0, 4096});
  put(file, kNotes, Elf64_Nhdr{4, 20, NT_GNU_BUILD_ID});
  file += std::string("GNU\0", 4) + std::string(20, 'i');
  put(file, kSections, Elf64_Shdr{});
  put(file, kSections + sizeof(Elf64_Shdr),
      Elf64_Shdr{0, SHT_SYMTAB, 0, 0, kSymbols, sizeof(Elf64_Sym), 2, 0, 8, sizeof(Elf64_Sym)});
  put(file, kSections + 2 * sizeof(Elf64_Shdr), Elf64_Shdr{0, SHT_STRTAB, 0, 0, kNames, 6, 0, 0, 1, 0});
  put(file, kSymbols, Elf64_Sym{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 64, 16});
  return file + std::string("\0main\0", 6);
}

}  // namespace

std::map<std::string, std::string> seeds() {
  const std::string program = small_program();
  std::string without_id = program;
  without_id[sizeof(Elf64_Ehdr)] = PT_NULL;
  return {{"program", program + '@'}, {"no_build_id", without_id + 'A'}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  static const fuzz::File file;
  fuzz::Input input(data, size);
  const std::uint64_t address = input.number();
  file.fill(input.rest());
  const runtime::ElfFile read(file.path());
  fuzz::require(read.bytes() == input.rest());
  fuzz::require(!read.identity().empty());
  fuzz::require(read.code_hash().size() == 32);
  fuzz::require(read.function_at(address).size() <= input.rest().size());
  fuzz::require(worker::build_id_of(file.number()).value_or("").size() <= input.rest().size());
  static_cast<void>(runtime::build_id_in_notes(input.rest(), address % 2 == 0 ? 8 : 4));
  return 0;
}
