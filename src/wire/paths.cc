// SPDX-License-Identifier: Apache-2.0
#include "wire/paths.h"

#include <dirent.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/environment.h"
#include "base/path_name.h"
#include "base/shown.h"
#include "base/trusted_path.h"
#include "wire/tls.h"

namespace morrow::wire {

namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kSocketEnding = ".sock";

bool is_folder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void check_owner(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    throw std::runtime_error("cannot look at " + path + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) throw std::runtime_error(path + " is not a folder; remove it");
  if (status.st_uid != geteuid()) {
    throw std::runtime_error(path + " belongs to another user; remove it, or set XDG_RUNTIME_DIR and MORROW_HOME");
  }
  if ((status.st_mode & 0077) != 0 && chmod(path.c_str(), 0700) != 0) {
    throw std::runtime_error("cannot close " + path + " to other users: " + std::strerror(errno));
  }
}

void make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw std::runtime_error("cannot make the folder " + path + ": " + std::strerror(errno));
  }
}

// The folders down to `path` that are not there yet.
void make_folders(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    if (!is_folder(path.substr(0, at))) make_folder(path.substr(0, at));
  }
  make_folder(path);
}

/// Where the folders of all clusters lie.
struct Base {
  std::string path;
  bool is_ours = false;  ///< Morrow made it, for itself alone; else the user named it, and it stays as it is
};

// What is in a folder where others may rename it could be theirs a moment after it was looked at.
void check_base(const Base& place) {
  if (place.is_ours) check_owner(place.path);
  const auto trusted = base::trusted_path(place.path);
  if (!trusted)
    throw std::runtime_error(trusted.problem() + ", or set " +
                             (place.is_ours ? "XDG_RUNTIME_DIR and MORROW_HOME" : "MORROW_HOME") +
                             " to folders of your own");
  if (!is_folder(place.path)) throw std::runtime_error(place.path + " is not a folder; set MORROW_HOME to one");
}

// `base/cluster` is the user's own; the folders above stay as they are.
std::string own_folder(const Base& base, std::string_view cluster, bool create) {
  check_name("cluster", cluster);
  const std::string path = base.path + "/" + std::string(cluster);
  if (create) make_folders(base.path);
  if (!create && !is_folder(path)) return path;
  check_base(base);
  if (create) make_folder(path);
  check_owner(path);
  return path;
}

std::string home() {
  const std::string variable = base::environment("HOME");
  if (!variable.empty()) return variable;
  const passwd* entry = getpwuid(geteuid());
  if (entry == nullptr || entry->pw_dir == nullptr) {
    throw std::runtime_error("there is no home folder for this user; set HOME or MORROW_HOME");
  }
  return entry->pw_dir;
}

// Where the run folders of all clusters are.
Base run_base() {
  const std::string runtime = base::environment(base::kRuntimeDirVariable);
  const bool has_runtime = !runtime.empty() && is_folder(runtime);
  return {has_runtime ? runtime + "/morrow" : "/tmp/morrow-" + std::to_string(geteuid()), true};
}

// And their state folders.
Base state_base() {
  std::string named = base::environment(base::kHomeVariable);
  if (!named.empty()) return {std::move(named), false};
  named = base::environment(base::kStateHomeVariable);
  if (named.empty()) named = home() + "/.local/state";
  return {named + "/morrow", true};
}

/// None of a folder that is not there.
template <class Take>
void for_each_entry(const std::string& folder, Take take) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
  if (!entries && errno != ENOENT && errno != ENOTDIR)
    throw std::runtime_error("cannot look for workers in " + folder + ": " + std::strerror(errno));
  if (!entries) return;
  while (const dirent* entry = readdir(entries.get())) take(std::string_view(entry->d_name));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  c == '.';
         });
}

}  // namespace

void check_name(std::string_view what, std::string_view name) {
  if (looks_like_token(name))
    throw std::invalid_argument("this looks like a cluster's token and is not taken for the name of a " +
                                std::string(what) + "; give a name, or the whole line that morrow token printed");
  if (is_name(name)) return;
  const std::string rule = ": use 1 to 64 letters, digits, '_', '-' and '.', not starting with a dot";
  // A line to join a cluster with that was mistyped, say, has a token in it.
  if (name.find_first_of("/@:") != std::string_view::npos)
    throw std::invalid_argument("this is not the name of a " + std::string(what) + rule);
  throw std::invalid_argument("\"" + base::shown_line(name) + "\" cannot be the name of a " + std::string(what) + rule);
}

std::string run_folder(std::string_view cluster, bool create) { return own_folder(run_base(), cluster, create); }

std::string state_folder(std::string_view cluster, bool create) { return own_folder(state_base(), cluster, create); }

std::string worker_socket(std::string_view cluster, std::string_view worker) {
  check_name("worker", worker);
  std::string path = run_folder(cluster, false) + "/" + std::string(worker) + std::string(kSocketEnding);
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw std::runtime_error("the socket's path " + path +
                             " is too long (over 107 bytes); use shorter names, or a shorter XDG_RUNTIME_DIR");
  }
  return path;
}

std::vector<std::string> worker_sockets(std::string_view cluster) {
  const std::string folder = run_folder(cluster, false);
  std::vector<std::string> sockets;
  for_each_entry(folder, [&](std::string_view name) {
    if (name.size() > kSocketEnding.size() && name.front() != '.' && name.ends_with(kSocketEnding))
      sockets.push_back(folder + "/" + std::string(name));
  });
  std::sort(sockets.begin(), sockets.end());
  return sockets;
}

std::string store_note(const std::string& socket_path) { return socket_path + ".store"; }

std::vector<std::string> cluster_names() {
  std::set<std::string> names;
  const std::string run = run_base().path;
  for_each_entry(run, [&](std::string_view name) {
    if (is_name(name) && is_folder(run + "/" + std::string(name))) names.emplace(name);
  });
  // A state folder may lie among folders that are none of ours.
  const std::string state = state_base().path;
  for_each_entry(state, [&](std::string_view name) {
    const std::string folder = state + "/" + std::string(name);
    if (is_name(name) && (is_folder(folder + "/store") || is_folder(folder + "/logs"))) names.emplace(name);
  });
  return {names.begin(), names.end()};
}

std::string worker_of_socket(const std::string& socket_path) {
  const std::string file(base::base_name(socket_path));
  return file.substr(0, file.size() - std::min(file.size(), kSocketEnding.size()));
}

std::string silent_worker(const std::string& socket_path, pid_t pid) {
  return "worker " + worker_of_socket(socket_path) + " does not answer (process " + std::to_string(pid) +
         " stands still?)";
}

}  // namespace morrow::wire
