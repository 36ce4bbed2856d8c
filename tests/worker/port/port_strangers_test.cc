// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/random_id.h"
#include "tests/worker/port/port_fixture.h"
#include "wire/remote_session.h"

// Those who come without the token, and those who have it among them.

namespace morrow::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kHangs{60};

/// Strangers that come again as fast as they are closed, from the addresses 127.1.0.1 and following.
class Crowd {
 public:
  Crowd(std::uint16_t port, int strangers, int addresses, std::string says)
      : port_(port), addresses_(addresses), says_(std::move(says)), sockets_(static_cast<std::size_t>(strangers)) {
    rlimit now{};
    getrlimit(RLIMIT_NOFILE, &now);
    now.rlim_cur = now.rlim_max;
    setrlimit(RLIMIT_NOFILE, &now);
    for (std::size_t i = 0; i < sockets_.size(); ++i) sockets_[i] = open(i);
    thread_ = std::thread([this] { run(); });
  }
  ~Crowd() {
    stop_ = true;
    thread_.join();
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// How often one came again.
  int came_again() const { return again_; }

 private:
  wire::Fd open(std::size_t i) const {
    wire::Fd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7F010001U + static_cast<unsigned>(i) % static_cast<unsigned>(addresses_));
    if (bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
      return {};
    if (!says_.empty()) send(made.get(), says_.data(), says_.size(), MSG_NOSIGNAL);
    return made;
  }
  void run() {
    std::vector<pollfd> polled(sockets_.size());
    while (!stop_) {
      for (std::size_t i = 0; i < sockets_.size(); ++i) polled[i] = {sockets_[i].get(), POLLIN, 0};
      poll(polled.data(), polled.size(), 10);
      for (std::size_t i = 0; i < sockets_.size() && !stop_; ++i) {
        if (sockets_[i] && polled[i].revents == 0) continue;
        sockets_[i] = open(i);
        ++again_;
      }
    }
  }

  const std::uint16_t port_;
  const int addresses_;
  const std::string says_;
  std::vector<wire::Fd> sockets_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> again_ = 0;
  std::thread thread_;
};

/// Asks as all clients do: one that is busy is asked again.
bool gets_in(const wire::Endpoint& endpoint) {
  for (const auto end = Clock::now() + kHangs; Clock::now() < end;) {
    try {
      wire::HttpConnection connection(endpoint, std::chrono::seconds(10));
      wire::expect_status(connection.get("/health"), 200, endpoint);
      return true;
    } catch (const wire::Busy&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + base::random_id() % 100));
    } catch (const wire::NetworkError& error) {
      ADD_FAILURE() << error.what();
      return false;
    }
  }
  return false;
}

class PortStrangersTest : public PortTest {
 protected:
  ~PortStrangersTest() override { port_.reset(); }  // it says something still

  void encrypt() {
    const wire::Certificate authority = wire::make_authority("test");
    tls_ = std::make_shared<const wire::TlsServer>(wire::make_certificate(authority, "one"), authority.certificate);
    endpoint_.ca_fingerprint = wire::fingerprint(authority.certificate);
  }
  void open_with(Admission::Limits limits) { open({"right", tls_, said_.log(), limits}); }

  void expect_a_hundred_get_in() {
    std::atomic<int> in = 0;
    std::vector<std::thread> holders;
    for (int i = 0; i < 100; ++i) holders.emplace_back([&] { in += gets_in(endpoint_) ? 1 : 0; });
    for (std::thread& one : holders) one.join();
    EXPECT_EQ(in, 100);
  }
  /// As a worker does that fetches: one that is busy is asked again.
  void expect_a_value_is_fetched() {
    std::vector<std::byte> into(objects_[7].size());
    Fetcher::End end = Fetcher::End::kBusy;
    for (const auto until = Clock::now() + kHangs; end == Fetcher::End::kBusy && Clock::now() < until;) {
      end = fetch(7, into);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(end, Fetcher::End::kWhole);
    EXPECT_EQ(into, objects_[7]);
  }
  void besiege(int addresses, const std::string& says) {
    open_with({});
    const Crowd crowd(endpoint_.port, 1000, addresses, says);
    while (crowd.came_again() < 500) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    expect_a_hundred_get_in();
    expect_a_value_is_fetched();
    const PortUse use = port_->use();
    EXPECT_LE(use.strangers, Admission::Limits().strangers);
  }
  std::uint64_t turned_away(std::string_view why) const {
    for (const auto& [reason, count] : port_->use().turned_away) {
      if (reason == why) return count;
    }
    return 0;
  }
  void wait_for_strangers(std::size_t count) const {
    const auto end = Clock::now() + kHangs;
    while (port_->use().strangers != count && Clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(port_->use().strangers, count);
  }

  std::shared_ptr<const wire::TlsServer> tls_;
  Said said_;
};

TEST_F(PortStrangersTest, AThousandOfOneAddressKeepNoHolderOut) { besiege(1, ""); }

TEST_F(PortStrangersTest, AThousandOfAHundredAddressesKeepNoHolderOut) { besiege(100, ""); }

TEST_F(PortStrangersTest, AThousandThatSaySomethingKeepNoHolderOut) { besiege(100, "GET / HTTP/1.1\r\n"); }

TEST_F(PortStrangersTest, AThousandKeepNoHolderOutOfAnEncryptedPort) {
  encrypt();
  besiege(100, "");
}

TEST_F(PortStrangersTest, AThousandThatBeginHandshakesKeepNoHolderOut) {
  encrypt();
  besiege(1, "\x16\x03\x01");
}

TEST_F(PortStrangersTest, WhoShowedTheTokenStaysWhateverStrangersDo) {
  open_with({.strangers = 4, .each = 2});
  wire::HttpConnection known(endpoint_, std::chrono::seconds(10));
  EXPECT_EQ(known.get("/object/7", {{"range", "bytes=0-0"}}).status, 206);
  std::vector<std::byte> body(1);
  known.read_body(body);
  std::vector<wire::NetStream> strangers;
  for (int i = 0; i < 50; ++i) strangers.push_back(connect());
  for (const auto end = Clock::now() + kHangs; turned_away("room") < 48 && Clock::now() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(turned_away("room"), 48U);
  EXPECT_EQ(port_->use().strangers, 2U);
  EXPECT_EQ(port_->use().holders, 1U);
  EXPECT_EQ(known.get("/health").status, 200);
  for (const auto end = Clock::now() + kHangs; said_.count("for others that came") == 0 && Clock::now() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(said_.count("closed for others that came, from 127.0.0.1"), 1U);
}

TEST_F(PortStrangersTest, WhoHasToGoIsToldThatItIsBusy) {
  open_with({.strangers = 4, .each = 1});
  wire::NetStream silent = connect();
  wait_for_strangers(1);
  wire::NetStream speaks = connect();
  EXPECT_EQ(rest_of(silent).rfind("HTTP/1.1 503", 0), 0U);
  speaks.write("GET /health HTTP/1.1\r\n");
  const wire::NetStream last = connect();
  EXPECT_EQ(rest_of(speaks).rfind("HTTP/1.1 503", 0), 0U);
}

TEST_F(PortStrangersTest, WhoHasToGoIsToldThatItIsBusyAlsoEncrypted) {
  encrypt();
  open_with({.strangers = 4, .each = 1});
  wire::NetStream first = wire::NetStream::connect(endpoint_.host, endpoint_.port, endpoint_.ca_fingerprint, kHangs);
  const wire::NetStream last = connect();
  EXPECT_EQ(rest_of(first).rfind("HTTP/1.1 503", 0), 0U);
}

TEST_F(PortStrangersTest, MoreHoldersThanThePortTakesAreToldThatItIsBusy) {
  for (const bool encrypted : {false, true}) {
    if (encrypted) encrypt();
    open_with({.holders = 1});
    {
      wire::HttpConnection one(endpoint_, std::chrono::seconds(10));
      EXPECT_EQ(one.get("/health").status, 200);
      wire::HttpConnection two(endpoint_, std::chrono::seconds(10));
      EXPECT_EQ(two.get("/health").status, 503);
      EXPECT_THROW(wire::open_remote_session(endpoint_, std::chrono::seconds(10)), wire::Busy);
      std::vector<std::byte> into(objects_[7].size());
      EXPECT_EQ(fetch(7, into), Fetcher::End::kBusy);
      EXPECT_GE(turned_away("full"), 3U);
    }
    EXPECT_TRUE(gets_in(endpoint_)) << "when the first has gone";
  }
}

TEST_F(PortStrangersTest, AConnectionThatIsClosedBeforeAnyAnswerIsBusyAndOneThatIsRefusedIsNot) {
  port_.reset();
  const wire::Fd listening = wire::listen_tcp("127.0.0.1", 0);
  wire::parse_address(wire::local_address(listening.get()), endpoint_.host, endpoint_.port);
  std::atomic<bool> stop = false;
  std::thread closes([&] {
    while (!stop) wire::Fd(accept(listening.get(), nullptr, nullptr)).reset();
  });
  std::vector<std::byte> into(objects_[7].size());
  EXPECT_EQ(fetch(7, into), Fetcher::End::kBusy);
  EXPECT_THROW(wire::open_remote_session(endpoint_, std::chrono::seconds(10)), wire::Busy);
  wire::Endpoint encrypted = endpoint_;
  encrypted.ca_fingerprint = std::string(64, 'a');
  EXPECT_THROW(wire::open_remote_session(encrypted, std::chrono::seconds(10)), wire::Busy);
  Fetcher fetcher;
  std::promise<Fetcher::Copied> copied;
  fetcher.have_copied(endpoint_, {{5, 6}, 7, 1000},
                      [&](Fetcher::Copied got, const std::string&) { copied.set_value(got); });
  EXPECT_EQ(copied.get_future().get(), Fetcher::Copied::kBusy);
  stop = true;
  connect();
  closes.join();
  shutdown(listening.get(), SHUT_RDWR);
  EXPECT_EQ(fetch(7, into), Fetcher::End::kFailed);
}

TEST_F(PortStrangersTest, WhatIsTurnedAwayIsCountedAndToldByAddressOnce) {
  open_with({});
  for (int i = 0; i < 5; ++i) {
    endpoint_.token = "wrong";
    EXPECT_EQ(get("/health").status, 401);
  }
  EXPECT_EQ(answer_to("rubbish\r\n\r\n").rfind("HTTP/1.1 400", 0), 0U);
  EXPECT_EQ(turned_away("token"), 5U);
  EXPECT_EQ(turned_away("odd"), 1U);
  const auto end = Clock::now() + kHangs;
  while (said_.count("from 127.0.0.1 (") < 2 && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(said_.count("without the cluster's token were refused"), 1U);
  EXPECT_EQ(said_.count("wrong"), 0U) << "what was given as a token is never shown";
}

TEST_F(PortStrangersTest, ASessionIsNamedByTheAddressItComesFrom) {
  std::promise<std::string> from;
  handlers_.session = [&](wire::Fd, const std::string& address) { from.set_value(address); };
  open_with({});
  wire::open_remote_session(endpoint_, std::chrono::seconds(10));
  EXPECT_EQ(from.get_future().get(), "127.0.0.1");
}

}  // namespace
}  // namespace morrow::worker
