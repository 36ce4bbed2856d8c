// SPDX-License-Identifier: Apache-2.0
#include "wire/pump.h"

#include <gtest/gtest.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "wire/join_url.h"

namespace morrow::wire {
namespace {

constexpr std::chrono::milliseconds kAWhile{500};
constexpr double kIdleSeconds = 0.1;

/// A pump between a TCP connection and a pair of sockets, with the far ends of both.
class Pumped : public ::testing::Test {
 protected:
  void open(bool encrypted) {
    const Fd listening = listen_tcp("127.0.0.1", 0);
    std::string host;
    std::uint16_t port = 0;
    parse_address(local_address(listening.get()), host, port);
    auto [here, there] = socket_pair(false);
    local_ = std::move(there);
    const Certificate authority = make_authority("test");
    const TlsServer tls(make_certificate(authority, "worker"), authority.certificate);
    thread_ = std::thread([this, &listening, &tls, encrypted, fd = here.release()] {
      NetStream stream(Fd(accept(listening.get(), nullptr, nullptr)));
      if (encrypted) stream.accept(tls);
      accepted_ = true;
      try {
        pump(stream, Fd(fd), stop_);
      } catch (const NetworkError&) {  // its end is seen at both sockets
      }
      timespec used{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
      used_ = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
    });
    far_ = std::make_unique<NetStream>(
        NetStream::connect(host, port, encrypted ? fingerprint(authority.certificate) : "", std::chrono::seconds(10)));
    while (!accepted_) std::this_thread::yield();
  }
  /// Seconds of a processor that the pump took.
  double end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return used_;
  }
  ~Pumped() override { end(); }

  std::string read_local(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t at = 0; at < size;) {
      const ssize_t got = recv(local_.get(), text.data() + at, size - at, 0);
      if (got <= 0) return text.substr(0, at);
      at += static_cast<std::size_t>(got);
    }
    return text;
  }

  Fd local_;
  std::unique_ptr<NetStream> far_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> accepted_ = false;
  double used_ = 0;
  std::thread thread_;
};

TEST_F(Pumped, BytesComeThroughBothWays) {
  for (const char* text : {"one", "another"}) {
    if (!far_) open(true);
    far_->write(text);
    EXPECT_EQ(read_local(std::string(text).size()), text);
    ASSERT_GT(send(local_.get(), text, 3, MSG_NOSIGNAL), 0);
    std::array<std::byte, 3> back{};
    far_->read_all(back);
    EXPECT_EQ(static_cast<char>(back[0]), text[0]);
  }
}

TEST_F(Pumped, HalfARecordIsWaitedForWithoutWork) {
  open(true);
  far_->write("before");
  EXPECT_EQ(read_local(6), "before");
  const std::string half("\x17\x03\x03\x01\x00half", 9);
  ASSERT_EQ(send(far_->fd(), half.data(), half.size(), MSG_NOSIGNAL), 9);
  std::this_thread::sleep_for(kAWhile);
  EXPECT_LT(end(), kIdleSeconds);
}

TEST_F(Pumped, WhatCameBeforeTheEndIsPassedOnInItsTimeAndWithoutWork) {
  open(false);
  const std::string sent(1 << 20, 'x');
  std::thread writes([&] {
    far_->write(sent);
    far_.reset();
  });
  std::this_thread::sleep_for(kAWhile);
  EXPECT_EQ(read_local(sent.size()), sent);
  writes.join();
  EXPECT_EQ(read_local(1), "");
  EXPECT_LT(end(), kIdleSeconds);
}

TEST_F(Pumped, AReaderWhoWaitsBehindAClosedConnectionCostsNothing) {
  open(false);
  far_->write(std::string(400 << 10, 'x'));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  linger now{1, 0};  // a reset, which the socket shows as an error
  setsockopt(far_->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  far_.reset();
  std::this_thread::sleep_for(kAWhile);
  EXPECT_LT(end(), kIdleSeconds);
}

TEST_F(Pumped, WhatIsWrittenBeforeTheLocalEndArrives) {
  open(true);
  const std::string sent(3 << 20, 'y');
  std::thread writes([&] {
    for (std::size_t at = 0; at < sent.size();) {
      const ssize_t put = send(local_.get(), sent.data() + at, sent.size() - at, MSG_NOSIGNAL);
      if (put <= 0) return;
      at += static_cast<std::size_t>(put);
    }
    local_.reset();
  });
  std::vector<std::byte> got(sent.size());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  far_->read_all(got);
  writes.join();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(got.data()), got.size()), sent);
  EXPECT_EQ(far_->read(got), 0U);
}

TEST(NetStream, APeerThatVanishesIsNoticedInHalfAMinute) {
  const Fd listening = listen_tcp("127.0.0.1", 0);
  std::string host;
  std::uint16_t port = 0;
  parse_address(local_address(listening.get()), host, port);
  const NetStream stream = NetStream::connect(host, port, "", std::chrono::seconds(5));
  const auto option = [&](int name) {
    int value = 0;
    socklen_t size = sizeof value;
    getsockopt(stream.fd(), IPPROTO_TCP, name, &value, &size);
    return value;
  };
  const int questions = option(TCP_KEEPIDLE) + option(TCP_KEEPINTVL) * option(TCP_KEEPCNT);
  EXPECT_EQ(questions, 30);
  EXPECT_EQ(option(TCP_USER_TIMEOUT), questions * 1000);  // which decides over the count
}

TEST(NetStream, AnAddressThatSaysNothingLeavesTheOthersOfItsNameTime) {
  addrinfo* found = nullptr;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo("localhost", nullptr, &hints, &found) != 0) GTEST_SKIP() << "nobody knows localhost here";
  const bool both = found->ai_family == AF_INET6 && found->ai_next != nullptr;
  freeaddrinfo(found);
  if (!both) GTEST_SKIP() << "localhost has one address";
  const Certificate authority = make_authority("test");
  const TlsServer tls(make_certificate(authority, "worker"), authority.certificate);
  const Fd silent = listen_tcp("::1", 0);
  std::string host;
  std::uint16_t port = 0;
  parse_address(local_address(silent.get()), host, port);
  const Fd listening = listen_tcp("127.0.0.1", port);
  std::thread server([&] {
    NetStream stream(Fd(accept(listening.get(), nullptr, nullptr)));
    stream.accept(tls);
    stream.write("here");
  });
  NetStream stream =
      NetStream::connect("localhost", port, fingerprint(authority.certificate), std::chrono::milliseconds(1000));
  std::array<std::byte, 4> room{};
  stream.read_all(room);
  server.join();
}

TEST(NetStream, AnAddressThatThisMachineDoesNotHaveIsSaidToBeThat) {
  try {
    listen_tcp("198.51.100.7", 0);
    FAIL() << "it has that address";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("does not have that address"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace morrow::wire
