#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/shell/worker_process.h"
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
                                           Wrong{{"worker", "a/b"}, "cannot be the name of a cluster"},
                                           Wrong{{"worker", "c", "--cpus", "many"}, "many"},
                                           Wrong{{"worker", "c", "--cpus", "0"}, "above 0"},
                                           Wrong{{"worker", "c", "--memory", "4XB"}, "4GiB"},
                                           Wrong{{"worker", "c", "--gpus", "0.5"}, "whole number"},
                                           Wrong{{"worker", "c", "--resource", "license"}, "NAME=AMOUNT"},
                                           Wrong{{"worker", "c", "--resource", "l=1", "--resource", "l=2"}, "twice"},
                                           Wrong{{"worker", "c", "--port", "70000"}, "port"},
                                           Wrong{{"worker", "c", "--name", ".x"}, "cannot be the name of a worker"},
                                           Wrong{{"status"}, "CLUSTER"}, Wrong{{"status", "c", "--yaml"}, "yaml"}));

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

TEST(Worker, AKilledOneIsBuriedByTheOthersAfterTheLease) {
  const Home home;
  Command one({"worker", "lease", "--name", "one", "--lease-ms", "1000"});
  ASSERT_TRUE(one.says("is ready"));
  Command two({"worker", "lease", "--name", "two", "--lease-ms", "1000"});
  ASSERT_TRUE(two.says("is ready"));
  one.signal(SIGKILL);
  one.wait();
  EXPECT_TRUE(two.says("is buried")) << two.error_text();
  // Its dead socket is no obstacle to a new one of that name.
  Command again({"worker", "lease", "--name", "one", "--lease-ms", "1000"});
  EXPECT_TRUE(again.says("is ready"));
}

TEST(Worker, AStoppedOneThatWasBuriedJoinsAgain) {
  const Home home;
  Command one({"worker", "fence", "--name", "one", "--lease-ms", "1000"});
  ASSERT_TRUE(one.says("is ready"));
  Command two({"worker", "fence", "--name", "two", "--lease-ms", "1000"});
  ASSERT_TRUE(two.says("is ready"));
  one.signal(SIGSTOP);
  ASSERT_TRUE(two.says("is buried")) << two.error_text();
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

TEST(Worker, AStoreThatCantBeOpenedIsOneSentence) {
  const Home home;
  Command worker({"worker", "c", "--store", "papyrus:scroll"});
  EXPECT_EQ(worker.wait(), 1);
  EXPECT_NE(worker.error_text().find("papyrus"), std::string::npos) << worker.error_text();
}

}  // namespace
}  // namespace morrow::test
