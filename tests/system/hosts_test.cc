// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool shell(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

/// Two hosts: network namespaces with a cable between them. Gone with the object.
class Hosts {
 public:
  Hosts() {
    made_ = shell("ip netns add " + a()) && shell("ip netns add " + b()) &&
            shell("ip link add " + end("a") + " type veth peer name " + end("b"));
    for (const auto& [name, cable, address] : {std::tuple(a(), end("a"), "10.79.0.1"), {b(), end("b"), "10.79.0.2"}}) {
      const std::string inside = "ip netns exec " + name + " ip ";
      made_ = made_ && shell("ip link set " + cable + " netns " + name) &&
              shell(inside + "addr add " + address + "/24 dev " + cable) &&
              shell(inside + "link set " + cable + " up") && shell(inside + "link set lo up");
    }
  }
  ~Hosts() {
    shell("ip netns del " + a());
    shell("ip netns del " + b());
  }
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;
  bool made() const { return made_; }
  /// The cable is pulled, or plugged in again.
  static void connect(bool up) {
    EXPECT_TRUE(shell("ip netns exec " + a() + " ip link set " + end("a") + (up ? " up" : " down")));
  }
  static std::string a() { return "morrow-a-" + std::to_string(getpid()); }
  static std::string b() { return "morrow-b-" + std::to_string(getpid()); }
  /// The command on one of them.
  static std::vector<std::string> on(const std::string& host, std::vector<std::string> command) {
    command.insert(command.begin(), {"/sbin/ip", "netns", "exec", host});
    return command;
  }

 private:
  static std::string end(const std::string& which) { return "mw" + which + std::to_string(getpid()); }
  bool made_ = false;
};

class TwoHosts : public testing::Test {
 protected:
  void SetUp() override {
    if (!hosts_.made()) {
      const char* const ci = std::getenv("CI");
      // As root it has to work where nobody would read that it was left out.
      ASSERT_FALSE(geteuid() == 0 && ci != nullptr && std::string(ci) == "true")
          << "no network namespaces: is iproute2 there, and may this container make them?";
      GTEST_SKIP() << "network namespaces can only be made as root, with iproute2";
    }
    one_ = worker(Hosts::a(), "one", "10.79.0.1");
    two_ = worker(Hosts::b(), "two", "10.79.0.2");
    line_ = cluster_.run({bin() + "/morrow", "token", cluster_.name(), "--address", address_}).out;
    ASSERT_FALSE(line_.empty());
    line_.pop_back();
  }
  void TearDown() override {
    for (Process* process : {one_.get(), two_.get()}) {
      if (process == nullptr) continue;
      for (const pid_t pid : descendants(process->pid())) kill(pid, SIGTERM);
      process->signal(SIGTERM);
      process->wait();
    }
  }
  std::unique_ptr<Process> worker(const std::string& host, const std::string& name, const std::string& address) {
    auto started = std::make_unique<Process>(
        Hosts::on(host, {bin() + "/morrow", "worker", cluster_.name(), "--name", name, "--cpus", "2", "--object-memory",
                         "60MB", "--address", address, "--port", "7070"}),
        cluster_.environment());
    EXPECT_TRUE(started->wait_for_text("is ready")) << started->err();
    EXPECT_TRUE(has(started->err() + started->out(), "https://" + address + ":7070"));
    return started;
  }
  /// A driver on the second host that knows nothing but the line.
  Result driver(const std::vector<std::string>& command, const std::string& line) {
    Environment environment = cluster_.environment();
    environment["MORROW_CLUSTER"] = line;
    environment["XDG_RUNTIME_DIR"] = cluster_.folder() + "/elsewhere";
    shell("mkdir -p -m 700 " + cluster_.folder() + "/elsewhere");
    Process process(Hosts::on(Hosts::b(), command), environment);
    return process.wait();
  }
  Hosts hosts_;
  Cluster cluster_;
  std::string address_ = "10.79.0.1:7070";
  std::unique_ptr<Process> one_;
  std::unique_ptr<Process> two_;
  std::string line_;
};

TEST_F(TwoHosts, ADriverJoinsByTheLineAlone) {
  const Result result = driver({bin() + "/../test-programs/object_scenarios", "kinds"}, line_);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(has(result.out, "499999500000\n102004 153006\n599999\n500002 1\n1000000 500000\nsmall 0\n"));
  EXPECT_TRUE(has(driver({bin() + "/morrow", "status"}, line_).out, "cluster test"));
}

TEST_F(TwoHosts, ObjectsAreShownForTheWholeClusterFromAnywhere) {
  const std::string all = driver({bin() + "/morrow", "objects", "--json"}, line_).out;
  EXPECT_EQ(all, "[]\n");
  // The workers know of each other a moment after both have joined.
  const auto shown = [this] { return driver({bin() + "/morrow", "objects"}, line_).out; };
  EXPECT_TRUE(eventually([&] { return shown().find("of 120.0 MB in use") != std::string::npos; })) << shown();
}

TEST_F(TwoHosts, WithoutTheTokenOrToAnotherAuthorityNothingIsSaid) {
  const auto status = [this](const std::string& line) { return driver({bin() + "/morrow", "status"}, line).err; };
  std::string wrong_token = line_;
  wrong_token[12] = wrong_token[12] == 'a' ? 'b' : 'a';
  EXPECT_TRUE(has(status(wrong_token), "the token is not that of the cluster"));
  std::string wrong_authority = line_;
  wrong_authority.back() = wrong_authority.back() == '0' ? '1' : '0';
  EXPECT_TRUE(has(status(wrong_authority), "another authority"));
  EXPECT_TRUE(has(status(line_.substr(0, line_.find('?'))), "over the network for everybody to read"));
  EXPECT_TRUE(has(status(line_.substr(0, line_.find('?')) + "?insecure"), "the line has no ca="));
}

TEST_F(TwoHosts, ASortOverBothIsInOrder) {
  const Result result = driver({bin() + "/sort", "--records", "1000000", "--parts", "30"}, line_);
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(has(result.out, "in order, the same as the input"));
}

TEST_F(TwoHosts, AHostThatVanishesIsNoticedAndTheSessionGoesOnWhenItIsBack) {
  Environment environment = cluster_.environment();
  environment["MORROW_CLUSTER"] = line_;
  environment["XDG_RUNTIME_DIR"] = cluster_.folder() + "/elsewhere";
  shell("mkdir -p -m 700 " + cluster_.folder() + "/elsewhere");
  // A worker of this host alone, so that no other one takes the session.
  two_->signal(SIGSTOP);
  Process driver(Hosts::on(Hosts::b(), {scenarios(), "hold", "1"}), environment);
  ASSERT_TRUE(driver.wait_for_text("holding")) << driver.err();
  Hosts::connect(false);  // nothing is said, so nothing is refused
  EXPECT_TRUE(driver.wait_for_text("waiting for another one: ", std::chrono::seconds(60))) << driver.err();
  Hosts::connect(true);
  EXPECT_TRUE(driver.wait_for_text("the session goes on", std::chrono::seconds(60))) << driver.err();
  driver.signal(SIGKILL);
  two_->signal(SIGCONT);
}

TEST_F(TwoHosts, ADriverThatIsCutOffFromItsWorkerGoesOnWithTheOtherOneThatItWasToldOf) {
  // The workers know of each other a moment after both have joined.
  const auto shown = [this] { return driver({bin() + "/morrow", "objects"}, line_).out; };
  ASSERT_TRUE(eventually([&] { return shown().find("of 120.0 MB in use") != std::string::npos; })) << shown();
  Environment environment = cluster_.environment();
  environment["MORROW_CLUSTER"] = line_;
  environment["XDG_RUNTIME_DIR"] = cluster_.folder() + "/elsewhere";
  shell("mkdir -p -m 700 " + cluster_.folder() + "/elsewhere");
  Process driver(Hosts::on(Hosts::b(), {scenarios(), "squares", "40", "400"}), environment);
  ASSERT_TRUE(driver.wait_for_text("submitted")) << driver.err();
  Hosts::connect(false);
  EXPECT_TRUE(driver.wait_for_text("worker one of cluster test gives no sign of life for ")) << driver.err();
  EXPECT_TRUE(driver.wait_for_text("the session goes on with worker two of cluster test")) << driver.err();
  EXPECT_EQ(driver.wait().out, "submitted\nsum 20540\n") << driver.err();
  Hosts::connect(true);
}

TEST_F(TwoHosts, TheTokenIsInNoLogAndNoProcessList) {
  const std::string token = line_.substr(9, line_.find('@') - 9);
  cluster_.expect_crashes();  // of the task that writes into what it published
  // In the driver's environment it may stand without the rest of the line.
  const std::string bare = "BARE=" + token;
  ASSERT_EQ(driver({"/usr/bin/env", bare, bin() + "/../test-programs/object_scenarios", "in_place"}, line_).status, 0);
  // As an argument, too: it is there for a moment only.
  ASSERT_EQ(driver({bin() + "/morrow", "status", line_}, "").status, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_.folder() + "/home/test/logs")) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(text_of(entry.path()).find(token), std::string::npos) << entry.path();
  }
  for (Process* worker : {one_.get(), two_.get()}) {
    EXPECT_EQ(worker->err().find(token), std::string::npos);
    for (const pid_t pid : descendants(worker->pid())) {
      const std::string folder = "/proc/" + std::to_string(pid);
      EXPECT_EQ(text_of(folder + "/cmdline").find(token), std::string::npos) << pid;
      EXPECT_EQ(text_of(folder + "/environ").find(token), std::string::npos) << pid;
    }
  }
}

}  // namespace
}  // namespace morrow::test
