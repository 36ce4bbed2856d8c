#include "data/arena.h"

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

namespace morrow::data {
namespace {

constexpr std::uint64_t kCapacity = 8 << 20;

TEST(Arena, WhatOneProcessWritesAnotherViewReads) {
  Arena arena(kCapacity);
  arena.back(kCapacity);
  EXPECT_EQ(arena.backed(), kCapacity);
  ArenaView writer(arena.fd());
  const ArenaView reader(arena.fd());
  const Extent extent{4096, 10'000};
  auto writable = writer.write(extent);
  std::ranges::fill(writable.bytes(), std::byte{7});
  writable.seal();
  EXPECT_TRUE(std::ranges::all_of(reader.bytes(extent), [](std::byte byte) { return byte == std::byte{7}; }));
}

TEST(Arena, NothingOutsideOfItCanBeAskedFor) {
  Arena arena(kCapacity);
  ArenaView view(arena.fd());
  EXPECT_THROW(static_cast<void>(view.bytes({kCapacity, 1})), std::out_of_range);
  EXPECT_THROW(static_cast<void>(view.bytes({4096, ~std::uint64_t{0}})), std::out_of_range);
  EXPECT_THROW(static_cast<void>(view.write({kCapacity - 4096, 8192})), std::out_of_range);
}

/// The signal that ends a child that does `what`; 0: it ended well.
template <class What>
int signal_of(What what) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    what();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(Arena, AWriteToWhatIsSealedFaultsInTheWriter) {
  Arena arena(kCapacity);
  arena.back(kCapacity);
  const auto write_after = [&](bool seal) {
    ArenaView view(arena.fd());  // the child's own: it does not inherit ours
    auto writable = view.write({0, 4096});
    if (seal) writable.seal();
    *const_cast<volatile std::byte*>(writable.bytes().data()) = std::byte{1};
  };
  EXPECT_EQ(signal_of([&] { write_after(false); }), 0);
  EXPECT_EQ(signal_of([&] { write_after(true); }), SIGSEGV);
}

TEST(Arena, ChildrenDoNotInheritTheMapping) {
  Arena arena(kCapacity);
  arena.back(kCapacity);
  const ArenaView view(arena.fd());
  const volatile std::byte* const at = view.bytes({0, 1}).data();
  EXPECT_EQ(signal_of([&] { static_cast<void>(*at); }), SIGSEGV);
}

}  // namespace
}  // namespace morrow::data
