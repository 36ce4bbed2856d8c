// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/dialer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include <morrow/error.h>

#include "tests/runtime/client/fake_worker.h"
#include "wire/addresses.h"
#include "wire/net_stream.h"
#include "wire/paths.h"

namespace morrow::test {
namespace {

using runtime::Clock;
using runtime::Dialer;

constexpr std::uint64_t kDialedSession = 55;
constexpr std::chrono::minutes kLong{1};
const std::string kDialedToken(43, 'q');

Dialer introduced(const std::string& where, const SessionOptions& options = {}) {
  Dialer dialer(where, options);
  dialer.introduce(kDialedSession, options);
  return dialer;
}

SessionOptions without_patience() {
  SessionOptions options;
  options.connect_timeout = std::chrono::milliseconds(0);
  return options;
}

/// The sentence of the SessionError that this throws.
std::string refusal_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const SessionError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

/// The command that private workers are started by, for one test: a shell script, with the number of the worker's end
/// of the connection in its fifth argument.
class PrivateCommand {
 public:
  explicit PrivateCommand(const std::string& script) : path_(std::string(getenv("XDG_RUNTIME_DIR")) + "/command") {
    std::ofstream(path_) << "#!/bin/bash\n" << script << "\n";
    chmod(path_.c_str(), 0700);
    setenv("MORROW_COMMAND", path_.c_str(), 1);
  }
  ~PrivateCommand() { unsetenv("MORROW_COMMAND"); }
  PrivateCommand(const PrivateCommand&) = delete;
  PrivateCommand& operator=(const PrivateCommand&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A worker's port on this machine: takes a session by HTTP, and leaves the rest to the test.
class FakePort {
 public:
  FakePort() : listener_(wire::listen_tcp("127.0.0.1", 0)), address_(wire::local_address(listener_.get())) {}

  std::string address() const { return address_; }
  std::string line() const { return "morrow://" + kDialedToken + "@" + address_ + "/" + kCluster; }
  /// Answers the request for a session with this status line.
  void accept(const std::string& status) {
    await_readable(listener_.get(), "a connection");
    wire::Fd socket(::accept(listener_.get(), nullptr, nullptr));
    request_.clear();
    while (request_.find("\r\n\r\n") == std::string::npos) {
      char letter = 0;
      if (recv(socket.get(), &letter, 1, 0) != 1) throw std::runtime_error("the request ends early");
      request_ += letter;
    }
    const std::string answer = "HTTP/1.1 " + status + "\r\ncontent-length: 0\r\n\r\n";
    if (send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(answer.size()))
      throw std::runtime_error("the answer was not taken");
    driver_ = Connection(std::move(socket));
  }
  /// Takes a session, and tells its driver the address of another worker, if there is one.
  void welcome(const std::string& other = {}) {
    accept("101 Switching Protocols");
    hello_ = driver_.read<wire::Hello>(wire::HELLO);
    driver_.read<wire::Program>(wire::PROGRAM);
    wire::Welcome message;
    message.set_worker("afar");
    if (!other.empty()) message.add_addresses(other);
    driver_.write(wire::WELCOME, message);
  }
  void stop() {
    listener_.reset();
    driver_.close();
  }
  const std::string& request() const { return request_; }
  const wire::Hello& hello() const { return hello_; }

 private:
  wire::Fd listener_;
  std::string address_;
  std::string request_;
  Connection driver_;
  wire::Hello hello_;
};

TEST(Dialer, ANameThatIsNoneIsRefusedAtOnce) {
  for (const char* name : {"a/b", ".hidden", "two words"}) {
    const std::string sentence = refusal_of([name] { const Dialer dialer(name, {}); });
    EXPECT_NE(sentence.find("cluster"), std::string::npos) << sentence;
  }
}

TEST(Dialer, ALineThatIsNotQuiteOneIsRefusedWithoutItsToken) {
  const std::string sentence = refusal_of([] { const Dialer dialer("morrow://" + kDialedToken + "@nowhere", {}); });
  EXPECT_NE(sentence.find("this is not a line to join a cluster with"), std::string::npos) << sentence;
  EXPECT_EQ(sentence.find(kDialedToken), std::string::npos) << sentence;
}

TEST(Dialer, ALineNamesItsClusterAndANameIsOne) {
  const Dialer line("morrow://" + kDialedToken + "@127.0.0.1:1/far", {});
  EXPECT_EQ(line.cluster(), "far");
  EXPECT_NE(line.remote(), nullptr);
  EXPECT_EQ(line.private_worker(), nullptr);
  const Dialer name("near", {});
  EXPECT_EQ(name.cluster(), "near");
  EXPECT_EQ(name.remote(), nullptr);
  EXPECT_EQ(name.private_worker(), nullptr);
}

TEST(Dialer, TheGreetingSaysAllThatTheOptionsDo) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  SessionOptions options;
  options.log_to_driver = false;
  options.grace = std::chrono::seconds(3);
  Dialer dialer = introduced(kCluster, options);
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  worker.accept();
  worker.welcome();
  const auto connection = connected.get();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->welcome.worker(), "one");
  const wire::Hello& hello = worker.hello();
  EXPECT_EQ(hello.kind(), wire::Hello::DRIVER);
  EXPECT_EQ(hello.cluster(), kCluster);
  EXPECT_EQ(hello.session(), kDialedSession);
  EXPECT_EQ(hello.pid(), getpid());
  EXPECT_EQ(hello.grace_ms(), 3'000U);
  EXPECT_FALSE(hello.log_to_driver());
  EXPECT_FALSE(hello.resume());
  EXPECT_TRUE(hello.maps_objects()) << "it is on the same machine";
  EXPECT_EQ(hello.program(), dialer.program().key());
  EXPECT_EQ(worker.program().SerializeAsString(), dialer.program().SerializeAsString());
}

TEST(Dialer, AGraceBelowZeroIsNone) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  SessionOptions options;
  options.grace = std::chrono::seconds(-3);
  Dialer dialer = introduced(kCluster, options);
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  worker.accept();
  worker.welcome();
  EXPECT_TRUE(connected.get());
  EXPECT_EQ(worker.hello().grace_ms(), 0U);
}

TEST(Dialer, EachConnectionIsCountedAndALaterOneResumes) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  Dialer dialer = introduced(kCluster);
  auto first = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  worker.accept();
  worker.welcome();
  EXPECT_TRUE(first.get());
  EXPECT_FALSE(worker.hello().resume());
  const std::uint64_t opening = worker.hello().opening();
  dialer.set_resuming();
  auto second = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  worker.accept();
  worker.welcome();
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(worker.hello().resume());
  EXPECT_GT(worker.hello().opening(), opening);
  EXPECT_EQ(worker.hello().session(), kDialedSession);
}

TEST(Dialer, OneTryThatFindsNobodyIsNoError) {
  const FakeCluster cluster;
  Dialer dialer = introduced(kCluster);
  EXPECT_FALSE(dialer.connect(Clock::now() + kLong));
  EXPECT_EQ(dialer.why(), "") << "no worker stands still";
}

TEST(Dialer, ARefusalIsAnAnswerThatTheFirstContactEndsWith) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  Dialer dialer = introduced(kCluster);
  auto connected = in_thread([&dialer] { return dialer.connect_first({}); });
  worker.accept();
  worker.refuse("another version");
  EXPECT_EQ(connected.get().welcome.error(), "another version");
}

TEST(Dialer, AWorkerThatTakesTheSessionIsPreferredToOneThatRefuses) {
  const FakeCluster cluster;
  FakeWorker willing("one");
  FakeWorker unwilling("two");
  Dialer dialer = introduced(kCluster);
  auto refuses = in_thread([&unwilling] {
    try {
      unwilling.accept();
      unwilling.refuse("full");
    } catch (const std::runtime_error&) {  // it was not asked
    }
  });
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  willing.accept();
  willing.welcome();
  const auto connection = connected.get();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->welcome.error(), "");
  EXPECT_EQ(connection->welcome.worker(), "one");
  if (refuses.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    const wire::Fd last = wire::connect_unix(wire::worker_socket(kCluster, "two"));  // ends its wait
  }
  refuses.get();
}

TEST(Dialer, AWorkerThatComesLaterIsWaitedFor) {
  const FakeCluster cluster;
  Dialer dialer = introduced(kCluster);
  SessionOptions options;
  options.connect_timeout = kLong;
  ASSERT_FALSE(dialer.connect(Clock::now() + kLong));
  auto connected = in_thread([&] { return dialer.connect_first(options); });
  FakeWorker worker("late");
  worker.accept();
  worker.welcome();
  EXPECT_EQ(connected.get().welcome.worker(), "late");
}

TEST(Dialer, WithoutPatienceTheSentenceSaysWhatToDo) {
  const FakeCluster cluster;
  Dialer dialer = introduced(kCluster);
  SessionOptions negative;
  negative.connect_timeout = std::chrono::seconds(-5);
  for (const SessionOptions& options : {without_patience(), negative}) {
    EXPECT_EQ(refusal_of([&] { dialer.connect_first(options); }),
              "no worker of cluster fake runs on this machine; start one with: morrow worker fake");
  }
}

TEST(Dialer, AClusterAfarThatCanNotBeReachedIsNamedWithTheReason) {
  FakePort port;
  Dialer dialer = introduced(port.line());
  port.stop();
  const std::string sentence = refusal_of([&dialer] { dialer.connect_first(without_patience()); });
  EXPECT_EQ(sentence, "the cluster fake can't be reached: " + dialer.why());
  EXPECT_NE(dialer.why(), "");
  EXPECT_EQ(sentence.find(kDialedToken), std::string::npos);
}

TEST(Dialer, AWrongTokenLeavesNoHope) {
  FakePort port;
  Dialer dialer = introduced(port.line());
  auto connected = in_thread([&dialer] { return dialer.connect_first({}); });
  port.accept("401 Unauthorized");
  EXPECT_NE(refusal_of([&connected] { connected.get(); }).find("the token is not that of the cluster"),
            std::string::npos);
}

TEST(Dialer, ADriverFromAfarDoesNotAskForTheObjectMemory) {
  FakePort port;
  Dialer dialer = introduced(port.line());
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  port.welcome();
  const auto connection = connected.get();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->welcome.worker(), "afar");
  EXPECT_FALSE(port.hello().maps_objects());
  EXPECT_EQ(port.hello().cluster(), kCluster);
  EXPECT_NE(port.request().find(kDialedToken), std::string::npos);
  port.stop();
}

TEST(Dialer, ItsTokenStandsNowhereInTheProgramThatItIntroduces) {
  setenv("MORROW_TEST_BARE", kDialedToken.c_str(), 1);
  const Dialer dialer = introduced("morrow://" + kDialedToken + "@127.0.0.1:1/far");
  unsetenv("MORROW_TEST_BARE");
  const std::string program = dialer.program().SerializeAsString();
  EXPECT_NE(program.find("MORROW_TEST_BARE="), std::string::npos);
  EXPECT_EQ(program.find(kDialedToken), std::string::npos);
}

TEST(Dialer, AnotherWorkerThatTheFirstOneNamedIsFoundAfterItsDeath) {
  FakePort first;
  FakePort second;
  Dialer dialer = introduced(first.line());
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  first.welcome(second.address());
  ASSERT_TRUE(connected.get());
  first.stop();
  auto again = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  second.welcome();
  EXPECT_TRUE(again.get());
  EXPECT_NE(second.request().find(kDialedToken), std::string::npos);
  second.stop();
}

TEST(Dialer, AWorkerAfarThatSaysNothingHoldsUpNoOther) {
  FakePort silent;
  FakePort other;
  Dialer dialer = introduced(silent.line());
  wire::Addresses others;
  others.add_addresses(other.address());
  dialer.remote()->learn(others.addresses());
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  other.welcome();  // the first one takes the connection still, and leaves it there
  EXPECT_TRUE(connected.get());
  silent.stop();
}

TEST(Dialer, AWorkerAfarThatRefusesHoldsUpNoOther) {
  FakePort unwilling;
  FakePort willing;
  Dialer dialer = introduced(unwilling.line());
  wire::Addresses others;
  others.add_addresses(willing.address());
  dialer.remote()->learn(others.addresses());
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  unwilling.accept("503 Service Unavailable");
  willing.welcome();
  const auto connection = connected.get();
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->welcome.error(), "");
}

TEST(Dialer, AWorkerAfarThatIsBusyIsAskedUntilItTakesTheSession) {
  FakePort port;
  Dialer dialer = introduced(port.line());
  auto connected = in_thread([&dialer] { return dialer.connect_first({}); });
  for (int i = 0; i < 3; ++i) port.accept("503 Service Unavailable");
  port.welcome();
  EXPECT_EQ(connected.get().welcome.error(), "");
}

TEST(Dialer, AWorkerAfarThatStaysBusyIsNamedAsThatWhenTheTimeIsUp) {
  FakePort port;
  Dialer dialer = introduced(port.line());
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  port.accept("503 Service Unavailable");
  EXPECT_FALSE(connected.get());
  EXPECT_NE(dialer.why().find("is busy"), std::string::npos) << dialer.why();
}

TEST(Dialer, AWorkerThatStandsStillIsKnockedAtOnceAndFoundWhenItGoesOn) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  Dialer dialer = introduced(kCluster);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(dialer.connect(Clock::now() + std::chrono::milliseconds(20)));
  EXPECT_NE(dialer.why().find("worker one does not answer"), std::string::npos) << dialer.why();
  auto connected = in_thread([&dialer] { return dialer.connect(Clock::now() + kLong); });
  worker.accept();
  worker.welcome();
  EXPECT_TRUE(connected.get()) << "the first connection was kept";
  EXPECT_EQ(dialer.why(), "");
}

TEST(Dialer, ACommandThatIsNoProgramIsNamed) {
  const FakeCluster cluster;
  setenv("MORROW_COMMAND", "/nowhere/morrow", 1);
  EXPECT_NE(refusal_of([] { const Dialer dialer("", {}); }).find("/nowhere/morrow"), std::string::npos);
  unsetenv("MORROW_COMMAND");
}

TEST(Dialer, APrivateWorkerThatEndsBeforeItAnswersIsToldWithHowItEnded) {
  const FakeCluster cluster;
  const PrivateCommand command("exit 3");
  SessionOptions options;
  options.connect_timeout = kLong;
  Dialer dialer = introduced("", options);
  ASSERT_NE(dialer.private_worker(), nullptr);
  EXPECT_EQ(
      refusal_of([&] { dialer.connect_first(options); }),
      "the private worker " + command.path() + " exited with status 3 before it answered; what it said stands above");
}

TEST(Dialer, APrivateWorkerThatDoesNotAnswerInTimeIsNamed) {
  const FakeCluster cluster;
  const PrivateCommand command("exec cat <&$5 >/dev/null");
  Dialer dialer = introduced("");
  EXPECT_EQ(refusal_of([&dialer] { dialer.connect_first(without_patience()); }),
            "the private worker " + command.path() +
                " did not answer in time; raise connect_timeout, or look for what keeps this machine busy");
}

TEST(Dialer, APrivateWorkerThatSpeaksAnotherLanguageIsNamed) {
  const FakeCluster cluster;
  const PrivateCommand command("printf '\\001\\000\\000\\000\\051' >&$5; exec cat <&$5 >/dev/null");
  SessionOptions options;
  options.connect_timeout = kLong;
  Dialer dialer = introduced("", options);
  EXPECT_EQ(refusal_of([&] { dialer.connect_first(options); }),
            "the private worker " + command.path() + ": the worker did not answer HELLO with WELCOME");
}

}  // namespace
}  // namespace morrow::test
