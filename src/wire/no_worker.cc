// SPDX-License-Identifier: Apache-2.0
//
// Sockets of workers lie in $XDG_RUNTIME_DIR/morrow/CLUSTER, or in /tmp/morrow-UID/CLUSTER where a process has no such
// folder. So who finds no worker may have written the name of the cluster wrongly, may be another user, or the same one
// in another kind of session: by ssh or cron there is often no XDG_RUNTIME_DIR, and it ends with a logout. "None runs
// here" is said only when all of these places have been looked at.
#include "wire/no_worker.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "wire/paths.h"
#include "wire/socket.h"

namespace morrow::wire {

namespace {

namespace fs = std::filesystem;

/// A folder that holds a folder of sockets for each cluster.
struct Place {
  std::string folder;
  uid_t owner = 0;
};

std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

/// All on this machine, of all users.
std::vector<Place> places() {
  std::vector<std::string> folders;
  for (const std::string& name : entries_of("/tmp")) {
    if (name.starts_with("morrow-")) folders.push_back("/tmp/" + name);
  }
  for (const std::string& name : entries_of("/run/user")) folders.push_back("/run/user/" + name + "/morrow");
  std::vector<Place> all;
  for (const std::string& folder : folders) {
    struct stat status {};
    if (lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) all.push_back({folder, status.st_uid});
  }
  return all;
}

bool is_socket(const std::string& path) {
  struct stat status {};
  return path.ends_with(".sock") && lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

bool has_worker(const std::string& folder) {
  const std::vector<std::string> names = entries_of(folder);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const std::string path = folder + "/" + name;
    return is_socket(path) && somebody_listens(path);
  });
}

std::string user_name(uid_t uid) {
  const passwd* const entry = getpwuid(uid);
  return entry == nullptr ? "user " + std::to_string(uid) : "user " + std::string(entry->pw_name);
}

}  // namespace

std::string no_worker(std::string_view cluster) {
  const std::string name(cluster);
  const fs::path own = fs::path(run_folder(cluster, false)).parent_path();
  for (const Place& place : places()) {
    const bool mine = place.owner == geteuid();
    if (place.folder != own && has_worker(place.folder + "/" + name)) {
      return mine ? "a worker of cluster " + name + " runs on this machine with its sockets in " + place.folder +
                        ", and this process looks in " + own.string() +
                        ": give both the same XDG_RUNTIME_DIR, which is another one, or none, by ssh, cron or sudo"
                  : "cluster " + name + " on this machine is of " + user_name(place.owner) +
                        ", and its workers are for that user alone: run as that user, or join by the line that morrow "
                        "token prints there";
    }
  }
  std::string others;  // clusters that run here
  for (const std::string& other : entries_of(own)) {
    if (other != name && has_worker(own / other)) others += (others.empty() ? "" : ", ") + other;
  }
  return "no worker of cluster " + name + " runs on this machine" +
         (others.empty() ? "" : " (clusters that run here: " + others + ")") + "; start one with: morrow worker " +
         name;
}

}  // namespace morrow::wire
