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
#undef _FORTIFY_SOURCE  // with it the functions below have bodies already
#include "runtime/image/kept_files.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/environment.h"
#include "runtime/image/start_facts.h"

namespace morrow::runtime {

namespace {

std::atomic<bool> past_session_line = false;

std::string number_of(std::uint64_t device, std::uint64_t inode) {
  return std::to_string(device) + ":" + std::to_string(inode) + ",";
}

bool is_kept(int folder, const char* path) {
  if (past_session_line) return false;
  const char* const files = std::getenv(base::kKeptFilesVariable);
  struct stat status {};
  if (files == nullptr || path == nullptr || fstatat(folder, path, &status, 0) != 0 || !S_ISREG(status.st_mode))
    return false;
  return std::strstr(files, ("," + number_of(status.st_dev, status.st_ino)).c_str()) != nullptr;
}

bool is_kept(const char* path) { return is_kept(AT_FDCWD, path); }

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
using Truncate = int (*)(const char*, off_t);

/// The mode to open a stream with.
std::string kept_mode(const char* path, const char* mode) {
  std::string kept = mode;
  if (kept[0] == 'w' && is_kept(path)) kept[0] = 'a';
  return kept;
}

int kept_flags(int folder, const char* path, int flags) {
  return (flags & O_TRUNC) != 0 && is_kept(folder, path) ? (flags & ~O_TRUNC) | O_APPEND : flags;
}

/// The argument behind the flags; 0 where none is.
unsigned mode_of(int flags, va_list more) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(more, unsigned) : 0U;
}

constexpr int kCreates = O_CREAT | O_WRONLY | O_TRUNC;  // what creat does

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
  return function(path, mode == nullptr ? mode : kept_mode(path, mode).c_str(), stream);
}

[[gnu::weak]] std::FILE* freopen64(const char* path, const char* mode, std::FILE* stream) {
  static const auto function = next<OpenAgain>("freopen64");
  return function(path, mode == nullptr ? mode : kept_mode(path, mode).c_str(), stream);
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

[[gnu::weak]] int truncate(const char* path, off_t size) noexcept {
  static const auto function = next<Truncate>("truncate");
  return is_kept(path) ? 0 : function(path, size);
}

[[gnu::weak]] int truncate64(const char* path, off64_t size) noexcept {
  static const auto function = next<Truncate>("truncate64");
  return is_kept(path) ? 0 : function(path, size);
}

[[gnu::weak]] int unlink(const char* path) noexcept {
  static const auto function = next<OfPath>("unlink");
  return is_kept(path) ? 0 : function(path);
}

[[gnu::weak]] int unlinkat(int folder, const char* path, int flags) noexcept {
  static const auto function = next<OfPathAt>("unlinkat");
  return is_kept(folder, path) ? 0 : function(folder, path, flags);
}

[[gnu::weak]] int remove(const char* path) noexcept {
  static const auto function = next<OfPath>("remove");
  return is_kept(path) ? 0 : function(path);
}

}  // extern "C"

}  // namespace morrow::runtime
