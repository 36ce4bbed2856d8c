// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

#include "tests/cli/worker_process.h"
#include "wire/paths.h"

namespace morrow::test {
namespace {

struct Wrong {
  std::vector<std::string> arguments;
  std::string says;
};

class WrongUse : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongUse, GetsOneSentenceAndStatusTwo) {
  const Home home;
  Command command(GetParam().arguments);
  EXPECT_EQ(command.wait(), 2);
  EXPECT_NE(command.error_text().find(GetParam().says), std::string::npos) << command.error_text();
  EXPECT_EQ(command.error_text().find('\n'), command.error_text().size() - 1) << command.error_text();
  EXPECT_EQ(command.output(), "");
}

INSTANTIATE_TEST_SUITE_P(Command, WrongUse,
                         ::testing::Values(Wrong{{}, "--help"}, Wrong{{"dance"}, "dance"},
                                           Wrong{{"worker"}, "morrow worker CLUSTER"},
                                           Wrong{{"worker", "a/b"}, "this is not the name of a cluster"},
                                           Wrong{{"worker", "c", "--cpus", "many"}, "many"},
                                           Wrong{{"worker", "c", "--cpus", "0"}, "above 0"},
                                           Wrong{{"worker", "c", "--memory", "4XB"}, "4GiB"},
                                           Wrong{{"worker", "c", "--gpus", "0.5"}, "whole number"},
                                           Wrong{{"worker", "c", "--resource", "license"}, "NAME=AMOUNT"},
                                           Wrong{{"worker", "c", "--resource", "l=1", "--resource", "l=2"}, "twice"},
                                           Wrong{{"worker", "c", "--port", "70000"}, "port"},
                                           Wrong{{"worker", "c", "--name", ".x"}, "cannot be the name of a worker"},
                                           Wrong{{"status"}, "CLUSTER"}, Wrong{{"status", "c", "--yaml"}, "yaml"}));

TEST(Command, ATokenIsInNoSentenceWhereverALineWasWritten) {
  const Home home;
  const std::string line = "//secret-token@10.0.0.1:1/c?ca=00";
  for (const std::string scheme : {"morrow:", "Morrow:", " morrow:", "morrow:/"}) {
    const std::string text = scheme == "morrow:/" ? scheme + line.substr(2) : scheme + line;
    const std::vector<std::vector<std::string>> all{{"token", text},
                                                    {"worker", text},
                                                    {"status", text},
                                                    {"objects", text},
                                                    {"status", "a", text},
                                                    {text},
                                                    {"worker", "c", "--cpus", text},
                                                    {"worker", "c", "--memory", text},
                                                    {"worker", "c", "--resource", text},
                                                    {"worker", "c", "--port", text},
                                                    {"worker", "c", "--name", text},
                                                    {"worker", "c", "--" + text}};
    for (const auto& arguments : all) {
      Command command(arguments);
      EXPECT_NE(command.wait(), 0);
      EXPECT_EQ(command.error_text().find("secret"), std::string::npos) << command.error_text();
      EXPECT_EQ(command.error_text().rfind("morrow: ", 0), 0U) << command.error_text();
    }
  }
}

TEST(Command, ATokenInThePlaceOfANameIsInNoSentence) {
  const Home home;
  const std::string token = "Aa0-" + std::string(39, 'x');
  const std::vector<std::vector<std::string>> all{{"status", token}, {"worker", token},      {token},
                                                  {"token", token},  {"status", "a", token}, {"stop", "c", token}};
  for (const auto& arguments : all) {
    Command command(arguments);
    EXPECT_NE(command.wait(), 0);
    EXPECT_EQ(command.error_text().find(token), std::string::npos) << command.error_text();
    EXPECT_EQ(command.output().find(token), std::string::npos) << command.output();
  }
}

/// A program that is no worker and has put a socket among those of the workers: it answers with `first`, and then says
/// `more` for as long as somebody listens.
class ForeignSocket {
 public:
  ForeignSocket(const std::string& path, std::string first, std::string more)
      : listener_(wire::listen_unix(path)), thread_([this, first = std::move(first), more = std::move(more)] {
          for (;;) {
            const wire::Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!client) return;
            send(client.get(), first.data(), first.size(), MSG_NOSIGNAL);
            while (!more.empty() && send(client.get(), more.data(), more.size(), MSG_NOSIGNAL) > 0) {
            }
          }
        }) {}
  ~ForeignSocket() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  ForeignSocket(const ForeignSocket&) = delete;
  ForeignSocket& operator=(const ForeignSocket&) = delete;

 private:
  wire::Fd listener_;
  std::thread thread_;
};

TEST(Command, AForeignSocketInTheRunFolderDoesNotEndStatus) {
  const Home home;
  Command worker({"worker", "s", "--name", "w"});
  ASSERT_TRUE(worker.says("is ready")) << worker.error_text();
  std::string welcome;
  wire::append_frame(welcome, wire::WELCOME, wire::Welcome());
  std::string ack;
  wire::append_frame(ack, wire::ACK, wire::Ack());
  std::string flood;
  while (flood.size() < 64 << 10) flood += ack;
  const ForeignSocket rubbish(wire::worker_socket("s", "a-rubbish"), std::string(1000, '\xff'), "");
  const ForeignSocket floods(wire::worker_socket("s", "b-floods"), "", flood);
  const ForeignSocket greets(wire::worker_socket("s", "c-greets"), welcome + std::string(1000, '\xff'), "");
  Command status({"status", "s"});
  EXPECT_EQ(status.wait(), 0) << status.error_text();
  EXPECT_NE(status.output().find("WORKER"), std::string::npos) << status.output();
}

TEST(Command, AStandingWorkerIsNamedInsteadOfCalledMissing) {
  const Home home;
  Command worker({"worker", "stands", "--name", "one"});
  ASSERT_TRUE(worker.says("is ready"));
  worker.signal(SIGSTOP);
  Command status({"status", "stands"});
  EXPECT_EQ(status.wait(), 1);
  EXPECT_NE(status.error_text().find("worker one does not answer (process " + std::to_string(worker.pid())),
            std::string::npos)
      << status.error_text();
  worker.signal(SIGCONT);
}

TEST(Command, HelpAndVersionAreEverywhere) {
  const std::vector<std::vector<std::string>> commands{{}, {"worker"}, {"status"}};
  for (auto arguments : commands) {
    arguments.emplace_back("--help");
    Command help(arguments);
    EXPECT_EQ(help.wait(), 0);
    EXPECT_NE(help.output().find("--version"), std::string::npos) << help.output();
    arguments.back() = "--version";
    Command version(arguments);
    EXPECT_EQ(version.wait(), 0);
    EXPECT_EQ(version.output().rfind("morrow ", 0), 0U) << version.output();
  }
}

TEST(Command, StatusWithNoWorkerSaysHowToStartOne) {
  const Home home;
  Command status({"status", "nobody"});
  EXPECT_EQ(status.wait(), 1);
  EXPECT_NE(status.error_text().find("morrow worker nobody"), std::string::npos) << status.error_text();
}

TEST(Worker, StatusShowsItsResourcesAndSigtermEndsItCleanly) {
  const Home home;
  Command worker({"worker", "demo", "--cpus", "3", "--memory", "2GiB", "--resource", "license=2", "--name", "w1"});
  ASSERT_TRUE(worker.says("worker w1 of cluster demo is ready")) << worker.error_text();
  const std::string path = wire::worker_socket("demo", "w1");
  struct stat socket {};
  ASSERT_EQ(stat(path.c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 0777, 0600U);
  Command status({"status", "demo"});
  EXPECT_EQ(status.wait(), 0) << status.error_text();
  for (const char* part : {"w1", "3 cpus", "2.0 GiB", "license 2", "futures:"}) {
    EXPECT_NE(status.output().find(part), std::string::npos) << part << " in " << status.output();
  }
  Command json({"status", "demo", "--json"});
  EXPECT_EQ(json.wait(), 0);
  EXPECT_NE(json.output().find("\"cluster\": \"demo\""), std::string::npos) << json.output();
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 0) << worker.error_text();
  EXPECT_FALSE(std::filesystem::exists(path));
  // It left: the next one does not see it any more.
  Command next({"worker", "demo", "--name", "w2"});
  ASSERT_TRUE(next.says("is ready"));
  Command after({"status", "demo", "--json"});
  EXPECT_EQ(after.wait(), 0);
  EXPECT_EQ(after.output().find("\"w1\""), std::string::npos) << after.output();
  next.signal(SIGINT);
  EXPECT_EQ(next.wait(), 0);
}

TEST(Worker, TwoOnOneMachineShareTheClusterAndGetNamesOfTheirOwn) {
  const Home home;
  Command one({"worker", "pair"});
  ASSERT_TRUE(one.says("is ready"));
  Command two({"worker", "pair"});
  ASSERT_TRUE(two.says("is ready"));
  EXPECT_NE(two.error_text().find("-2 of cluster pair"), std::string::npos) << two.error_text();
  Command status({"status", "pair", "--json"});
  EXPECT_EQ(status.wait(), 0);
  std::size_t pids = 0;
  for (std::size_t at = status.output().find("\"pid\""); at != std::string::npos;
       at = status.output().find("\"pid\"", at + 1))
    ++pids;
  EXPECT_EQ(pids, 2U) << status.output();
  Command named(
      {"worker", "pair", "--name", std::filesystem::path(wire::worker_sockets("pair").front()).stem().string()});
  EXPECT_EQ(named.wait(), 1);
  EXPECT_NE(named.error_text().find("runs already"), std::string::npos) << named.error_text();
}

TEST(Worker, AKilledOneIsEvictedByTheOthersAfterTheLease) {
  const Home home;
  Command one({"worker", "lease", "--name", "one", "--lease-ms", "1000"});
  ASSERT_TRUE(one.says("is ready"));
  Command two({"worker", "lease", "--name", "two", "--lease-ms", "1000"});
  ASSERT_TRUE(two.says("is ready"));
  one.signal(SIGKILL);
  one.wait();
  EXPECT_TRUE(two.says("is evicted")) << two.error_text();
  // Its dead socket is no obstacle to a new one of that name.
  Command again({"worker", "lease", "--name", "one", "--lease-ms", "1000"});
  EXPECT_TRUE(again.says("is ready"));
}

TEST(Worker, AStoppedOneThatWasEvictedJoinsAgain) {
  const Home home;
  Command one({"worker", "fence", "--name", "one", "--lease-ms", "1000"});
  ASSERT_TRUE(one.says("is ready"));
  Command two({"worker", "fence", "--name", "two", "--lease-ms", "1000"});
  ASSERT_TRUE(two.says("is ready"));
  one.signal(SIGSTOP);
  ASSERT_TRUE(two.says("is evicted")) << two.error_text();
  one.signal(SIGCONT);
  EXPECT_TRUE(one.says("joins the cluster again")) << one.error_text();
  one.signal(SIGTERM);
  EXPECT_EQ(one.wait(), 0) << one.error_text();
}

TEST(Worker, AWrongFrameClosesJustThatClient) {
  const Home home;
  Command worker({"worker", "wrong", "--name", "w"});
  ASSERT_TRUE(worker.says("is ready"));
  const std::string path = wire::worker_socket("wrong", "w");
  Peer rubbish(path);
  rubbish.send_bytes(std::string(100, '\x77'));
  EXPECT_TRUE(rubbish.closed());
  Peer rude(path);  // speaks before HELLO
  rude.send(wire::FLUSH, wire::Flush());
  EXPECT_TRUE(rude.closed());
  Peer stranger(path);
  stranger.hello("another", 5);
  wire::Welcome welcome;
  ASSERT_TRUE(stranger.receive(wire::WELCOME, welcome));
  EXPECT_NE(welcome.error().find("cluster wrong"), std::string::npos) << welcome.error();
  EXPECT_TRUE(stranger.closed());
  Command status({"status", "wrong"});
  EXPECT_EQ(status.wait(), 0);
}

TEST(Worker, ItsPortAnswersThoseWithTheTokenOnly) {
  const Home home;
  Command worker({"worker", "http", "--port", "0"});
  ASSERT_TRUE(worker.says("; http://127.0.0.1:")) << worker.error_text();
  ASSERT_TRUE(worker.says("\n"));
  const std::string& text = worker.error_text();
  const auto at = text.find("http://127.0.0.1:") + 17;
  const auto port = static_cast<std::uint16_t>(std::stoi(text.substr(at)));
  const auto ask = [port](const std::string& target, const std::string& token) {
    const wire::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string authorization = token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
    const std::string request =
        "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + authorization + "Connection: close\r\n\r\n";
    EXPECT_EQ(write(socket.get(), request.data(), request.size()), static_cast<ssize_t>(request.size()));
    std::string reply;
    char part[512];
    for (ssize_t got = 0; (got = read(socket.get(), part, sizeof part)) > 0;)
      reply.append(part, static_cast<std::size_t>(got));
    return reply;
  };
  Command tells({"token", "http"});
  ASSERT_EQ(tells.wait(), 0) << tells.error_text();
  const std::string line = tells.output();
  ASSERT_EQ(line.rfind("morrow://", 0), 0U) << line;
  const std::string token = line.substr(9, line.find('@') - 9);
  for (const char* target : {"/health", "/metrics", "/object/1", "/session", "/other"}) {
    EXPECT_EQ(ask(target, "").rfind("HTTP/1.1 401", 0), 0U) << target;
    EXPECT_EQ(ask(target, token.substr(1)).rfind("HTTP/1.1 401", 0), 0U) << target;
    EXPECT_EQ(ask(target, token + "0").rfind("HTTP/1.1 401", 0), 0U) << target;
  }
  EXPECT_EQ(text.find(token), std::string::npos);
  const std::string health = ask("/health", token);
  EXPECT_EQ(health.rfind("HTTP/1.1 200", 0), 0U) << health;
  EXPECT_NE(health.find("ok"), std::string::npos);
  EXPECT_NE(ask("/metrics", token).find("morrow_objects 0\n"), std::string::npos);
  EXPECT_EQ(ask("/object/1", token).rfind("HTTP/1.1 404", 0), 0U);
  EXPECT_EQ(ask("/object/x", token).rfind("HTTP/1.1 404", 0), 0U);
  EXPECT_EQ(ask("/session", token).rfind("HTTP/1.1 426", 0), 0U);
  EXPECT_EQ(ask("/other", token).rfind("HTTP/1.1 404", 0), 0U);
}

/// "HOST:PORT" of a worker that said so.
std::string address_of(Command& worker, const std::string& scheme) {
  EXPECT_TRUE(worker.says("; " + scheme)) << worker.error_text();
  EXPECT_TRUE(worker.says("\n"));
  const std::string rest = worker.error_text().substr(worker.error_text().rfind("; " + scheme) + 2 + scheme.size());
  return rest.substr(0, rest.find('\n'));
}

TEST(Token, ALineForThisMachineOnlyIsSaidToBeThat) {
  const Home home;
  Command worker({"worker", "c", "--name", "one"});
  ASSERT_TRUE(worker.says("is ready"));
  Command token({"token", "c"});
  EXPECT_EQ(token.wait(), 0);
  EXPECT_NE(token.error_text().find("this machine only"), std::string::npos) << token.error_text();
  EXPECT_NE(token.error_text().find("--address"), std::string::npos);
}

TEST(Token, EncryptionIsThatOfTheAddressWhoeverIsAsked) {
  const Home home;
  Command near({"worker", "c", "--name", "a-near", "--lease-ms", "1000"});  // asked first
  const std::string plain = address_of(near, "http://");
  Command far({"worker", "c", "--name", "b-far", "--lease-ms", "1000", "--address", "0"});
  const std::string encrypted = address_of(far, "https://");
  Command best({"token", "c"});
  EXPECT_EQ(best.wait(), 0) << best.error_text();
  EXPECT_NE(best.output().find(encrypted + "/c?ca="), std::string::npos) << best.output();
  EXPECT_EQ(best.error_text(), "");
  for (const std::string& address : {encrypted, std::string("gateway.example:7")}) {
    Command token({"token", "c", "--address", address});
    EXPECT_EQ(token.wait(), 0) << token.error_text();
    EXPECT_NE(token.output().find(address + "/c?ca="), std::string::npos) << token.output();
  }
  Command token({"token", "c", "--address", plain});
  EXPECT_EQ(token.wait(), 0) << token.error_text();
  EXPECT_NE(token.output().find(plain + "/c\n"), std::string::npos) << token.output();
}

TEST(Token, AnInsecureWorkersLineSaysThatItIs) {
  const Home home;
  Command worker({"worker", "c", "--name", "one", "--address", "0.0.0.0", "--insecure"});
  const std::string address = address_of(worker, "http://");
  Command token({"token", "c"});
  EXPECT_EQ(token.wait(), 0) << token.error_text();
  EXPECT_NE(token.output().find(address + "/c?insecure\n"), std::string::npos) << token.output();
  Command status({"status", token.output()});
  EXPECT_EQ(status.wait(), 0) << status.error_text();
}

TEST(Token, AnAddressThatNoWorkerIsReachedByIsRefused) {
  const Home home;
  Command worker({"worker", "c", "--name", "one"});
  ASSERT_TRUE(worker.says("is ready"));
  Command token({"token", "c", "--address", "gateway.example:7"});
  EXPECT_EQ(token.wait(), 1);
  EXPECT_NE(token.error_text().find("start one with --address"), std::string::npos) << token.error_text();
}

TEST(Worker, AllAddressesMayBeWrittenInAnyWay) {
  const Home home;
  const bool v6 = std::filesystem::exists("/proc/net/if_inet6");
  for (const char* any : {"0", "0.0.0.0", "::", "::0", "0:0::0"}) {
    if (std::string(any).find(':') != std::string::npos && !v6) continue;
    Command worker({"worker", "c", "--name", "one", "--address", any});
    const std::string address = address_of(worker, "https://");
    for (const char* nobody : {"0.0.0.0:", "[::]:", "127."})
      EXPECT_NE(address.rfind(nobody, 0), 0U) << any << " became " << address;
    worker.signal(SIGTERM);
    EXPECT_EQ(worker.wait(), 0);
  }
}

TEST(Worker, AStoreThatCantBeOpenedIsOneSentence) {
  const Home home;
  Command worker({"worker", "c", "--store", "papyrus:scroll"});
  EXPECT_EQ(worker.wait(), 1);
  EXPECT_NE(worker.error_text().find("papyrus"), std::string::npos) << worker.error_text();
}

}  // namespace
}  // namespace morrow::test
