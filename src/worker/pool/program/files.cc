// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program/files.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/path_name.h"
#include "base/sha256.h"
#include "wire/socket.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxNotesBytes = 1u << 20;  // both far above what linkers write: files may be rubbish
constexpr std::size_t kMaxHeaders = 4'096;
constexpr std::size_t kReadBytes = 256u << 10;       // of a file at once
constexpr std::string_view kDeleted = " (deleted)";  // as /proc names the file of a program that was rebuilt meanwhile

/// The bytes at `offset` as a T; nothing when the file has less.
template <typename T>
std::optional<T> read_at(int file, std::uint64_t offset) {
  T out;
  if (pread(file, &out, sizeof(out), static_cast<off_t>(offset)) != static_cast<ssize_t>(sizeof(out)))
    return std::nullopt;
  return out;
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
  std::string name(base::base_name(path));
  if (name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
  return name == "." || name == ".." || name.find('\0') != std::string::npos ? "" : name;
}

}  // namespace

std::optional<std::string> build_id_of(int file) {
  const auto header = read_at<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > kMaxHeaders) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto part = read_at<Elf64_Phdr>(file, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!part) return std::nullopt;
    if (part->p_type != PT_NOTE || part->p_filesz > kMaxNotesBytes) continue;
    std::string notes(part->p_filesz, '\0');
    if (pread(file, notes.data(), notes.size(), static_cast<off_t>(part->p_offset)) !=
        static_cast<ssize_t>(notes.size()))
      return std::nullopt;
    if (auto id = build_id_in(notes, part->p_align == 8 ? 8 : 4); id && !id->empty()) return id;
  }
  return std::nullopt;
}

std::optional<std::string> sha256_of(int file) {
  base::Sha256 hash;
  std::vector<char> bytes(kReadBytes);
  off_t offset = 0;
  for (;;) {
    const ssize_t size = pread(file, bytes.data(), bytes.size(), offset);
    if (size < 0) return std::nullopt;
    if (size == 0) return hash.finish();
    hash.add(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    offset += size;
  }
}

bool is_whole(const wire::Program& program) {
  return program.modules_size() > 0 && !program.modules(0).system() &&
         std::all_of(program.modules().begin(), program.modules().end(), [](const wire::Module& module) {
           return module.system() || module.sha256().size() == base::kSha256Bytes;
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
  const auto build_id = build_id_of(file.get());
  return build_id ? *build_id == module.build_id() : sha256_of(file.get()) == module.sha256();
}

std::string cached_path(const std::string& cache_folder, const wire::Module& module) {
  return cache_folder + "/" + base::hex_of(module.sha256()) + "/" + file_name_of(module);
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

}  // namespace morrow::worker
