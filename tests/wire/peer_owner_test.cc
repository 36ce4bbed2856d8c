// SPDX-License-Identifier: Apache-2.0
#include "wire/peer_owner.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "wire/http.h"
#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::wire {
namespace {

constexpr uid_t kStranger = 65534;
constexpr std::chrono::seconds kConnectPatience{10};

TcpEnd v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, port};
}

std::uint16_t port_of(int socket) {
  const std::string address = local_address(socket);
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

TEST(PeerOwner, ALineOfTheKernelIsRead) {
  const auto listens = parse_tcp_socket(
      "  17: 0100007F:C351 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41325 1 00000000e4 "
      "100 0 0 10 0   ",
      false);
  ASSERT_TRUE(listens);
  EXPECT_EQ(listens->local, v4(127, 0, 0, 1, 50001));
  EXPECT_EQ(listens->remote, v4(0, 0, 0, 0, 0));
  EXPECT_TRUE(listens->listens);
  EXPECT_EQ(listens->user, 1000U);
  EXPECT_EQ(listens->inode, 41325U);
  const auto speaks = parse_tcp_socket(
      "0: 00000000000000000000000001000000:1F90 0000000000000000FFFF00000200000A:D431 01 00000001:00000002 "
      "01:00000014 00000000 4294967295 0 18446744073709551615",
      true);
  ASSERT_TRUE(speaks);
  EXPECT_EQ(speaks->local, (TcpEnd{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 8080}));
  EXPECT_EQ(speaks->remote, v4(10, 0, 0, 2, 54321));
  EXPECT_FALSE(speaks->listens);
  EXPECT_EQ(speaks->user, 4294967295U);
}

TEST(PeerOwner, ALineThatIsNoneIsPassedBy) {
  for (const char* line : {
           "",
           " ",
           "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
           "0: 0100007F:C351 00000000:0000 0A 0:0 00:0 0 1000 0",   // cut short
           "0 0100007F:C351 00000000:0000 0A 0:0 00:0 0 1000 0 1",  // no number
           "0: 0100007F:C351",
           "0: 0100007FC351: 00000000:0000 0A 0:0 00:0 0 1000 0 1",
           "0: 0100007F:C35 00000000:0000 0A 0:0 00:0 0 1000 0 1",
           "0: 0100007G:C351 00000000:0000 0A 0:0 00:0 0 1000 0 1",
           "0: -100007F:C351 00000000:0000 0A 0:0 00:0 0 1000 0 1",
           "0: 0100007F:C351 00000000:0000 0A 0:0 00:0 0 -1 0 1",
           "0: 0100007F:C351 00000000:0000 0A 0:0 00:0 0 4294967296 0 1",
           "0: 0100007F:C351 00000000:0000 0A 0:0 00:0 0 0x0 0 1",
           "0: 0100007F:C351 00000000:0000 0A 0:0 00:0 0 1000 0 18446744073709551616",
           "0: 0100007F:C351 00000000:0000 0G 0:0 00:0 0 1000 0 1",
           "0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1",
       })
    EXPECT_FALSE(parse_tcp_socket(line, false)) << line;
  EXPECT_FALSE(parse_tcp_socket("0: 0100007F:C351 00000000:0000 0A 0:0 00:0 0 1000 0 1", true));
}

RC_GTEST_PROP(PeerOwner, WhatTheKernelWritesIsReadAndWhatIsCutShortIsNot,
              (const std::array<std::uint32_t, 4>& words, std::uint16_t port, uid_t user, std::uint64_t inode)) {
  std::array<char, 256> line{};
  const int size = std::snprintf(line.data(), line.size(),
                                 "%4d: %08X%08X%08X%08X:%04X %08X%08X%08X%08X:%04X %02X %08X:%08X %02X:%08X %08X %5u "
                                 "%8d %llu",
                                 3, words[0], words[1], words[2], words[3], port, 0U, 0U, 0U, 0U, 0U, 1U, 0U, 0U, 0U,
                                 0U, 0U, user, 0, static_cast<unsigned long long>(inode));
  const std::string_view text(line.data(), static_cast<std::size_t>(size));
  const auto socket = parse_tcp_socket(text, true);
  RC_ASSERT(socket.has_value());
  RC_ASSERT(std::memcmp(socket->local.address.data(), words.data(), sizeof words) == 0);
  RC_ASSERT(socket->local.port == port && socket->user == user && socket->inode == inode);
  const std::size_t last_word = text.rfind(' ') + 1;
  RC_ASSERT(!parse_tcp_socket(text.substr(0, *rc::gen::inRange<std::size_t>(0, last_word)), true).has_value());
}

class UsersAt : public testing::Test {
 protected:
  static constexpr std::uint16_t kPort = 7000;
  const TcpEnd ours = v4(127, 0, 0, 1, 40000);
  const TcpEnd theirs = v4(127, 0, 0, 1, kPort);
  const TcpSocket own{ours, theirs, false, 1, 11};
};

TEST_F(UsersAt, WhoHasAcceptedTheConnectionCounts) {
  const std::vector<TcpSocket> sockets{own, {theirs, {}, true, 2, 12}, {theirs, ours, false, 3, 13}};
  EXPECT_EQ(users_at(sockets, ours, theirs), std::vector<uid_t>{3});
}

TEST_F(UsersAt, UntilThenAllCountWhoListenThere) {
  // The kernel shows a connection that nobody has accepted yet as root's.
  const std::vector<TcpSocket> sockets{own,
                                       {theirs, ours, false, 0, 0},
                                       {theirs, {}, true, 2, 12},
                                       {v4(0, 0, 0, 0, kPort), {}, true, 3, 13},
                                       {{{}, kPort}, {}, true, 4, 14},
                                       {v4(10, 0, 0, 1, kPort), {}, true, 5, 15},
                                       {v4(0, 0, 0, 0, kPort + 1), {}, true, 6, 16}};
  EXPECT_EQ(users_at(sockets, ours, theirs), (std::vector<uid_t>{2, 3, 4}));
}

TEST_F(UsersAt, NobodyIsTakenForTheOtherEndOfAConnectionThatIsNotThere) {
  const std::vector<TcpSocket> sockets{own,
                                       {theirs, ours, false, 0, 0},
                                       {theirs, v4(127, 0, 0, 1, 40001), false, 2, 12},
                                       {theirs, v4(127, 0, 0, 2, 40000), false, 3, 13}};
  EXPECT_TRUE(users_at(sockets, ours, theirs).empty());
  EXPECT_TRUE(users_at({}, ours, theirs).empty());
}

TEST(PeerOwner, AProgramOfOursIsSpokenToBeforeAndAfterItAccepts) {
  for (const char* address : {"127.0.0.1", "0.0.0.0"}) {
    const Fd listening = listen_tcp(address, 0);
    const NetStream stream = NetStream::connect("127.0.0.1", port_of(listening.get()), "", kConnectPatience);
    const TcpEnd ours = v4(127, 0, 0, 1, port_of(stream.fd()));
    const TcpEnd theirs = v4(127, 0, 0, 1, port_of(listening.get()));
    const std::vector<uid_t> only_us{geteuid()};
    EXPECT_EQ(users_at(sockets_of_machine(), ours, theirs), only_us) << "where the kernel can't be asked";
    const Fd accepted(accept(listening.get(), nullptr, nullptr));
    ASSERT_TRUE(accepted);
    EXPECT_EQ(users_at(sockets_of_machine(), ours, theirs), only_us);
    EXPECT_NO_THROW(refuse_strangers(stream.fd(), "there"));
  }
}

TEST(PeerOwner, AWorkerThatJustEndedIsNoStranger) {
  Fd listening = listen_tcp("127.0.0.1", 0);
  const NetStream stream = NetStream::connect("127.0.0.1", port_of(listening.get()), "", kConnectPatience);
  Fd accepted(accept(listening.get(), nullptr, nullptr));
  shutdown(accepted.get(), SHUT_WR);
  listening.reset();
  accepted.reset();
  try {
    refuse_strangers(stream.fd(), "there");
    ADD_FAILURE() << "nobody is there";
  } catch (const NotTrusted& error) {
    ADD_FAILURE() << error.what();
  } catch (const NetworkError& error) {
    EXPECT_STREQ(error.what(), "can't connect to there: it was closed at once");
  }
}

TEST(PeerOwner, AListenerOfBothFamiliesIsFound) {
  Fd listening;
  try {
    listening = listen_tcp("::", 0);
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << "there is no IPv6 here: " << error.what();
  }
  for (const char* host : {"127.0.0.1", "::1"}) {
    const NetStream stream = NetStream::connect(host, port_of(listening.get()), "", kConnectPatience);
    const Fd accepted(accept(listening.get(), nullptr, nullptr));
    EXPECT_NO_THROW(refuse_strangers(stream.fd(), "there")) << host;
  }
}

/// A process of another user that has taken a port. It exits with 0 when nobody said anything to it.
class StrangersPort {
 public:
  explicit StrangersPort(bool accepts) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw std::runtime_error("no pipe");
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(serve(accepts, pipe[1]));
    }
    close(pipe[1]);
    if (::read(pipe[0], &port_, sizeof port_) != sizeof port_) port_ = 0;
    close(pipe[0]);
  }
  ~StrangersPort() {
    if (child_ > 0) end();
  }
  StrangersPort(const StrangersPort&) = delete;
  StrangersPort& operator=(const StrangersPort&) = delete;

  std::uint16_t port() const { return port_; }
  bool heard_nothing() {
    int status = 0;
    waitpid(std::exchange(child_, -1), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  void end() {
    kill(child_, SIGKILL);
    waitpid(std::exchange(child_, -1), nullptr, 0);
  }

 private:
  static int serve(bool accepts, int tells) {
    if (setgid(kStranger) != 0 || setuid(kStranger) != 0) return 2;
    const Fd listening = listen_tcp("127.0.0.1", 0);
    const std::uint16_t port = port_of(listening.get());
    if (write(tells, &port, sizeof port) != sizeof port) return 2;
    if (!accepts) return pause();
    const Fd accepted(accept(listening.get(), nullptr, nullptr));
    char byte = 0;
    return recv(accepted.get(), &byte, 1, 0) == 1 ? 1 : 0;
  }

  pid_t child_ = -1;
  std::uint16_t port_ = 0;
};

TEST(PeerOwner, AStrangerWhoTookAPortHearsNoToken) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can begin a process of another user";
  for (const bool accepts : {true, false}) {
    StrangersPort stranger(accepts);
    ASSERT_NE(stranger.port(), 0);
    try {
      HttpConnection connection({"127.0.0.1", stranger.port(), "secret", ""}, kConnectPatience);
      connection.get("/objects");
      ADD_FAILURE() << "it was spoken to";
    } catch (const NotTrusted& error) {
      const std::string sentence = error.what();
      EXPECT_NE(sentence.find("is a program of user 65534"), std::string::npos) << sentence;
      EXPECT_EQ(sentence.find("secret"), std::string::npos) << sentence;
    }
    if (accepts) {
      EXPECT_TRUE(stranger.heard_nothing());
    }
  }
}

}  // namespace
}  // namespace morrow::wire
