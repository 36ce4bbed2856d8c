// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program/cached_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace morrow::worker {

namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw std::runtime_error(fmt::format("cannot write {} into the cache of programs: {}", path, std::strerror(error)));
}

std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> number = 0;
  return fmt::format("{}.{}.{}.part", path, getpid(), ++number);
}

}  // namespace

CachedFile::CachedFile(std::string path, std::string sha256, std::uint64_t size)
    : path_(std::move(path)), temporary_(temporary_name(path_)), packed_(std::move(sha256), size, path_) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  if (error) fail(path_, error.value());
  file_ = wire::Fd(open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file_) fail(temporary_, errno);
}

CachedFile::~CachedFile() {
  if (file_) unlink(temporary_.c_str());
}

void CachedFile::append(std::string_view compressed) {
  for (std::string_view rest = packed_.unpack(compressed); !rest.empty();) {
    const ssize_t written = write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) fail(temporary_, errno);
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void CachedFile::finish() {
  packed_.check_whole();
  if (fchmod(file_.get(), 0700) != 0) fail(temporary_, errno);
  file_.reset();  // executing a file that is open for writing fails
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_.c_str());
    fail(path_, error);
  }
}

}  // namespace morrow::worker
