// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/presence.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/trusted_path.h"
#include "store/store.h"

namespace morrow::store {
namespace {

namespace fs = std::filesystem;

// Bytes of the lock file. The gate is held while opening and closing, so that the two don't mix; the presence is shared
// by all processes that have the store open, and one that gets it alone knows that no other has.
constexpr long kGate = 0;
constexpr long kPresence = 1;
constexpr std::chrono::seconds kGateTimeout{10};

std::string read_text(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string read_boot_id() {
  std::string id = read_text("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

/// The folder is this user's alone, or made so, and holds no link: else a store of somebody else would be believed, his
/// tasks be run as this user, and what a link leads to be overwritten. The folder may be closed to others since then,
/// so what lies in it is looked at too.
void enter_directory(const std::string& directory) {
  if (const int error = base::make_folders(directory, 0700); error != 0) {
    throw StoreError(fmt::format("The store's folder {} can't be made: {}.", directory, std::strerror(error)));
  }
  const auto place = base::own_folder(directory);
  if (!place) throw StoreError(fmt::format("The store's folder {} can't be used: {}.", directory, place.problem()));
  for (const char* name : {"data.mdb", "lock.mdb", "presence", "wakeups", "boot", "boot.new"}) {
    const auto file = base::check_own_file(*place + "/" + name);
    if (!file) throw StoreError(fmt::format("The store in {} can't be used: {}.", directory, file.problem()));
  }
}

/// For a full disk: the file that is there has its block already, and a few bytes are written whole.
bool overwrite(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return false;
  const bool done = ::pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
                    ::ftruncate(file, static_cast<off_t>(text.size())) == 0 && ::fsync(file) == 0;
  ::close(file);
  return done;
}

}  // namespace

Presence::Presence(Options options) : options_(std::move(options)), note_(options_.directory + "/boot") {
  if (options_.boot_id.empty()) options_.boot_id = read_boot_id();
  enter_directory(options_.directory);
  const std::string path = options_.directory + "/presence";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0) {
    throw StoreError(fmt::format("The store's file {} can't be opened: {}.", path, std::strerror(errno)));
  }
  try {
    if (!lock_within(kGateTimeout, kGate)) {
      throw StoreError(
          fmt::format("Another process has been opening or closing the store in {} for {} s: look for a stopped "
                      "process and end it.",
                      options_.directory, kGateTimeout.count()));
    }
    first_ = lock(F_WRLCK, kPresence);
    if (first_) {
      check_last_boot();
    } else if (!lock(F_RDLCK, kPresence)) {
      throw StoreError(
          fmt::format("The lock of the store in {} can't be taken: {}.", options_.directory, std::strerror(errno)));
    }
    // Once a process writes without syncing, the file is only as safe as that.
    const bool was_fast = !first_ && read_text(note_).ends_with(" fast");
    write_note(options_.full_sync && !was_fast ? "full" : "fast");
  } catch (...) {
    ::close(file_);
    throw;
  }
}

Presence::~Presence() { ::close(file_); }

void Presence::opened() {
  if (first_) lock(F_RDLCK, kPresence);
  lock(F_UNLCK, kGate);
}

bool Presence::leave() {
  // A process that can't get the gate leaves no clean mark: that only costs when the power fails too.
  leaving_ = lock_within(std::chrono::seconds(1), kGate) && lock(F_WRLCK, kPresence);
  return leaving_;
}

void Presence::mark_clean() {
  if (leaving_) write_note("clean");
}

bool Presence::lock(short type, long byte) {
  struct flock request {};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  request.l_start = byte;
  request.l_len = 1;
  return ::fcntl(file_, F_OFD_SETLK, &request) == 0;
}

bool Presence::lock_within(std::chrono::milliseconds time, long byte) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!lock(F_WRLCK, byte)) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void Presence::check_last_boot() {
  const std::string data = options_.directory + "/data.mdb";
  if (!fs::exists(data)) return;
  const std::string note = read_text(note_);
  const bool safe = note.starts_with(options_.boot_id + ' ') || note.ends_with(" clean") || note.ends_with(" full");
  if (safe) return;
  std::string aside = fmt::format("{}.unclean-{}", data, static_cast<long long>(std::time(nullptr)));
  for (int copy = 2; fs::exists(aside); ++copy) aside = fmt::format("{}.unclean-{}-{}", data, std::time(nullptr), copy);
  std::error_code error;
  fs::rename(data, aside, error);
  if (error) throw StoreError(fmt::format("The store's file {} can't be set aside: {}.", data, error.message()));
  options_.log(
      fmt::format("The machine stopped while the store was open without sync=full, so {} may be corrupt: it was set "
                  "aside as {} and the "
                  "store starts empty.",
                  data, aside));
}

void Presence::write_note(std::string_view state) {
  const std::string text = fmt::format("{} {}", options_.boot_id, state);
  if (read_text(note_) == text) return;
  // On disk before the first commit, or a power cut could leave a clean mark beside half-written data.
  const std::string fresh = note_ + ".new";
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool done =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  int error = errno;
  if (file >= 0) ::close(file);
  if (!done && (error == ENOSPC || error == EDQUOT) && overwrite(note_, text)) {
    ::unlink(fresh.c_str());
    return;
  }
  if (done && ::rename(fresh.c_str(), note_.c_str()) != 0) {
    done = false;
    error = errno;
  }
  if (!done) {
    const std::string message = fmt::format("The store's file {} can't be written: {}.", fresh, std::strerror(error));
    if (error == ENOSPC || error == EDQUOT) throw StoreFull(message + " Free some disk space.");
    throw StoreError(message);
  }
  const int folder = ::open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

}  // namespace morrow::store
