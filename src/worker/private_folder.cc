// SPDX-License-Identifier: Apache-2.0
#include "worker/private_folder.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace morrow::worker {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLogs = "logs";
constexpr std::size_t kKeptFolders = 10;

/// Of a worker that has ended and left nothing else.
bool has_logs_alone(const fs::path& folder) {
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid()) return false;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error || entries == fs::directory_iterator() || entries->path().filename() != kLogs) return false;
  return entries.increment(error) == fs::directory_iterator() && !error;
}

/// The folders beside this one that begin as it does, up to the last '-', and have logs alone: the oldest ones go.
void forget_old(const fs::path& folder) {
  const std::string name = folder.filename();
  const std::string prefix = name.substr(0, name.rfind('-') + 1);
  std::vector<std::pair<fs::file_time_type, fs::path>> kept;
  std::error_code error;
  for (fs::directory_iterator entry(folder.parent_path(), error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (prefix.empty() || !entry->path().filename().string().starts_with(prefix)) continue;
    if (has_logs_alone(entry->path())) kept.emplace_back(fs::last_write_time(entry->path(), error), entry->path());
    error.clear();  // others come and go
  }
  std::sort(kept.begin(), kept.end());
  for (std::size_t i = 0; i + kKeptFolders < kept.size(); ++i) fs::remove_all(kept[i].second, error);
}

}  // namespace

std::string private_logs(const std::string& folder) { return folder + "/" + kLogs; }

void leave_private_folder(const std::string& folder, bool keeps_logs) {
  std::error_code error;
  if (!keeps_logs) {
    fs::remove_all(folder, error);
    return;
  }
  std::vector<fs::path> others;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error))
    if (entry->path().filename() != kLogs) others.push_back(entry->path());
  for (const fs::path& other : others) fs::remove_all(other, error);
  forget_old(folder);
}

}  // namespace morrow::worker
