// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <stdexcept>

#include "data/extents.h"

namespace morrow::data {

/// The machine has no memory left for the arena.
class OutOfMemory : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The owner's side of an arena: a file in memory of fixed size, whose pages come into being as they are needed. It is
/// gone with the last process that has it open or mapped.
class Arena {
 public:
  /// \throws std::system_error
  explicit Arena(std::uint64_t capacity);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  int fd() const { return fd_; }
  std::uint64_t capacity() const { return capacity_; }
  /// Makes all pages below `end` exist, so that no write there can fail. One call at a time, on any thread. \throws
  /// OutOfMemory
  void back(std::uint64_t end);
  std::uint64_t backed() const { return backed_; }

 private:
  int fd_ = -1;
  std::uint64_t capacity_;
  std::atomic<std::uint64_t> backed_ = 0;
};

/// A whole arena in the address space of a process: read-only, but for what it is about to write. Children do not
/// inherit it: they would go on in memory that is used again. Thread-safe.
class ArenaView {
 public:
  /// Keeps a copy of `fd`. \throws std::system_error
  explicit ArenaView(int fd);
  ~ArenaView();
  ArenaView(const ArenaView&) = delete;
  ArenaView& operator=(const ArenaView&) = delete;

  std::uint64_t size() const { return size_; }

  /// \throws std::out_of_range
  std::span<const std::byte> bytes(Extent extent) const;

  /// The same bytes to be written from inside of Morrow, by another mapping that users never get an address of: what
  /// is copied there needs no pages made writable and read-only again, which costs as much as half of a copy (measured
  /// at 100 MB). \throws std::out_of_range, std::system_error
  std::span<std::byte> inside(Extent extent);

  /// Pages that may be written until it is sealed or gone.
  ///
  /// They are moved here from the inner mapping, where this process keeps the pages that it wrote before, and back at
  /// the seal: page tables change place, 2 MB at once, where a change of protection walks over every page (measured at
  /// 100 MB: 0.1 ms instead of 6). A kernel that can't (before 5.13) changes the protection.
  class Writable {
   public:
    Writable(std::byte* data, std::byte* inside, std::uint64_t size);
    ~Writable() { seal(); }
    Writable(Writable&& other) noexcept;
    Writable& operator=(Writable&&) = delete;
    std::byte* data() const { return data_; }
    void seal();

   private:
    std::byte* data_;
    std::byte* inside_;
    std::size_t size_;  ///< whole pages
    bool open_ = true;
  };
  /// \throws std::out_of_range, std::system_error
  Writable write(Extent extent);

 private:
  int fd_ = -1;
  std::byte* base_ = nullptr;
  std::uint64_t size_ = 0;
  std::once_flag maps_inside_;
  std::byte* inside_ = nullptr;
};

}  // namespace morrow::data
