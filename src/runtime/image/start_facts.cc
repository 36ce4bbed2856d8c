// SPDX-License-Identifier: Apache-2.0
//
// Executors begin as the driver began, and do again what stands before the Session line. So they have to begin in the
// same folder, and it has to be known what of that can't be done twice. The facts are taken by the first of all static
// objects: of a library that is linked into the program those of the lowest priority number are made first.
//
// Random numbers: a generator that was seeded by std::random_device before the Session line is the same in all forks of
// a process. The library has the function that reads the device in between: the program's calls come here, and go on to
// the one of the C++ library. (Weak: a program that links that library statically has only that, and is not noticed.)
#include "runtime/image/start_facts.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

namespace morrow::runtime {

namespace {

constexpr const char* kDescriptors = "/proc/self/fd";

std::set<int> open_descriptors() {
  std::set<int> all;
  DIR* const folder = opendir(kDescriptors);
  if (folder == nullptr) return all;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != dirfd(folder)) all.insert(std::atoi(entry->d_name));
  }
  closedir(folder);
  return all;
}

/// Taken once.
struct StartFacts {
  std::string folder;
  std::map<int, FileNumber> inherited;  ///< by descriptor: that may have another file later

  StartFacts() {
    for (const int fd : open_descriptors()) {
      struct stat status {};
      if (fstat(fd, &status) == 0) inherited[fd] = {status.st_dev, status.st_ino};
    }
    std::array<char, PATH_MAX> path{};
    if (getcwd(path.data(), path.size()) != nullptr) folder = path.data();
  }
};

const StartFacts& facts() {
  static const StartFacts* const taken = new StartFacts;
  return *taken;
}

// The lowest number that a library may use.
[[gnu::constructor(101)]] void take_facts() { facts(); }

std::atomic<bool> drew = false;

}  // namespace

const std::string& start_folder() { return facts().folder; }

std::vector<FileNumber> files_open_for_writing() {
  std::vector<FileNumber> files;
  for (const int fd : open_descriptors()) {
    struct stat status {};
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) continue;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink == 0) continue;
    const FileNumber file{status.st_dev, status.st_ino};
    const auto inherited = facts().inherited.find(fd);
    if (inherited == facts().inherited.end() || inherited->second != file) files.push_back(file);
  }
  return files;
}

bool drew_random_numbers() { return drew; }

/// In the place of std::random_device::_M_getval, which operator() calls.
[[gnu::weak]] unsigned read_random_device(std::random_device* device) asm("_ZNSt13random_device9_M_getvalEv");

unsigned read_random_device(std::random_device* device) {
  using Read = unsigned (*)(std::random_device*);
  static const auto next = reinterpret_cast<Read>(dlsym(RTLD_NEXT, "_ZNSt13random_device9_M_getvalEv"));
  drew = true;
  return next(device);
}

}  // namespace morrow::runtime
