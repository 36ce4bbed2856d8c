// SPDX-License-Identifier: Apache-2.0
//
// A global `std::ofstream table("table.txt")` is opened by each process that runs tasks, before main and any line of
// Morrow's, and that cuts the file which the driver is writing to. Nothing outside of that process can prevent it but
// by taking the file away from the tasks too. So the library stands between the program and the C library where files
// are opened, as std::random_device is stood before in start_facts.cc: before the Session line of a process that a
// worker started, a file that the driver has open for writing is not cut nor removed, and is written at its end.
//
// The files come by an environment variable, as device:inode,device:inode…: it is there before anything else is.
// fopen64 is what std::ofstream calls.
#undef _FORTIFY_SOURCE    // with it the functions below have bodies already
#undef _FILE_OFFSET_BITS  // with it two of them have one name
#include "runtime/image/kept_files.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "base/environment.h"
#include "runtime/image/start_facts.h"

namespace morrow::runtime {

namespace {

std::atomic<bool> past_session_line = false;

std::string number_of(std::uint64_t device, std::uint64_t inode) {
  return std::to_string(device) + ":" + std::to_string(inode) + ",";
}

/// Its number among the kept ones; empty: it is none of them. errno stays as it was.
std::string kept_number(int folder, const char* path, int flags = 0) {
  if (past_session_line || path == nullptr) return {};
  const char* const files = std::getenv(base::kKeptFilesVariable);
  if (files == nullptr) return {};
  const int error = errno;
  struct stat status {};
  std::string number;
  if (fstatat(folder, path, &status, flags) == 0 && S_ISREG(status.st_mode))
    number = number_of(status.st_dev, status.st_ino);
  errno = error;
  return !number.empty() && std::strstr(files, ("," + number).c_str()) != nullptr ? number : "";
}

bool is_kept(int folder, const char* path) { return !kept_number(folder, path).empty(); }

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

using OpenStream = std::FILE* (*)(const char*, const char*);
using OpenAgain = std::FILE* (*)(const char*, const char*, std::FILE*);
using OpenFile = int (*)(const char*, int, ...);
using OpenFileAt = int (*)(int, const char*, int, ...);
using OfPath = int (*)(const char*);
using OfPathAt = int (*)(int, const char*, int);
using Rename = int (*)(const char*, const char*);
using Truncate = int (*)(const char*, off_t);

/// The mode to open a stream with.
std::string kept_mode(const char* path, const char* mode) {
  std::string kept = mode;
  if (kept[0] != 'w' || !is_kept(AT_FDCWD, path)) return kept;
  kept[0] = 'a';
  std::erase(kept, 'x');
  return kept;
}

/// The same for one that is opened again, by its own name where `path` is null.
std::string kept_mode_again(const char* path, const char* mode, std::FILE* stream) {
  const std::string own = "/proc/self/fd/" + std::to_string(stream == nullptr ? -1 : fileno(stream));
  return kept_mode(path == nullptr ? own.c_str() : path, mode);
}

int kept_flags(int folder, const char* path, int flags) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  return writes && is_kept(folder, path) ? (flags & ~(O_TRUNC | O_EXCL)) | O_APPEND : flags;
}

/// The argument behind the flags; 0 where none is.
unsigned mode_of(int flags, va_list more) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(more, unsigned) : 0U;
}

constexpr int kCreates = O_CREAT | O_WRONLY | O_TRUNC;  // what creat does

std::atomic<bool> some_stayed = false;

/// Does as if it removed a file that is kept, once: who tries until it is gone is told that it is in use. Its folder
/// then goes as little, and without a word.
template <class Remove>
int remove_unless_kept(int folder, const char* path, Remove really) {
  const std::string number = kept_number(folder, path, AT_SYMLINK_NOFOLLOW);
  if (number.empty()) {
    const int result = really();
    return result != 0 && (errno == ENOTEMPTY || errno == EEXIST) && some_stayed && !past_session_line ? 0 : result;
  }
  some_stayed = true;
  static std::set<std::string>& stayed = *new std::set<std::string>;
  if (stayed.insert(number).second) return 0;
  errno = EBUSY;
  return -1;
}

}  // namespace

std::string kept_files_line() {
  std::string files = ",";
  for (const FileNumber& file : files_open_for_writing()) files += number_of(file.device, file.inode);
  return files == "," ? "" : base::environment_line(base::kKeptFilesVariable, files);
}

void keep_no_files() {
  past_session_line = true;
  unsetenv(base::kKeptFilesVariable);
}

// In the place of the C library's. Weak: a program that links that one statically keeps its own.
extern "C" {

[[gnu::weak]] std::FILE* fopen(const char* path, const char* mode) {
  static const auto function = next<OpenStream>("fopen");
  return function(path, mode == nullptr ? mode : kept_mode(path, mode).c_str());
}

[[gnu::weak]] std::FILE* fopen64(const char* path, const char* mode) {
  static const auto function = next<OpenStream>("fopen64");
  return function(path, mode == nullptr ? mode : kept_mode(path, mode).c_str());
}

[[gnu::weak]] std::FILE* freopen(const char* path, const char* mode, std::FILE* stream) {
  static const auto function = next<OpenAgain>("freopen");
  return function(path, mode == nullptr ? mode : kept_mode_again(path, mode, stream).c_str(), stream);
}

[[gnu::weak]] std::FILE* freopen64(const char* path, const char* mode, std::FILE* stream) {
  static const auto function = next<OpenAgain>("freopen64");
  return function(path, mode == nullptr ? mode : kept_mode_again(path, mode, stream).c_str(), stream);
}

[[gnu::weak]] int open(const char* path, int flags, ...) {
  static const auto function = next<OpenFile>("open");
  va_list more;
  va_start(more, flags);
  const unsigned mode = mode_of(flags, more);
  va_end(more);
  return function(path, kept_flags(AT_FDCWD, path, flags), mode);
}

[[gnu::weak]] int open64(const char* path, int flags, ...) {
  static const auto function = next<OpenFile>("open64");
  va_list more;
  va_start(more, flags);
  const unsigned mode = mode_of(flags, more);
  va_end(more);
  return function(path, kept_flags(AT_FDCWD, path, flags), mode);
}

[[gnu::weak]] int openat(int folder, const char* path, int flags, ...) {
  static const auto function = next<OpenFileAt>("openat");
  va_list more;
  va_start(more, flags);
  const unsigned mode = mode_of(flags, more);
  va_end(more);
  return function(folder, path, kept_flags(folder, path, flags), mode);
}

[[gnu::weak]] int openat64(int folder, const char* path, int flags, ...) {
  static const auto function = next<OpenFileAt>("openat64");
  va_list more;
  va_start(more, flags);
  const unsigned mode = mode_of(flags, more);
  va_end(more);
  return function(folder, path, kept_flags(folder, path, flags), mode);
}

[[gnu::weak]] int creat(const char* path, mode_t mode) {
  static const auto function = next<OpenFile>("open");
  return function(path, kept_flags(AT_FDCWD, path, kCreates), mode);
}

[[gnu::weak]] int creat64(const char* path, mode_t mode) {
  static const auto function = next<OpenFile>("open64");
  return function(path, kept_flags(AT_FDCWD, path, kCreates), mode);
}

// What fortified programs call where the flags are not constant.
[[gnu::weak]] int open_checked(const char* path, int flags) asm("__open_2");
[[gnu::weak]] int open64_checked(const char* path, int flags) asm("__open64_2");
[[gnu::weak]] int openat_checked(int folder, const char* path, int flags) asm("__openat_2");
[[gnu::weak]] int openat64_checked(int folder, const char* path, int flags) asm("__openat64_2");

int open_checked(const char* path, int flags) {
  static const auto function = next<OpenFile>("__open_2");
  return function(path, kept_flags(AT_FDCWD, path, flags));
}

int open64_checked(const char* path, int flags) {
  static const auto function = next<OpenFile>("__open64_2");
  return function(path, kept_flags(AT_FDCWD, path, flags));
}

int openat_checked(int folder, const char* path, int flags) {
  static const auto function = next<OpenFileAt>("__openat_2");
  return function(folder, path, kept_flags(folder, path, flags));
}

int openat64_checked(int folder, const char* path, int flags) {
  static const auto function = next<OpenFileAt>("__openat64_2");
  return function(folder, path, kept_flags(folder, path, flags));
}

[[gnu::weak]] int truncate(const char* path, off_t size) noexcept {
  static const auto function = next<Truncate>("truncate");
  return is_kept(AT_FDCWD, path) ? 0 : function(path, size);
}

[[gnu::weak]] int truncate64(const char* path, off64_t size) noexcept {
  static const auto function = next<Truncate>("truncate64");
  return is_kept(AT_FDCWD, path) ? 0 : function(path, size);
}

[[gnu::weak]] int rename(const char* from, const char* to) noexcept {
  static const auto function = next<Rename>("rename");
  const bool stays = !kept_number(AT_FDCWD, from, AT_SYMLINK_NOFOLLOW).empty();
  return stays || !kept_number(AT_FDCWD, to, AT_SYMLINK_NOFOLLOW).empty() ? 0 : function(from, to);
}

[[gnu::weak]] int unlink(const char* path) noexcept {
  static const auto function = next<OfPath>("unlink");
  return remove_unless_kept(AT_FDCWD, path, [path] { return function(path); });
}

[[gnu::weak]] int unlinkat(int folder, const char* path, int flags) noexcept {
  static const auto function = next<OfPathAt>("unlinkat");
  return remove_unless_kept(folder, path, [=] { return function(folder, path, flags); });
}

[[gnu::weak]] int remove(const char* path) noexcept {
  static const auto function = next<OfPath>("remove");
  return remove_unless_kept(AT_FDCWD, path, [path] { return function(path); });
}

[[gnu::weak]] int rmdir(const char* path) noexcept {
  static const auto function = next<OfPath>("rmdir");
  return remove_unless_kept(AT_FDCWD, path, [path] { return function(path); });
}

}  // extern "C"

}  // namespace morrow::runtime
