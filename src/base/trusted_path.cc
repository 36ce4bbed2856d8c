// SPDX-License-Identifier: Apache-2.0
//
// Who can change a file? Its owner and those whom its mode lets write; but also everybody who can put another one in
// its place: the owner of each folder above it, those who may write there, and the owner of each link on the way. So
// the path is walked as the kernel does it, from the root, link by link, and every step is looked at. What is trusted
// then stays so: nobody else could have changed a step since it was looked at, so no descriptor is kept.
//
// A folder that others may write is no danger when it is sticky (/tmp): there only the owner of an entry can rename or
// remove it, and the entry is the next step. Some systems give each user a group of his own, and make all files
// writable by it: such a group is nobody else. An ACL shows as rights of the group.
#include "base/trusted_path.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/shown.h"

namespace morrow::base {

namespace {

constexpr int kMostLinks = 40;  // as the kernel
constexpr std::size_t kNamesBytes = 16 << 10;

Problem cannot_look(const std::string& path, int error) {
  return {"cannot look at " + shown_line(path) + ": " + std::strerror(error)};
}

std::string name_of(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> room(kNamesBytes);
  getpwuid_r(user, &entry, room.data(), room.size(), &found);
  const std::string number = "user " + std::to_string(user);
  return found == nullptr ? number : number + " (" + shown_line(found->pw_name) + ")";
}

/// The group that a system made for this user alone.
bool is_private_group(gid_t group, uid_t user) {
  passwd entry{};
  passwd* owner = nullptr;
  std::vector<char> room(kNamesBytes);
  if (getpwuid_r(user, &entry, room.data(), room.size(), &owner) != 0 || owner == nullptr || owner->pw_gid != group)
    return false;
  struct group of_it {};
  struct group* found = nullptr;
  std::vector<char> more_room(kNamesBytes);
  if (getgrgid_r(group, &of_it, more_room.data(), more_room.size(), &found) != 0 || found == nullptr) return false;
  const std::string_view name = owner->pw_name;
  if (name != found->gr_name) return false;
  for (char** member = found->gr_mem; *member != nullptr; ++member) {
    if (name != *member) return false;
  }
  return true;
}

bool others_may_write(const struct stat& status) {
  return (status.st_mode & S_IWOTH) != 0 ||
         ((status.st_mode & S_IWGRP) != 0 && !is_private_group(status.st_gid, status.st_uid));
}

Problem of_another(const std::string& path, const struct stat& status) {
  return {shown_line(path) + " belongs to " + name_of(status.st_uid) + ", who can change what is there, and not to " +
          (geteuid() == 0 ? "root" : name_of(geteuid()) + " or root") + "; take a path that is yours"};
}

Problem open_to_others(const std::string& path, const struct stat& status) {
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777U);
  return {shown_line(path) + " of " + name_of(status.st_uid) + " can be changed by other users (mode " + mode.data() +
          "); take that right from them: chmod go-w"};
}

/// A step of a path that is looked at before the next one.
Result<void> check_step(const std::string& path, const struct stat& status) {
  if (status.st_uid != geteuid() && status.st_uid != 0) return of_another(path, status);
  if (S_ISLNK(status.st_mode)) return {};  // its mode means nothing
  const bool sticky_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if (!sticky_folder && others_may_write(status)) return open_to_others(path, status);
  return {};
}

/// Takes the next name off the front; empty at the end.
std::string next_name(std::string& rest) {
  const std::size_t begin = rest.find_first_not_of('/');
  if (begin == std::string::npos) {
    rest.clear();
    return {};
  }
  const std::size_t end = std::min(rest.find('/', begin), rest.size());
  std::string name = rest.substr(begin, end - begin);
  rest.erase(0, end);
  return name;
}

Result<std::string> target_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  if (size < 0) return cannot_look(link, errno);
  return std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

Result<std::string> trusted_path(const std::string& path) {
  std::string rest = path;
  if (!path.starts_with('/')) {
    std::array<char, PATH_MAX> folder{};
    if (path.empty() || getcwd(folder.data(), folder.size()) == nullptr)
      return cannot_look(path, path.empty() ? ENOENT : errno);
    rest = std::string(folder.data()) + "/" + path;
  }
  std::string at;  // without the last slash, so that the root is empty
  struct stat status {};
  if (lstat("/", &status) != 0) return cannot_look("/", errno);
  if (auto root = check_step("/", status); !root) return Problem{root.problem()};
  int links = 0;
  for (std::string name = next_name(rest); !name.empty(); name = next_name(rest)) {
    if (name == ".") continue;
    if (name == "..") {
      at.erase(at.empty() ? 0 : at.rfind('/'));  // there is no link in it
      continue;
    }
    const std::string next = at + "/" + name;
    if (lstat(next.c_str(), &status) != 0) return cannot_look(next, errno);
    if (auto step = check_step(next, status); !step) return Problem{step.problem()};
    if (!S_ISLNK(status.st_mode)) {
      at = next;
      continue;
    }
    if (++links > kMostLinks) return cannot_look(path, ELOOP);
    const auto target = target_of(next);
    if (!target) return Problem{target.problem()};
    if (target->starts_with('/')) at.clear();
    rest = *target + "/" + rest;
  }
  return at.empty() ? "/" : at;
}

Result<std::string> own_folder(const std::string& path) {
  auto place = trusted_path(path);
  if (!place) return place;
  struct stat status {};
  if (lstat(place->c_str(), &status) != 0) return cannot_look(*place, errno);
  if (!S_ISDIR(status.st_mode))
    return Problem{shown_line(*place) + " is not a folder; remove it, or take another path"};
  if (status.st_uid != geteuid()) return of_another(*place, status);
  if (others_may_write(status)) return open_to_others(*place, status);
  return place;
}

Result<void> check_own_file(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return cannot_look(path, errno);
  }
  if (S_ISREG(status.st_mode) && status.st_uid == geteuid()) return {};
  return Problem{shown_line(path) + " of " + name_of(status.st_uid) + " is " +
                 (S_ISLNK(status.st_mode)   ? "a link to somewhere else"
                  : S_ISREG(status.st_mode) ? "not a file of " + name_of(geteuid())
                                            : "not a plain file") +
                 "; remove it, or take another folder"};
}

int make_folders(const std::string& path, mode_t mode) {
  constexpr mode_t kAbove = 0755;
  const std::string last = path.substr(0, path.find_last_not_of('/') + 1);
  for (std::size_t at = last.find('/', 1); at != std::string::npos; at = last.find('/', at + 1)) {
    const std::string above = last.substr(0, at);
    if (access(above.c_str(), F_OK) != 0 && mkdir(above.c_str(), kAbove) != 0 && errno != EEXIST) return errno;
  }
  return mkdir(last.c_str(), mode) == 0 || errno == EEXIST ? 0 : errno;
}

}  // namespace morrow::base
