// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/output_pipes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace morrow::runtime {
namespace {

std::pair<wire::Fd, wire::Fd> pipe_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {wire::Fd(ends[0]), wire::Fd(ends[1])};
}

TEST(OutputPipes, HaveUnreadBytesUntilTheWorkerReadThem) {
  for (const bool to_errors : {false, true}) {
    auto [output, output_there] = pipe_pair();
    auto [errors, errors_there] = pipe_pair();
    const int write_end = to_errors ? errors_there.get() : output_there.get();
    const int read_end = to_errors ? errors.get() : output.get();
    const OutputPipes pipes(std::move(output_there), std::move(errors_there));
    EXPECT_FALSE(pipes.has_unread());
    ASSERT_EQ(write(write_end, "line\n", 5), 5);
    EXPECT_TRUE(pipes.has_unread());
    std::array<char, 16> bytes{};
    ASSERT_EQ(read(read_end, bytes.data(), 2), 2);
    EXPECT_TRUE(pipes.has_unread());
    ASSERT_EQ(read(read_end, bytes.data(), bytes.size()), 3);
    EXPECT_FALSE(pipes.has_unread());
  }
}

}  // namespace
}  // namespace morrow::runtime
