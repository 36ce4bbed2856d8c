// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/connect.h"

#include <sys/socket.h>

#include <future>
#include <string>

#include <gtest/gtest.h>

#include "tests/runtime/client/connection.h"

namespace morrow::runtime {
namespace {

TEST(Greeting, AWelcomeThatComesBeforeALongProgramIsSentLosesNothingOfIt) {
  auto [near, far] = wire::socket_pair(false);
  wire::Program program;
  for (int i = 0; i < 30'000; ++i) program.add_arguments("/data/2026/readings-of-a-sensor-" + std::to_string(i));
  auto driver = std::async(std::launch::async, [&program, socket = std::move(near)]() mutable {
    wire::Hello hello;
    return greet(std::move(socket), hello, program, Clock::now() + std::chrono::minutes(1));
  });
  test::Connection worker(std::move(far));
  worker.read<wire::Hello>(wire::HELLO);  // and no more: the rest does not fit into the socket
  worker.write(wire::WELCOME, wire::Welcome());
  auto connection = driver.get();
  ASSERT_TRUE(connection);
  EXPECT_FALSE(connection->unsent.empty()) << "the socket holds all of it: the program must be longer";
  auto rest = std::async(std::launch::async, [&connection] {
    for (std::string_view left = connection->unsent; !left.empty();) {
      const ssize_t put = send(connection->socket.get(), left.data(), left.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      left.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  });
  const auto came = worker.read<wire::Program>(wire::PROGRAM);
  EXPECT_TRUE(rest.get());
  EXPECT_EQ(came.SerializeAsString(), program.SerializeAsString());
}

}  // namespace
}  // namespace morrow::runtime
