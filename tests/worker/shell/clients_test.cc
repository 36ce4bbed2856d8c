// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/clients.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace morrow::worker {
namespace {

class ClientsTest : public ::testing::Test, public ClientEvents {
 protected:
  ClientsTest() : clients_(io_, *this, [](const std::string&) {}) {}

  void client_came(ClientId, pid_t, const std::string&) override {}
  void client_frame(ClientId client, wire::FrameType type, std::string_view payload) override {
    if (type == wire::FLUSH) {
      wire::Flush flush;
      wire::parse(flush, payload);
      got_[client].push_back(flush.number());
    }
    if (pause_after_each_) clients_.pause(client);
  }
  void client_gone(ClientId client, const std::string& why) override { gone_[client] = why; }
  void client_missed(ClientId client, std::string_view frames) override { missed_[client] = frames; }
  void client_took_all(ClientId client) override {
    if (sends_when_all_is_taken_-- > 0) clients_.send(client, wire::NOTICE, wire::Notice());
  }

  struct Pair {
    ClientId id;
    wire::Fd far;
  };
  Pair connect() {
    auto [near, far] = wire::socket_pair(false);
    return Pair{clients_.adopt(std::move(near), getpid()), std::move(far)};
  }
  static void send_flush(const wire::Fd& to, std::uint64_t number) {
    wire::Flush flush;
    flush.set_number(number);
    std::string bytes;
    wire::append_frame(bytes, wire::FLUSH, flush);
    ASSERT_EQ(write(to.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  template <class Done>
  void run_until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "hangs";
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
      clients_.flush();
    }
  }

  boost::asio::io_context io_;
  Clients clients_;
  std::map<ClientId, std::vector<std::uint64_t>> got_;
  std::map<ClientId, std::string> gone_;
  std::map<ClientId, std::string> missed_;
  bool pause_after_each_ = false;
  int sends_when_all_is_taken_ = 0;
};

TEST_F(ClientsTest, AWrongFrameClosesJustThatClient) {
  const Pair good = connect();
  const Pair bad = connect();
  const std::string rubbish(64, '\xff');
  ASSERT_EQ(write(bad.far.get(), rubbish.data(), rubbish.size()), static_cast<ssize_t>(rubbish.size()));
  run_until([&] { return gone_.count(bad.id) == 1; });
  EXPECT_FALSE(gone_[bad.id].empty());
  wire::FrameReader said;
  for (ssize_t got = 1; got > 0;) {  // until it is closed
    got = read(bad.far.get(), said.room(1'000), 1'000);
    if (got > 0) said.filled(static_cast<std::size_t>(got));
  }
  const auto frame = said.next();
  ASSERT_TRUE(frame && frame->type == wire::NOTICE);
  wire::Notice why;
  wire::parse(why, frame->payload);
  EXPECT_EQ(why.text(), "the worker closes this connection: " + gone_[bad.id]);
  send_flush(good.far, 7);
  run_until([&] { return !got_[good.id].empty(); });
  EXPECT_EQ(got_[good.id], std::vector<std::uint64_t>{7});
  EXPECT_EQ(gone_.count(good.id), 0U);
}

TEST_F(ClientsTest, APausedClientIsHeardLaterInOrder) {
  pause_after_each_ = true;
  const Pair pair = connect();
  for (std::uint64_t number = 1; number <= 5; ++number) send_flush(pair.far, number);
  for (std::uint64_t number = 1; number <= 5; ++number) {
    run_until([&] { return got_[pair.id].size() == number; });
    clients_.resume(pair.id);
  }
  EXPECT_EQ(got_[pair.id], (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(ClientsTest, CloseWritesFirstWhatWasSent) {
  const Pair pair = connect();
  // More than a socket takes at once.
  wire::Notice notice;
  notice.set_text(std::string(1 << 20, 'n'));
  for (int i = 0; i < 3; ++i) clients_.send(pair.id, wire::NOTICE, notice);
  clients_.close(pair.id);
  wire::FrameReader reader;
  std::size_t frames = 0;
  bool ended = false;
  run_until([&] {
    for (;;) {
      char* room = reader.room(1 << 16);
      const ssize_t got = recv(pair.far.get(), room, 1 << 16, MSG_DONTWAIT);
      if (got == 0) ended = true;
      if (got <= 0) break;
      reader.filled(static_cast<std::size_t>(got));
      while (reader.next()) ++frames;
    }
    return ended;
  });
  EXPECT_EQ(frames, 3U);
  EXPECT_EQ(gone_.count(pair.id), 1U);
}

TEST_F(ClientsTest, AClientThatDoesNotReadIsNotListenedToUntilItDoes) {
  const Pair pair = connect();
  wire::Notice notice;
  notice.set_text(std::string(4 << 20, 'n'));
  for (int i = 0; i < 12; ++i) clients_.send(pair.id, wire::NOTICE, notice);
  clients_.flush();
  send_flush(pair.far, 1);
  io_.restart();
  io_.poll();
  EXPECT_TRUE(got_[pair.id].empty());
  std::string sink(1 << 20, '\0');
  run_until([&] {
    while (recv(pair.far.get(), sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
    return !got_[pair.id].empty();
  });
  EXPECT_EQ(got_[pair.id], std::vector<std::uint64_t>{1});
}

TEST_F(ClientsTest, WhatIsSentWhenAClientHasTakenAllGoesOutByItself) {
  const Pair pair = connect();
  sends_when_all_is_taken_ = 3;
  wire::Notice notice;
  notice.set_text(std::string(4 << 20, 'x'));  // more than the socket holds
  clients_.send(pair.id, wire::NOTICE, notice);
  clients_.flush();
  wire::FrameReader reader;
  int frames = 0;
  for (int turns = 0; frames < 4; ++turns) {
    ASSERT_LT(turns, 10'000) << "hangs";
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(10));  // and nobody calls flush
    constexpr std::size_t kRoom = 64 << 10;
    const ssize_t got = recv(pair.far.get(), reader.room(kRoom), kRoom, MSG_DONTWAIT);
    if (got > 0) reader.filled(static_cast<std::size_t>(got));
    while (reader.next()) ++frames;
  }
}

TEST_F(ClientsTest, AnAnswerThatIsTooLargeForAMessageCostsItsClientAlone) {
  const Pair asks = connect();
  const Pair other = connect();
  wire::Notice huge;
  huge.set_text(std::string(wire::kMaxFrameBytes, 'x'));
  clients_.send(asks.id, wire::NOTICE, huge);
  run_until([&] { return gone_.contains(asks.id); });
  send_flush(other.far, 7);
  run_until([&] { return !got_[other.id].empty(); });
}

TEST_F(ClientsTest, WhatWasNotSentAsAWholeWhenAConnectionEndsIsToldWithItsEnd) {
  const Pair pair = connect();
  const Pair reads = connect();
  constexpr int kNotices = 100;
  const auto notice = [](int number) {
    wire::Notice message;
    message.set_text(std::string(static_cast<std::size_t>(100'000 + number), 'x'));
    return message;
  };
  for (int i = 0; i < kNotices; ++i) {
    clients_.send(pair.id, wire::NOTICE, notice(i));
    clients_.flush();
  }
  wire::FrameReader got;
  const ssize_t bytes = read(pair.far.get(), got.room(9'000'000), 9'000'000);
  ASSERT_GT(bytes, 0);
  got.filled(static_cast<std::size_t>(bytes));
  run_until([&] { return clients_.traffic(pair.id).taken > static_cast<std::uint64_t>(bytes); });
  clients_.cut_all();
  EXPECT_TRUE(gone_.contains(pair.id));
  EXPECT_FALSE(missed_.contains(reads.id));
  for (ssize_t more = 1; more > 0;) {
    more = read(pair.far.get(), got.room(9'000'000), 9'000'000);
    if (more > 0) got.filled(static_cast<std::size_t>(more));
  }
  int sent = 0;
  while (got.next()) ++sent;
  wire::FrameReader missed;
  missed.append(missed_[pair.id]);
  for (int i = sent; i < kNotices; ++i) {
    const auto frame = missed.next();
    ASSERT_TRUE(frame.has_value()) << i;
    wire::Notice text;
    wire::parse(text, frame->payload);
    EXPECT_EQ(text.text().size(), static_cast<std::size_t>(100'000 + i));
  }
  EXPECT_FALSE(missed.next());
}

TEST_F(ClientsTest, TheEndOfAConnectionIsToldOnce) {
  Pair pair = connect();
  pair.far.reset();
  run_until([&] { return gone_.count(pair.id) == 1; });
  EXPECT_EQ(gone_[pair.id], "");
  EXPECT_EQ(clients_.size(), 0U);
  clients_.send(pair.id, wire::NOTICE, wire::Notice());  // to nobody: no harm
  clients_.close(pair.id);
}

}  // namespace
}  // namespace morrow::worker
