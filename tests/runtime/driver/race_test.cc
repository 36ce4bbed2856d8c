// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/race.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "tests/runtime/client/connection.h"
#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::test {
namespace {

using runtime::Clock;
using runtime::Race;

constexpr std::chrono::seconds kPatience{20};  // it does not run out in a test that passes
constexpr std::chrono::minutes kHang{1};

/// A port that takes connections, and answers when the test wants it to.
class Listener {
 public:
  explicit Listener(const std::string& host, std::uint16_t port = 0) : socket_(wire::listen_tcp(host, port)) {
    const std::string address = wire::local_address(socket_.get());
    at_ = {host, static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))), "token", ""};
  }
  const wire::Endpoint& at() const { return at_; }
  /// Lets the next one in.
  void answer() {
    await_readable(socket_.get(), "a connection");
    driver_ = wire::Fd(accept(socket_.get(), nullptr, nullptr));
    const std::string text = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    if (send(driver_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) throw std::runtime_error("it is gone");
  }

 private:
  wire::Fd socket_;
  wire::Endpoint at_;
  wire::Fd driver_;
};

TEST(Race, WhoAnswersIsToldWhileAnotherSaysNothing) {
  const Listener silent("127.0.0.1");
  Listener other("127.0.0.1");
  {
    Race race(std::chrono::seconds(2));
    race.start(silent.at());
    race.start(other.at());
    other.answer();
    const auto outcome = race.next(Clock::now() + kHang);
    ASSERT_TRUE(outcome && outcome->stream);
    EXPECT_TRUE(runtime::same_place(outcome->endpoint, other.at()));
    EXPECT_TRUE(race.is_trying(silent.at()));
    race.clear();
    EXPECT_FALSE(race.is_trying_any());
    EXPECT_FALSE(race.next(Clock::now()));
  }
}

TEST(Race, ANameIsTriedAtAllOfItsAddresses) {
  Listener good("127.0.0.2");
  const Listener silent("127.0.0.1", good.at().port);
  Race race(std::chrono::seconds(2), [](const std::string& host) {
    EXPECT_EQ(host, "two-faces");
    return std::vector<std::string>{"127.0.0.1", "127.0.0.2"};
  });
  wire::Endpoint name = good.at();
  name.host = "two-faces";
  race.start(name);
  good.answer();
  const auto outcome = race.next(Clock::now() + kHang);
  ASSERT_TRUE(outcome && outcome->stream);
  EXPECT_EQ(outcome->endpoint.host, "two-faces");
  race.clear();
}

TEST(Race, AnAttemptThatFailsSaysWhy) {
  wire::Endpoint nobody;
  {
    const Listener gone("127.0.0.1");
    nobody = gone.at();
  }
  Race race(kPatience);
  race.start(nobody);
  const auto outcome = race.next(Clock::now() + kHang);
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->stream);
  EXPECT_THROW(std::rethrow_exception(outcome->error), wire::NetworkError);
  EXPECT_FALSE(race.is_trying_any());
}

TEST(Race, OneThatIsNotWantedAnyMoreIsNeverTold) {
  Listener late("127.0.0.1");
  Race race(kPatience);
  race.start(late.at());
  race.clear();
  late.answer();
  EXPECT_FALSE(race.next(Clock::now() + std::chrono::milliseconds(100)));
}

}  // namespace
}  // namespace morrow::test
