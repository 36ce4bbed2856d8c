// SPDX-License-Identifier: Apache-2.0
// Objects go to disk because memory is short, so writing them must need none: a block that does not compress is written
// from where it lies, and one that does takes a megabyte. Three things can be wrong, and each is found here rather than
// by a reader of the object:
//
// - The disk is full, or nearly so and the cluster's store is on it, which stands still then. The space is looked at
//   before the first byte, with all that other threads are writing; a write that fails all the same leaves no file.
// - The bytes that come back are others: each block has a checksum, and the header says which object it is and how
// long.
// - The worker was killed: its folder stays. So each folder has a lock, which the kernel takes back with its process,
//   and a worker that starts removes the neighbours whose lock is free. It makes its own while it holds the lock of
//   the folder above: else its neighbour could take the new one for one that was left.
//
// The folder may be one that all users write to, as /var/tmp. Whoever can open a folder can lock it for ever, and who
// can write there can leave folders and links for us. So all of this is in a folder that is closed to others: the one
// that was named when it is that, else one for this user within it, which the last worker removes.
//
// A file may be promised before it is written: its blocks are allocated (posix_fallocate), and nobody else gets them.
//
// Files are not synced: nobody reads them when the machine has been down.
#include "data/spill.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/defer.h"
#include "base/invariant.h"
#include "base/trusted_path.h"

namespace morrow::data {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "morrow-spill-";
constexpr std::string_view kUserPrefix = "morrow-spilled-";  // before the number of the user
constexpr std::array<char, 8> kMagic{'M', 'O', 'R', 'R', 'O', 'W', 'O', 'B'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kReadBytes = 4 * kBlockBytes;

/// Stands at the beginning of each spill file.
struct FileHeader {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t reserved = 0;
  std::uint64_t number = 0;
  std::uint64_t size = 0;
};
static_assert(sizeof(FileHeader) == 32);

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

/// An open file. The functions throw std::system_error.
class File {
 public:
  File(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Takes the lock of a worker's folder; -1 while somebody has it.
int lock_folder(const std::string& folder) {
  const int fd = open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

void remove_left_behind(const std::string& folder) {
  std::error_code error;
  std::error_code ignored;  // of one folder; others clear them too
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(kFolderPrefix) ||
        !fs::is_directory(entry->symlink_status(ignored)))
      continue;
    const int lock = lock_folder(entry->path().string());
    if (lock < 0) continue;
    fs::remove_all(entry->path(), ignored);
    close(lock);
  }
}

/// The named folder when it is closed to others, else this user's own within it. \throws std::runtime_error
std::string closed_folder(const std::string& named) {
  const auto closed = [](const std::string& path) {
    const auto own = base::own_folder(path);
    struct stat status {};
    return own && stat(own->c_str(), &status) == 0 && (status.st_mode & 0077) == 0;
  };
  if (const int error = base::make_folders(named, 0700); error != 0)
    throw std::system_error(error, std::generic_category(), "can't make the folder for spilled objects " + named);
  if (closed(named)) return named;
  if (const auto safe = base::trusted_path(named); !safe)
    throw std::runtime_error("the folder for spilled objects can't be used: " + safe.problem());
  const std::string own = named + "/" + std::string(kUserPrefix) + std::to_string(geteuid());
  if (mkdir(own.c_str(), 0700) != 0 && errno != EEXIST) fail("can't make the folder for spilled objects " + own);
  if (closed(own)) return own;
  const auto why = base::own_folder(own);
  throw std::runtime_error("the folder for spilled objects can't be used: " +
                           (why ? own + " is open to other users; close it: chmod 0700" : why.problem()));
}

/// The lock of the folder at that path. Nothing when the last worker has removed it since it was opened: then the lock
/// is that of no folder.
std::unique_ptr<File> lock_in_place(const std::string& folder) {
  auto locked = std::make_unique<File>(folder, O_RDONLY | O_DIRECTORY);
  struct stat opened {};
  struct stat there {};
  if (locked->get() < 0 || flock(locked->get(), LOCK_EX) != 0 || fstat(locked->get(), &opened) != 0) {
    if (errno == ENOENT) return nullptr;
    fail("can't lock " + folder);
  }
  const bool in_place =
      lstat(folder.c_str(), &there) == 0 && there.st_dev == opened.st_dev && there.st_ino == opened.st_ino;
  return in_place ? std::move(locked) : nullptr;
}

bool is_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

/// Writes the one and then the other. 0, or the error.
int write_all(int fd, std::span<const std::byte> first, std::span<const std::byte> second) {
  while (!first.empty() || !second.empty()) {
    const std::array<iovec, 2> parts{iovec{const_cast<std::byte*>(first.data()), first.size()},
                                     iovec{const_cast<std::byte*>(second.data()), second.size()}};
    const ssize_t done = writev(fd, parts.data(), parts.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    const auto written = static_cast<std::size_t>(done);
    MORROW_INVARIANT(written <= first.size() + second.size(), "no more is written than there is", written, first.size(),
                     second.size());
    const std::size_t of_first = std::min(written, first.size());
    first = first.subspan(of_first);
    second = second.subspan(written - of_first);
  }
  return 0;
}

/// Of the file of an object: no block is stored larger than it is.
std::uint64_t most_file_bytes(std::uint64_t size) {
  return sizeof(FileHeader) + size + (size + kBlockBytes - 1) / kBlockBytes * kBlockHeaderBytes;
}

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes / 1'000'000) + " MB"; }

}  // namespace

std::uint64_t disk_to_leave(const std::string& folder, const std::string& neighbour) {
  constexpr std::uint64_t kMostBytes = 1 << 30;  // the store grows by less while one notices
  constexpr std::uint64_t kPart = 20;            // of a small disk
  const auto there = [](fs::path path) {
    std::error_code error;
    path = fs::absolute(path, error);
    while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
    return path.string();
  };
  struct stat one {};
  struct stat other {};
  struct statvfs disk {};
  const std::string path = there(folder);
  const bool same = stat(path.c_str(), &one) == 0 && stat(there(neighbour).c_str(), &other) == 0 &&
                    one.st_dev == other.st_dev && statvfs(path.c_str(), &disk) == 0;
  return same ? std::min(kMostBytes, std::uint64_t{disk.f_blocks} * disk.f_frsize / kPart) : 0;
}

SpillFolder::SpillFolder(const std::string& folder, const std::string& owner, std::uint64_t leaves) : leaves_(leaves) {
  // Another worker that starts must not take our folder for one that was left, before we have locked it.
  std::unique_ptr<File> neighbours;
  while (!neighbours) {
    above_ = closed_folder(folder);
    neighbours = lock_in_place(above_);
  }
  of_user_ = above_ != folder;
  remove_left_behind(above_);
  path_ = above_ + "/" + std::string(kFolderPrefix) + owner + "-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) fail("can't make a folder for spilled objects in " + above_);
  lock_ = lock_folder(path_);
  if (lock_ < 0) fail("can't lock the folder for spilled objects " + path_);
}

SpillFolder::~SpillFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  close(lock_);
  if (!of_user_) return;
  const File neighbours(above_, O_RDONLY | O_DIRECTORY);
  if (neighbours.get() >= 0 && flock(neighbours.get(), LOCK_EX | LOCK_NB) == 0) rmdir(above_.c_str());  // the last one
}

std::string SpillFolder::file(std::uint64_t number) const { return path_ + "/" + std::to_string(number) + ".object"; }

std::uint64_t SpillFolder::free_bytes() const {
  struct statvfs disk {};
  return statvfs(path_.c_str(), &disk) == 0 ? std::uint64_t{disk.f_bavail} * disk.f_frsize : 0;
}

DiskFull SpillFolder::full(std::uint64_t size) const {
  return DiskFull("the disk is full: " + megabytes(size) + " were to be written to " + path_ + ", where " +
                  megabytes(free_bytes()) + " are free" +
                  (leaves_ == 0 ? "" : ", of which " + megabytes(leaves_) + " are left to the cluster's store") +
                  "; make room there or give the worker another --spill-dir");
}

std::uint64_t SpillFolder::promise(std::uint64_t number, std::uint64_t size) {
  const std::string path = file(number);
  const std::uint64_t most = most_file_bytes(size);
  const std::uint64_t with_others = writing_ += most;
  const base::Defer allocated([&] { writing_ -= most; });
  if (leaves_ != 0 && free_bytes() < leaves_ + with_others) throw full(size);
  const File out(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (out.get() < 0) {
    if (is_full(errno)) throw full(size);
    fail("can't write " + path);
  }
  const int error = posix_fallocate(out.get(), 0, static_cast<off_t>(most));
  if (error == 0) return most;
  unlink(path.c_str());
  if (is_full(error)) throw full(size);
  throw std::system_error(error, std::generic_category(), "can't write " + path);
}

std::uint64_t SpillFolder::write(std::uint64_t number, std::span<const std::byte> bytes, bool promised) {
  const std::string path = file(number);
  const auto full_here = [&] {
    unlink(path.c_str());
    return full(bytes.size());
  };
  // Others write at the same time, and what they wrote is counted twice: rather too early than too late.
  const std::uint64_t with_others = writing_ += bytes.size();
  const base::Defer written([&] {
    const std::uint64_t before = writing_.fetch_sub(bytes.size());
    MORROW_INVARIANT(before >= bytes.size(), "what is being written counts", before, bytes.size());
  });
  if (!promised && leaves_ != 0 && free_bytes() < leaves_ + with_others) throw full_here();
  const File out(path, promised ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC);
  if (out.get() < 0) {
    if (is_full(errno)) throw full_here();
    fail("can't write " + path);
  }
  std::uint64_t total = 0;
  const auto put = [&](std::span<const std::byte> first, std::span<const std::byte> second) {
    total += first.size() + second.size();
    const int error = write_all(out.get(), first, second);
    if (is_full(error)) throw full_here();
    if (error == 0) return;
    unlink(path.c_str());
    throw std::system_error(error, std::generic_category(), "can't write " + path);
  };
  const FileHeader header{.number = number, .size = bytes.size()};
  put(std::as_bytes(std::span(&header, 1)), {});
  BlockWriter blocks;
  for (std::size_t at = 0; at < bytes.size(); at += kBlockBytes) {
    // What does not compress goes from the object's memory to the file with no copy between.
    const BlockWriter::Block block = blocks.encode(bytes.subspan(at, std::min(kBlockBytes, bytes.size() - at)));
    put(block.header, block.stored);
  }
  if (promised && ftruncate(out.get(), static_cast<off_t>(total)) != 0) fail("can't write " + path);
  return total;
}

void SpillFolder::read(std::uint64_t number, std::span<std::byte> into) const {
  const std::string path = file(number);
  const File in(path, O_RDONLY);
  if (in.get() < 0) fail("can't read " + path);
  posix_fadvise(in.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<std::byte> buffer(kReadBytes);
  const auto next = [&](std::size_t most) {
    for (;;) {
      const ssize_t got = ::read(in.get(), buffer.data(), most);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail("can't read " + path);
    }
  };
  FileHeader header;
  if (next(sizeof header) != sizeof header) throw Damaged(path + " is cut short");
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.magic != kMagic || header.version != kVersion || header.number != number || header.size != into.size())
    throw Damaged(path + " is not the file of this object");
  BlockReader blocks(into);
  try {
    while (const std::size_t got = next(buffer.size())) blocks.feed(std::span(buffer).first(got));
  } catch (const Damaged& damage) {
    throw Damaged(path + ": " + damage.what());
  }
  if (!blocks.done()) throw Damaged(path + " is cut short");
}

void SpillFolder::remove(std::uint64_t number) noexcept { unlink(file(number).c_str()); }

}  // namespace morrow::data
