// SPDX-License-Identifier: Apache-2.0
#include "base/random_id.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <unordered_set>

namespace morrow::base {
namespace {

TEST(RandomId, NoTwoAreAlikeAndNoneIsZero) {
  std::unordered_set<std::uint64_t> drawn;
  for (int i = 0; i < 10'000; ++i) drawn.insert(random_id());
  EXPECT_EQ(drawn.size(), 10'000U);
  EXPECT_FALSE(drawn.contains(0));
}

TEST(RandomId, AForkedProcessDrawsOthers) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::uint64_t drawn = random_id();
    _exit(write(ends[1], &drawn, sizeof drawn) == sizeof drawn ? 0 : 1);
  }
  std::uint64_t drawn = 0;
  EXPECT_EQ(read(ends[0], &drawn, sizeof drawn), static_cast<ssize_t>(sizeof drawn));
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_NE(drawn, random_id());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace morrow::base
