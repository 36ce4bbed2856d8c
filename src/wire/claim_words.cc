// SPDX-License-Identifier: Apache-2.0
#include "wire/claim_words.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

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
  fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL);  // a shorter file would kill whoever looks at its words
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
  if (slot < kSlots) words_[slot].store(word(generation, State::kReady), std::memory_order_release);
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
