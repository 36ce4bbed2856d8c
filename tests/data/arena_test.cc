// SPDX-License-Identifier: Apache-2.0
#include "data/arena.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "base/defer.h"

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
  std::ranges::fill(std::span(writable.data(), extent.size), std::byte{7});
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
    *const_cast<volatile std::byte*>(writable.data()) = std::byte{1};
  };
  EXPECT_EQ(signal_of([&] { write_after(false); }), 0);
  EXPECT_EQ(signal_of([&] { write_after(true); }), SIGSEGV);
}

TEST(Arena, WhatIsWrittenInPlaceAgainAndAgainIsReadWhereItLiesAndNeighboursStay) {
  constexpr std::uint64_t kLarge = 9 << 20;  // over several page tables, and not at their borders
  Arena arena(3 * kLarge);
  arena.back(3 * kLarge);
  ArenaView view(arena.fd());
  const ArenaView other(arena.fd());
  const std::array<Extent, 3> extents{Extent{0, kLarge - 8192}, Extent{kLarge - 4096, kLarge},
                                      Extent{2 * kLarge, 5000}};
  for (unsigned char round = 1; round <= 3; ++round) {
    for (const Extent& extent : extents) {
      auto writable = view.write(extent);
      EXPECT_EQ(writable.data(), view.bytes(extent).data());
      // What stood there before is there still, as in any memory.
      EXPECT_EQ(writable.data()[extent.size / 2], std::byte(round - 1));
      std::memset(writable.data(), round, extent.size);
    }
    std::memset(view.inside({2 * kLarge + 8192, 100}).data(), 9, 100);
    for (const Extent& extent : extents) {
      const auto is_round = [round](std::byte byte) { return byte == std::byte{round}; };
      EXPECT_TRUE(std::ranges::all_of(view.bytes(extent), is_round));
      EXPECT_TRUE(std::ranges::all_of(other.bytes(extent), is_round));
      EXPECT_TRUE(std::ranges::all_of(view.inside(extent), is_round));
    }
  }
}

TEST(Arena, ChildrenDoNotInheritTheMapping) {
  Arena arena(kCapacity);
  arena.back(kCapacity);
  const ArenaView view(arena.fd());
  const volatile std::byte* const at = view.bytes({0, 1}).data();
  EXPECT_EQ(signal_of([&] { static_cast<void>(*at); }), SIGSEGV);
}

TEST(Arena, IsViewedAlsoWhereAProcessMayHaveFewOpenFiles) {
  Arena arena(kCapacity);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const base::Defer restores([&] { setrlimit(RLIMIT_NOFILE, &before); });
  for (const rlim_t most : {64, 24}) {
    const rlimit few{most, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_NO_THROW(ArenaView(arena.fd())) << most;
  }
}

}  // namespace
}  // namespace morrow::data
