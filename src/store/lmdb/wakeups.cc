// SPDX-License-Identifier: Apache-2.0
//
// Waking exactly those processes that watch a key that changed, when any of them may die at any instruction.
//
// The memory (Layout) is one file that all processes of a store map. A watch sets the bit of its process in the bucket
// of its key; a commit looks at the buckets of the keys that it changed. Two races and one death are the problem:
//
// A watch that is set while a commit goes on. The watcher sets its bit, and reads the key after that. The writer
// commits, and reads the bits after that, with a full barrier in between (announce). So either the writer sees the bit,
// or the watcher sees the new value; never neither.
//
// Two writers that wake the same process. The bit in `changed` is set first, and the one that set it makes the futex
// call; the one that finds it set leaves that to the other. The sleeper takes the bits with an exchange after it read
// `signal`, and waits for `signal` to differ from what it read, so a wake-up between the two is not lost.
//
// A writer that dies between its commit and its announcement. `announcing` is set before the commit. Whoever finds it
// set in the slot of a dead process wakes everyone, who all look again (take_all): too many wake-ups are slow, a
// missing one would be for ever. A dead process is known by its pid together with its start time, since pids are used
// again.
//
// The word `holder` says who has LMDB's write lock, as far as was written: a process can die or be stopped between
// taking the lock and writing it, which the guard knows (stopped_on_the_way). Nothing here decides what is true: the
// store does.
//
// Read next: watch_hub.cc, guard.cc; man 2 futex.
#include "store/lmdb/wakeups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include <bit>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

#include "base/invariant.h"
#include "store/store.h"

namespace morrow::store {
namespace {

constexpr std::uint64_t kMagic = 0x4d4f52524f570001;  // the last two digits are the layout's version
constexpr std::uint32_t kWords = Wakeups::kProcesses / 64;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

/// One process that has the store open. Lies in memory shared with the others.
struct alignas(64) Wakeups::Slot {
  std::atomic<std::uint32_t> pid;         // 0: free
  std::atomic<std::uint32_t> signal;      // the futex
  std::atomic<std::uint32_t> all;         // take every watch as changed
  std::atomic<std::uint32_t> announcing;  // between the commit and the announcement
  std::atomic<std::uint32_t> waiting;     // for a lock: which time it is; 0 when not
  std::atomic<std::uint64_t> start_time;
  alignas(64) std::atomic<std::uint64_t> changed[kBuckets / 64];
};

/// The shared file.
struct Wakeups::Layout {
  std::atomic<std::uint64_t> magic;
  std::atomic<std::uint64_t> holder;  // {slot + 1, hold}: 32 bits each; 0 when nobody
  alignas(64) std::atomic<std::uint64_t> watchers[kBuckets][kWords];
  Slot slots[kProcesses];
};

Wakeups::Wakeups(const std::string& path, bool fresh) {
  if (fresh) ::unlink(path.c_str());
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  // All blocks are allocated now: a hole on a full disk would be a SIGBUS later.
  const int error = file < 0 ? errno : ::posix_fallocate(file, 0, sizeof(Layout));
  void* memory = MAP_FAILED;
  if (error == 0) memory = ::mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int map_error = errno;
  if (file >= 0) ::close(file);
  if (error == ENOSPC) throw StoreFull(fmt::format("The disk is full: {} can't be made. Free some space.", path));
  if (memory == MAP_FAILED) {
    throw StoreError(
        fmt::format("The store's file {} can't be opened: {}.", path, std::strerror(error != 0 ? error : map_error)));
  }
  shared_ = static_cast<Layout*>(memory);  // a file of zeros is an empty table
  if (fresh) shared_->magic = kMagic;
  if (shared_->magic != kMagic) {
    ::munmap(shared_, sizeof(Layout));
    throw StoreError(fmt::format(
        "The store in use at {} was opened by another version of Morrow: end its processes or use the same version.",
        path));
  }
  try {
    claim_slot();
  } catch (...) {
    ::munmap(shared_, sizeof(Layout));
    throw;
  }
}

Wakeups::~Wakeups() {
  clear_slot(slot_);
  ::munmap(shared_, sizeof(Layout));
}

std::uint32_t Wakeups::bucket_of(std::string_view key) {
  return static_cast<std::uint32_t>(XXH3_64bits(key.data(), key.size()) % kBuckets);
}

void Wakeups::watch_bucket(std::uint32_t bucket) {
  MORROW_INVARIANT(bucket < kBuckets && slot_ < kProcesses, "a watch has a bucket and a slot", bucket, slot_);
  shared_->watchers[bucket][slot_ / 64].fetch_or(std::uint64_t{1} << (slot_ % 64));
}

void Wakeups::unwatch_bucket(std::uint32_t bucket) {
  MORROW_INVARIANT(bucket < kBuckets && slot_ < kProcesses, "a watch has a bucket and a slot", bucket, slot_);
  shared_->watchers[bucket][slot_ / 64].fetch_and(~(std::uint64_t{1} << (slot_ % 64)));
}

std::uint32_t Wakeups::signal() const { return own().signal.load(); }

void Wakeups::wait(std::uint32_t seen, std::chrono::milliseconds time) {
  timespec timeout{};
  timeout.tv_sec = time.count() / 1000;
  timeout.tv_nsec = time.count() % 1000 * 1'000'000;
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&own().signal), FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

void Wakeups::wake_self() {
  own().signal.fetch_add(1);
  futex_wake(own().signal);
}

void Wakeups::begin_announcement() { own().announcing.store(1, std::memory_order_release); }
void Wakeups::end_announcement() { own().announcing.store(0, std::memory_order_release); }

void Wakeups::announce(std::span<const std::uint32_t> buckets) {
  // A full barrier between the commit and the look at the bits: a process that set its bit before this commit is seen.
  own().announcing.exchange(1);
  std::uint64_t to_wake[kWords] = {};
  bool any = false;
  for (const std::uint32_t bucket : buckets) {
    MORROW_INVARIANT(bucket < kBuckets, "keys are spread over the buckets", bucket);
    for (std::uint32_t word = 0; word < kWords; ++word) {
      std::uint64_t bits = shared_->watchers[bucket][word].load();
      for (; bits != 0; bits &= bits - 1) {
        const std::uint32_t slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        const std::uint64_t bit = std::uint64_t{1} << (bucket % 64);
        // The one that finds the bit set leaves the waking to the one that set it.
        if ((shared_->slots[slot].changed[bucket / 64].fetch_or(bit) & bit) != 0) continue;
        to_wake[word] |= std::uint64_t{1} << (slot % 64);
        any = true;
      }
    }
  }
  if (!any) return;
  for (std::uint32_t word = 0; word < kWords; ++word) {
    for (std::uint64_t bits = to_wake[word]; bits != 0; bits &= bits - 1) {
      Slot& slot = shared_->slots[word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits))];
      slot.signal.fetch_add(1);
      futex_wake(slot.signal);
    }
  }
}

void Wakeups::announce_for_the_dead() {
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    Slot& slot = shared_->slots[i];
    if (i == slot_ || slot.announcing.load(std::memory_order_relaxed) == 0) continue;
    const ProcessId process = process_of(i);
    if (process.pid == 0 || is_alive(process)) continue;
    wake_everyone();
    slot.announcing.store(0);
  }
}

void Wakeups::begin_wait() {
  if (++waits_ == 0) ++waits_;
  own().waiting.store(waits_, std::memory_order_release);
}

void Wakeups::end_wait() { own().waiting.store(0, std::memory_order_release); }

void Wakeups::acquired() { shared_->holder.store((std::uint64_t{slot_} + 1) << 32 | ++holds_); }

void Wakeups::released() {
  // The lock is free already: the next holder may have written itself here.
  std::uint64_t mine = shared_->holder.load();
  if (mine >> 32 == slot_ + 1) shared_->holder.compare_exchange_strong(mine, 0);
}

std::optional<Wakeups::Holder> Wakeups::holder() const {
  const std::uint64_t word = shared_->holder.load();
  if (word == 0 || word >> 32 > kProcesses) return std::nullopt;
  const ProcessId process = process_of(static_cast<std::uint32_t>(word >> 32) - 1);
  if (process.pid == 0) return std::nullopt;
  return Holder{process, word};
}

std::uint32_t Wakeups::own_wait() const { return own().waiting.load(std::memory_order_acquire); }

std::optional<ProcessId> Wakeups::stopped_on_the_way() const {
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    if (i == slot_ || shared_->slots[i].waiting.load() == 0) continue;
    const ProcessId process = process_of(i);
    if (process.pid != 0 && is_stopped(process)) return process;
  }
  return std::nullopt;
}

std::optional<ProcessId> Wakeups::find_process(pid_t pid) const {
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    if (i != slot_ && shared_->slots[i].pid.load() == static_cast<std::uint32_t>(pid)) return process_of(i);
  }
  return std::nullopt;
}

Wakeups::Slot& Wakeups::own() { return shared_->slots[slot_]; }
const Wakeups::Slot& Wakeups::own() const { return shared_->slots[slot_]; }

ProcessId Wakeups::process_of(std::uint32_t slot) const {
  return {static_cast<pid_t>(shared_->slots[slot].pid.load()), shared_->slots[slot].start_time.load()};
}

void Wakeups::claim_slot() {
  const ProcessId self = this_process();
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    const ProcessId process = process_of(i);
    if (process.pid != 0 && is_alive(process)) continue;
    if (process.pid != 0) {
      if (shared_->slots[i].announcing.load() != 0) wake_everyone();
      clear_slot(i);
    }
    slot_ = i;
    own().start_time = self.start_time;
    own().pid = static_cast<std::uint32_t>(self.pid);
    return;
  }
  throw StoreError(fmt::format("{} processes have this store open, which is the most: end one of them.", kProcesses));
}

void Wakeups::clear_slot(std::uint32_t index) {
  const std::uint64_t mask = ~(std::uint64_t{1} << (index % 64));
  for (auto& bucket : shared_->watchers) bucket[index / 64].fetch_and(mask);
  Slot& slot = shared_->slots[index];
  for (auto& word : slot.changed) word.store(0);
  slot.all = 0;
  slot.announcing = 0;
  slot.waiting = 0;
  slot.start_time = 0;
  slot.pid = 0;
}

void Wakeups::wake_everyone() {
  for (Slot& slot : shared_->slots) {
    if (slot.pid.load() == 0) continue;
    slot.all.store(1);
    slot.signal.fetch_add(1);
    futex_wake(slot.signal);
  }
}

std::uint64_t Wakeups::take_word(std::uint32_t word) {
  auto& changed = own().changed[word];
  return changed.load(std::memory_order_relaxed) == 0 ? 0 : changed.exchange(0);
}

bool Wakeups::take_all() { return own().all.load() != 0 && own().all.exchange(0) != 0; }

}  // namespace morrow::store
