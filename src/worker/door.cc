// SPDX-License-Identifier: Apache-2.0
#include "worker/door.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "wire/paths.h"
#include "worker/machine.h"

namespace morrow::worker {

namespace {

constexpr int kMaxNameTries = 100;

/// A cluster is what shares a store: two workers of one name with two stores would each be a cluster of its own, and
/// drivers would meet the one or the other. \throws std::runtime_error
void refuse_second_store(const std::string& cluster, const std::string& own_socket, const std::string& store) {
  for (const std::string& path : wire::worker_sockets(cluster)) {
    if (path == own_socket) continue;
    std::string other;
    std::getline(std::ifstream(wire::store_note(path)), other);
    if (other.empty() || other == store || !wire::connect_unix(path)) continue;
    throw std::runtime_error("another worker of cluster " + cluster + " on this machine uses the store " + other +
                             ", and this one would use " + store +
                             ": give both the same --store and MORROW_HOME, or choose another name for the cluster");
  }
}

/// Sockets of workers that were killed together with their undertakers.
void remove_dead_sockets(const std::string& cluster, const std::string& own_socket) {
  for (const std::string& path : wire::worker_sockets(cluster)) {
    if (path == own_socket || wire::somebody_listens(path)) continue;
    unlink(path.c_str());
    unlink(wire::store_note(path).c_str());
  }
}

/// One worker of a cluster at a time looks for the others.
wire::Fd lock_run_folder(const std::string& folder) {
  wire::Fd lock(open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock) flock(lock.get(), LOCK_EX);
  return lock;
}

}  // namespace

std::string store_of(const WorkerOptions& options, const std::string& state) {
  return options.store_url.empty() ? "lmdb:" + state + "/store" : options.store_url;
}

std::string identity_of(const std::string& store_url) {
  constexpr std::string_view kLmdb = "lmdb:";
  const std::string place = store_url.substr(0, store_url.find('?'));
  if (!place.starts_with(kLmdb)) return place;
  std::error_code ignored;
  return std::string(kLmdb) + std::filesystem::weakly_canonical(place.substr(kLmdb.size()), ignored).string();
}

Door::Door(const WorkerOptions& options, std::string store) : cluster_(options.cluster), store_(std::move(store)) {
  const wire::Fd lock = lock_run_folder(wire::run_folder(cluster_, true));
  find_name(options);
  try {
    refuse_second_store(cluster_, path_, store_);
    remove_dead_sockets(cluster_, path_);
  } catch (...) {
    unlink(path_.c_str());
    throw;
  }
  write_note();
}

Door::~Door() {
  if (!stands()) return;
  unlink(path_.c_str());
  unlink(wire::store_note(path_).c_str());
}

wire::Fd Door::copy() const {
  wire::Fd listening(fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  if (!listening) throw std::system_error(errno, std::generic_category(), "can't listen");
  return listening;
}

wire::Fd Door::look(Logs& logs) {
  try {
    wire::run_folder(cluster_, true);
    const std::string wanted = wire::worker_socket(cluster_, name_);
    if (wanted == path_ && stands()) return {};
    const std::string gone = std::exchange(path_, wanted);
    socket_ = wire::listen_unix(path_);
    write_note();
    told_ = false;
    logs.warn("the socket " + gone + " was removed: this worker listens on " + path_ + " now");
    return copy();
  } catch (const std::exception& error) {
    if (!std::exchange(told_, true)) {
      logs.warn(std::string("this worker's socket was removed and can't be made anew, so that no driver finds it: ") +
                error.what());
    }
    return {};
  }
}

void Door::write_note() {
  struct stat status {};
  if (stat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  std::ofstream(wire::store_note(path_), std::ios::trunc) << store_ << "\n";
}

bool Door::stands() const {
  struct stat status {};
  return stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

void Door::find_name(const WorkerOptions& options) {
  const std::string wanted = options.name.empty() ? machine_name() : options.name;
  for (int number = 1;; ++number) {
    name_ = number == 1 ? wanted : wanted + "-" + std::to_string(number);
    path_ = wire::worker_socket(options.cluster, name_);
    try {
      socket_ = wire::listen_unix(path_);
      return;
    } catch (const std::system_error&) {
      throw;
    } catch (const std::runtime_error&) {
      if (!options.name.empty()) {
        throw std::runtime_error("a worker named " + name_ + " of cluster " + options.cluster +
                                 " runs already; choose another --name");
      }
      if (number == kMaxNameTries)
        throw std::runtime_error("too many workers of cluster " + options.cluster + " run here; choose a --name");
    }
  }
}

}  // namespace morrow::worker
