// SPDX-License-Identifier: Apache-2.0
#include "cli/log_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "wire/paths.h"

namespace morrow::cli {

namespace {

constexpr int kOldFiles = 3;  // that a worker keeps

}  // namespace

LogReader::LogReader(std::string folder, std::string name) : path_(folder + "/" + name + ".log") {
  // All are opened before the first is read: so none slips by when the worker puts one aside meanwhile.
  for (int i = kOldFiles; i >= 1; --i) {
    File file = open_file(folder + "/" + name + "." + std::to_string(i) + ".log");
    if (file.fd) older_.push_back(std::move(file));
  }
  newest_ = open_file(path_);
}

LogReader::File LogReader::open_file(const std::string& path) const {
  File file{wire::Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), 0, 0};
  struct stat status {};
  if (file.fd && fstat(file.fd.get(), &status) == 0) {
    file.device = status.st_dev;
    file.inode = status.st_ino;
  }
  return file;
}

void LogReader::read(const std::function<void(std::string_view)>& line) {
  for (const File& file : older_) read_file(file.fd.get(), line);
  older_.clear();
  if (newest_.fd) read_file(newest_.fd.get(), line);
  struct stat status {};
  const bool same = newest_.fd && stat(path_.c_str(), &status) == 0 && status.st_dev == newest_.device &&
                    status.st_ino == newest_.inode;
  if (same) return;
  // What was written into the old one between the two looks is read before the new one.
  File next = open_file(path_);
  if (!next.fd) return;
  if (newest_.fd) read_file(newest_.fd.get(), line);
  begun_.clear();
  newest_ = std::move(next);
  read_file(newest_.fd.get(), line);
}

void LogReader::read_file(int fd, const std::function<void(std::string_view)>& line) {
  std::array<char, 64 << 10> room{};
  for (;;) {
    const ssize_t got = ::read(fd, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    std::string_view rest(room.data(), static_cast<std::size_t>(got));
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (begun_.empty()) {
        line(rest.substr(0, end));
      } else {
        begun_.append(rest.substr(0, end));
        line(begun_);
        begun_.clear();
      }
      rest.remove_prefix(end + 1);
    }
    begun_.append(rest);
  }
}

std::string log_folder(const std::string& cluster, const std::string& worker) {
  return wire::state_folder(cluster, false) + "/logs/" + worker;
}

std::vector<std::string> workers_with_logs(const std::string& cluster) {
  std::vector<std::string> workers;
  const std::string folder = wire::state_folder(cluster, false) + "/logs";
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
  if (!entries) return workers;
  while (const dirent* entry = readdir(entries.get())) {
    if (entry->d_name[0] != '.') workers.emplace_back(entry->d_name);
  }
  std::sort(workers.begin(), workers.end());
  return workers;
}

}  // namespace morrow::cli
