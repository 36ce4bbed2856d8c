// SPDX-License-Identifier: Apache-2.0
//
// Two processes agree who has a task, without a message and without a lock, while one of them may be killed at any
// moment and runs code that can write anywhere.
//
// A worker queues short tasks at an executor ahead of time. When something better comes up (an idle executor, a
// cancel), it wants them back, and must know for sure whether a task has begun: it must be run neither by two nor by
// none. A question by socket would wait for the task that runs now. So each slot of the queue has a word in shared
// memory, and whoever changes it first has the task:
//
//     {g, ready} --executor: take--> {g, taken}        both by compare-and-swap from {g, ready},
//     {g, ready} --worker: revoke--> {g, revoked}      so exactly one of them succeeds
//
// The slot is used again for the next task, under the next generation g. State and generation change together, so an
// executor that was held up between reading its queue and taking the task can't take the successor by mistake, as it
// could if it compared the state alone.
//
// The executor can write nonsense here; it then harms its own tasks. The worker never reads a word but to compare it
// with the one value that it waits for, and the file is sealed, so that it can't shrink under its map. Read next:
// held_results.h for the other half of the file.
#include "wire/claim_words.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/invariant.h"

namespace morrow::wire {

namespace {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(ClaimWords::kSlots * sizeof(std::uint64_t) <= ClaimWords::kCrashOffset);

std::uint64_t word(std::uint32_t generation, ClaimWords::State state) {
  return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(state);
}

[[noreturn]] void fail_with_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

int ClaimWords::create_file() {
  const int file = memfd_create("morrow-claim-words", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) fail_with_errno("cannot create the claim words of an executor");
  if (ftruncate(file, kFileBytes) != 0) {
    const int error = errno;
    close(file);
    errno = error;
    fail_with_errno("cannot size the claim words of an executor");
  }
  fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL);  // a shorter file would kill the reader of its words
  return file;
}

ClaimWords::ClaimWords(int file) {
  void* at = mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (at == MAP_FAILED) fail_with_errno("cannot map the claim words of an executor");
  madvise(at, kFileBytes, MADV_DONTFORK);
  words_ = static_cast<std::atomic<std::uint64_t>*>(at);
}

ClaimWords::~ClaimWords() { munmap(static_cast<void*>(words_), kFileBytes); }

void ClaimWords::offer(std::uint32_t slot, std::uint32_t generation) {
  MORROW_INVARIANT(slot < kSlots, "the slots of a queue have claim words", slot, generation);
  words_[slot].store(word(generation, State::kReady), std::memory_order_release);
}

bool ClaimWords::take(std::uint32_t slot, std::uint32_t generation) {
  return change(slot, generation, State::kReady, State::kTaken);
}

bool ClaimWords::revoke(std::uint32_t slot, std::uint32_t generation) {
  return change(slot, generation, State::kReady, State::kRevoked);
}

bool ClaimWords::taken(std::uint32_t slot, std::uint32_t generation) const {
  return slot < kSlots && words_[slot].load(std::memory_order_acquire) == word(generation, State::kTaken);
}

bool ClaimWords::change(std::uint32_t slot, std::uint32_t generation, State from, State to) {
  if (slot >= kSlots) return false;
  std::uint64_t expected = word(generation, from);
  return words_[slot].compare_exchange_strong(expected, word(generation, to), std::memory_order_acq_rel);
}

}  // namespace morrow::wire
