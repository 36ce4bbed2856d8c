// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "data/blocks.h"

namespace morrow::data {

/// The disk has no room. The sentence says how much was to be written where, and how much is free.
class DiskFull : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is to stay free of a disk when objects go to `folder`: nothing, unless `neighbour` is on the same one, a folder
/// of somebody who stands still when it is full. Folders that are not there yet count as where they will be.
std::uint64_t disk_to_leave(const std::string& folder, const std::string& neighbour);

/// Objects on disk: a file each, in a folder of one worker, which is removed with it. A file is
///
///     "MORROWOB" | version u32 | 0 u32 | number u64 | size u64 | blocks (see blocks.h)
///
/// Distinct objects may be used by several threads at once.
class SpillFolder {
 public:
  /// Makes `folder`/morrow-spill-OWNER-XXXXXX, and removes its neighbours of that kind whose worker is dead. In a
  /// `folder` that others can look into, as /var/tmp, they are in `folder`/morrow-spilled-UID. Of the disk `leaves`
  /// bytes stay free. \throws std::system_error; std::runtime_error when others could change what lies there
  SpillFolder(const std::string& folder, const std::string& owner, std::uint64_t leaves = 0);
  ~SpillFolder();
  SpillFolder(const SpillFolder&) = delete;
  SpillFolder& operator=(const SpillFolder&) = delete;

  /// The disk's blocks for an object of so many bytes are taken from here on, so that `write` needs no others. Returns
  /// how many bytes these are. \throws DiskFull, std::system_error; nothing is left then
  std::uint64_t promise(std::uint64_t number, std::uint64_t size);
  /// Returns how many bytes the file takes. With `promised` it has the blocks that were promised. \throws DiskFull,
  /// std::system_error; nothing is left then
  std::uint64_t write(std::uint64_t number, std::span<const std::byte> bytes, bool promised = false);
  /// \throws Damaged when it is not what was written, std::system_error
  void read(std::uint64_t number, std::span<std::byte> into) const;
  /// Nothing happens when there is none.
  void remove(std::uint64_t number) noexcept;

  const std::string& path() const { return path_; }

 private:
  std::string file(std::uint64_t number) const;
  std::uint64_t free_bytes() const;
  DiskFull full(std::uint64_t size) const;

  std::string above_;     ///< of this user alone
  bool of_user_ = false;  ///< it was made, in a folder of others
  std::string path_;
  const std::uint64_t leaves_;
  std::atomic<std::uint64_t> writing_ = 0;  ///< bytes that are on their way
  int lock_ = -1;
};

}  // namespace morrow::data
