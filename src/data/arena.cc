// SPDX-License-Identifier: Apache-2.0
#include "data/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/invariant.h"

namespace morrow::data {

namespace {

constexpr std::uint64_t kStepBytes = 64ULL << 20;  // a growth that fails has got as much as there was, in these steps
constexpr int kFirstNumber = 100;                  // programs expect to find the lowest ones free
constexpr int kLowNumber = 32;                     // where the process may not have so many: `ulimit -n 64`

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

std::size_t whole_pages(std::uint64_t size) { return (size + kPageBytes - 1) / kPageBytes * kPageBytes; }

/// Both mappings of an arena begin where a page table does, so that whole page tables can change place.
std::byte* map_arena(int fd, std::size_t size, int protection) {
  constexpr std::size_t kTableBytes = 2 << 20;
  void* const room = mmap(nullptr, size + kTableBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) fail("can't map the object memory");
  auto* const begin = static_cast<std::byte*>(room);
  const std::size_t before = (kTableBytes - reinterpret_cast<std::uintptr_t>(begin) % kTableBytes) % kTableBytes;
  std::byte* const base = begin + before;
  if (mmap(base, size, protection, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == MAP_FAILED) {
    munmap(room, size + kTableBytes);
    fail("can't map the object memory");
  }
  if (before != 0) munmap(begin, before);
  if (before != kTableBytes) munmap(base + size, kTableBytes - before);
  madvise(base, size, MADV_DONTFORK);
  madvise(base, size, MADV_HUGEPAGE);  // where the machine allows them for shared memory
  return base;
}

/// Moves pages of one mapping of the arena to another one's. What was there stays mapped, with no page: never is there
/// a hole that another thread's mapping could fall into.
bool move_pages(std::byte* from, std::byte* to, std::size_t size) {
  MORROW_INVARIANT(size % kPageBytes == 0 && from != to, "whole pages are moved, to another place", from, to, size);
  return mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) != MAP_FAILED;
}

}  // namespace

Arena::Arena(std::uint64_t capacity) : capacity_(whole_pages(capacity)) {
  fd_ = memfd_create("morrow-objects", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd_ < 0) fail("can't make shared memory for objects");
  if (ftruncate(fd_, static_cast<off_t>(capacity_)) != 0 || fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    close(fd_);
    fail("can't size the shared memory for objects");
  }
}

Arena::~Arena() { close(fd_); }

void Arena::back(std::uint64_t end) {
  end = std::min(end, capacity_);
  while (backed_ < end) {
    const std::uint64_t begin = backed_;
    const std::uint64_t size = std::min(kStepBytes, end - begin);
    if (fallocate(fd_, 0, static_cast<off_t>(begin), static_cast<off_t>(size)) != 0) {
      if (errno == EINTR) continue;
      throw OutOfMemory("the machine has no memory left for objects (" + std::generic_category().message(errno) +
                        "); give the worker a smaller --object-memory");
    }
    const std::uint64_t before = backed_.exchange(begin + size);
    MORROW_INVARIANT(before == begin && begin + size <= capacity_, "an arena grows once at a time, and to its capacity",
                     before, begin, size, capacity_);
  }
}

ArenaView::ArenaView(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) fail("can't look at the object memory");
  size_ = static_cast<std::uint64_t>(status.st_size);
  base_ = map_arena(fd, size_, PROT_READ);
  for (const int first : {kFirstNumber, kLowNumber, 0}) {
    fd_ = fcntl(fd, F_DUPFD_CLOEXEC, first);
    if (fd_ >= 0) break;
  }
  if (fd_ < 0) {
    munmap(base_, size_);
    fail("can't keep the object memory");
  }
}

ArenaView::~ArenaView() {
  munmap(base_, size_);
  if (inside_ != nullptr) munmap(inside_, size_);
  close(fd_);
}

std::span<std::byte> ArenaView::inside(Extent extent) {
  std::call_once(maps_inside_, [this] { inside_ = map_arena(fd_, size_, PROT_READ | PROT_WRITE); });
  MORROW_INVARIANT(inside_ != nullptr && inside_ != base_, "an arena has two mappings", inside_, base_);
  return {inside_ + (bytes(extent).data() - base_), extent.size};
}

std::span<const std::byte> ArenaView::bytes(Extent extent) const {
  if (extent.offset > size_ || extent.size > size_ - extent.offset)
    throw std::out_of_range("an object lies outside of the object memory");
  return {base_ + extent.offset, extent.size};
}

ArenaView::Writable ArenaView::write(Extent extent) {
  const std::span<std::byte> inner = inside(extent);
  return {base_ + extent.offset, inner.data(), extent.size};
}

ArenaView::Writable::Writable(std::byte* data, std::byte* inside, std::uint64_t size)
    : data_(data), inside_(inside), size_(whole_pages(size)) {
  if (size_ != 0 && !move_pages(inside_, data_, size_) && mprotect(data_, size_, PROT_READ | PROT_WRITE) != 0)
    fail("can't write into the object memory");
}

ArenaView::Writable::Writable(Writable&& other) noexcept
    : data_(other.data_), inside_(other.inside_), size_(other.size_), open_(std::exchange(other.open_, false)) {}

void ArenaView::Writable::seal() {
  if (!std::exchange(open_, false) || size_ == 0) return;
  // Whatever becomes of the move: nothing can be written here afterwards.
  move_pages(data_, inside_, size_);
  mprotect(data_, size_, PROT_READ);
}

}  // namespace morrow::data
