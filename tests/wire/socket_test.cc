// SPDX-License-Identifier: Apache-2.0
#include "wire/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace morrow::wire {
namespace {

class Socket : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = "/tmp/morrow-socket-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/a.sock"; }

 private:
  std::string folder_;
};

bool closes_on_exec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

TEST_F(Socket, ConnectsToWhoListensAndTellsThePeer) {
  const Fd listener = listen_unix(path());
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const Fd socket = connect_unix(path());
  ASSERT_TRUE(socket);
  EXPECT_EQ(peer_of(socket.get()).pid, getpid());
  EXPECT_EQ(peer_of(socket.get()).uid, geteuid());
  EXPECT_TRUE(closes_on_exec(listener.get()));
  EXPECT_TRUE(closes_on_exec(socket.get()));
}

TEST_F(Socket, NobodyThereIsEmptyAndNoError) {
  EXPECT_FALSE(connect_unix(path()));
  { const Fd listener = listen_unix(path()); }
  EXPECT_FALSE(connect_unix(path()));  // the file stands, and nobody listens
}

TEST_F(Socket, ADeadSocketIsReplacedAndALivingOneIsNot) {
  { const Fd listener = listen_unix(path()); }
  const Fd listener = listen_unix(path());
  EXPECT_TRUE(connect_unix(path()));
  EXPECT_THROW(listen_unix(path()), std::runtime_error);
  EXPECT_TRUE(connect_unix(path()));
}

TEST_F(Socket, PacketsKeepTheirBordersAndBringDescriptors) {
  const auto [here, there] = socket_pair(true);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const std::array<int, 1> given{write_end.get()};
  send_packet(here.get(), "first", given);
  send_packet(here.get(), std::string(100'000, 'x'));
  write_end.reset();

  std::string bytes;
  std::vector<Fd> descriptors;
  ASSERT_TRUE(receive_packet(there.get(), bytes, descriptors));
  EXPECT_EQ(bytes, "first");
  ASSERT_EQ(descriptors.size(), 1U);
  EXPECT_TRUE(closes_on_exec(descriptors[0].get()));
  ASSERT_EQ(write(descriptors[0].get(), "hi", 2), 2);
  std::array<char, 2> got{};
  ASSERT_EQ(read(read_end.get(), got.data(), got.size()), 2);
  EXPECT_EQ(std::string(got.data(), got.size()), "hi");

  ASSERT_TRUE(receive_packet(there.get(), bytes, descriptors));
  EXPECT_EQ(bytes, std::string(100'000, 'x'));
  EXPECT_TRUE(descriptors.empty());
}

TEST_F(Socket, TheEndOfTheStreamIsNoPacket) {
  auto [here, there] = socket_pair(true);
  here.reset();
  std::string bytes;
  std::vector<Fd> descriptors;
  EXPECT_FALSE(receive_packet(there.get(), bytes, descriptors));
}

TEST_F(Socket, ADescriptorHasOneOwner) {
  auto [first, second] = socket_pair(false);
  const int number = first.get();
  Fd moved = std::move(first);
  EXPECT_EQ(moved.get(), number);
  moved = std::move(second);
  EXPECT_EQ(fcntl(number, F_GETFD), -1);  // the old one is closed
  EXPECT_TRUE(moved);
  moved.reset();
  EXPECT_FALSE(moved);
}

}  // namespace
}  // namespace morrow::wire
