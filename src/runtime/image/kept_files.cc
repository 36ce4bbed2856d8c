// SPDX-License-Identifier: Apache-2.0
//
// A global `std::ofstream table("table.txt")` is opened by each process that runs tasks, before main and any line of
// Morrow's, and that cuts the file which the driver is writing to. Nothing outside of that process can prevent it but
// by taking the file away from the tasks too. So the library stands between the program and the C library where files
// are opened, as std::random_device is stood before in start_facts.cc: before the Session line of a process that a
// worker started, a file that the driver has open for writing is not cut, and is written at its end.
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

bool is_kept(const char* path) {
  if (past_session_line) return false;
  const char* const files = std::getenv(base::kKeptFilesVariable);
  struct stat status {};
  if (files == nullptr || path == nullptr || stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  return std::strstr(files, ("," + number_of(status.st_dev, status.st_ino)).c_str()) != nullptr;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

using OpenStream = std::FILE* (*)(const char*, const char*);
using OpenFile = int (*)(const char*, int, ...);

std::FILE* open_stream(OpenStream function, const char* path, const char* mode) {
  if (mode == nullptr || mode[0] != 'w' || !is_kept(path)) return function(path, mode);
  std::string kept = mode;
  kept[0] = 'a';
  return function(path, kept.c_str());
}

int open_file(OpenFile function, const char* path, int flags, va_list more) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const auto mode = creates ? va_arg(more, unsigned) : 0U;
  if ((flags & O_TRUNC) != 0 && is_kept(path)) flags = (flags & ~O_TRUNC) | O_APPEND;
  return function(path, flags, mode);
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
  return open_stream(function, path, mode);
}

[[gnu::weak]] std::FILE* fopen64(const char* path, const char* mode) {
  static const auto function = next<OpenStream>("fopen64");
  return open_stream(function, path, mode);
}

[[gnu::weak]] int open(const char* path, int flags, ...) {
  static const auto function = next<OpenFile>("open");
  va_list more;
  va_start(more, flags);
  const int fd = open_file(function, path, flags, more);
  va_end(more);
  return fd;
}

[[gnu::weak]] int open64(const char* path, int flags, ...) {
  static const auto function = next<OpenFile>("open64");
  va_list more;
  va_start(more, flags);
  const int fd = open_file(function, path, flags, more);
  va_end(more);
  return fd;
}

}  // extern "C"

}  // namespace morrow::runtime
