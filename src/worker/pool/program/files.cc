// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program/files.h"

#include <elf.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "wire/socket.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kMaxNotes = 1u << 20;
constexpr std::size_t kMaxHeaders = 4'096;
constexpr std::string_view kDeleted = " (deleted)";  // as /proc names the file of a program that was rebuilt meanwhile

template <typename T>
bool read_at(int file, T& out, std::uint64_t offset) {
  return pread(file, &out, sizeof(out), static_cast<off_t>(offset)) == static_cast<ssize_t>(sizeof(out));
}

std::size_t aligned(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

std::optional<std::string> build_id_in(std::string_view notes, std::size_t alignment) {
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof(note));
    const std::size_t name_at = sizeof(note);
    const std::size_t value_at = aligned(name_at + note.n_namesz, alignment);
    const std::size_t end = value_at + note.n_descsz;
    if (end > notes.size()) return std::nullopt;
    if (note.n_type == NT_GNU_BUILD_ID && notes.substr(name_at, note.n_namesz) == std::string_view("GNU\0", 4)) {
      return std::string(notes.substr(value_at, note.n_descsz));
    }
    notes.remove_prefix(std::min(aligned(end, alignment), notes.size()));
  }
  return std::nullopt;
}

// The last part of a path; empty when it is not fit to be a file's name.
std::string last_part(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  if (name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
  return name == "." || name == ".." || name.find('\0') != std::string::npos ? "" : name;
}

}  // namespace

std::string build_id_of(int file) {
  Elf64_Ehdr header;
  if (!read_at(file, header, 0) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_phnum > kMaxHeaders) {
    return {};
  }
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    if (!read_at(file, part, header.e_phoff + i * sizeof(part))) return {};
    if (part.p_type != PT_NOTE || part.p_filesz > kMaxNotes) continue;
    std::string notes(part.p_filesz, '\0');
    if (pread(file, notes.data(), notes.size(), static_cast<off_t>(part.p_offset)) !=
        static_cast<ssize_t>(notes.size()))
      return {};
    if (auto id = build_id_in(notes, part.p_align == 8 ? 8 : 4)) return *id;
  }
  return {};
}

std::string sha256_of(int file) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!hash || EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) != 1) return {};
  std::vector<char> bytes(256u << 10);
  off_t offset = 0;
  for (;;) {
    const ssize_t size = pread(file, bytes.data(), bytes.size(), offset);
    if (size < 0) return {};
    if (size == 0) break;
    EVP_DigestUpdate(hash.get(), bytes.data(), static_cast<std::size_t>(size));
    offset += size;
  }
  std::string digest(32, '\0');
  EVP_DigestFinal_ex(hash.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

bool is_whole(const wire::Program& program) {
  return program.modules_size() > 0 && !program.modules(0).system() &&
         std::all_of(program.modules().begin(), program.modules().end(), [](const wire::Module& module) {
           return module.system() || module.sha256().size() == kHashBytes;
         });
}

bool is_same_file(const wire::Module& module, const std::string& path) {
  const wire::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!file || fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return false;
  if (facts.st_dev != module.device() || facts.st_ino != module.inode() ||
      static_cast<std::uint64_t>(facts.st_size) != module.size()) {
    return false;
  }
  const std::string build_id = build_id_of(file.get());
  return build_id.empty() ? sha256_of(file.get()) == module.sha256() : build_id == module.build_id();
}

std::string cached_path(const std::string& cache_folder, const wire::Module& module) {
  return cache_folder + "/" + to_hex(module.sha256()) + "/" + file_name_of(module);
}

std::string file_name_of(const wire::Module& module) {
  std::string name = last_part(module.name().empty() ? module.real_path() : module.name());
  return name.empty() ? "program" : name;
}

std::vector<std::string> link_names(const wire::Module& module) {
  std::vector<std::string> names{file_name_of(module)};
  if (std::string name = last_part(module.real_path()); !name.empty()) names.push_back(std::move(name));
  return names;
}

void touch(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::filesystem::last_write_time(folder, std::filesystem::file_time_type::clock::now(), ignored);
}

void forget_old_programs(const std::string& cache_folder, std::chrono::hours unused) {
  const auto oldest = std::filesystem::file_time_type::clock::now() - unused;
  std::error_code error;
  std::vector<std::filesystem::path> old;
  for (auto entry = std::filesystem::directory_iterator(cache_folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (std::filesystem::last_write_time(entry->path(), gone) < oldest && !gone) old.push_back(entry->path());
  }
  for (const auto& path : old) std::filesystem::remove_all(path, error);
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

}  // namespace morrow::worker
