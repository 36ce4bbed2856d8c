// SPDX-License-Identifier: Apache-2.0
// Another user of the machine, who takes ports and plants folders. Only root can play him.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>

#include "tests/system/support.h"
#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kStranger = 65534;

/// A program of another user, which listens at a port.
class StrangersProgram {
 public:
  explicit StrangersProgram(std::uint16_t port) {
    void* const memory = mmap(nullptr, sizeof(Heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory");
    heard_ = new (memory) Heard;
    child_ = fork();
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      serve(port);
    } catch (const std::exception&) {  // nobody will see it listening
    }
    _exit(1);
  }
  ~StrangersProgram() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    munmap(heard_, sizeof(Heard));
  }
  StrangersProgram(const StrangersProgram&) = delete;
  StrangersProgram& operator=(const StrangersProgram&) = delete;

  bool listens() const { return heard_->listens; }
  int calls() const { return heard_->calls; }
  int bytes() const { return heard_->bytes; }

 private:
  struct Heard {
    std::atomic<bool> listens = false;
    std::atomic<int> calls = 0;
    std::atomic<int> bytes = 0;
  };

  void serve(std::uint16_t port) {
    if (setgid(kStranger) != 0 || setuid(kStranger) != 0) return;
    const wire::Fd listening = wire::listen_tcp("127.0.0.1", port);
    heard_->listens = true;
    for (;;) {
      const wire::Fd call(accept(listening.get(), nullptr, nullptr));
      ++heard_->calls;
      char byte = 0;
      while (recv(call.get(), &byte, 1, 0) == 1) ++heard_->bytes;
    }
  }

  Heard* heard_ = nullptr;
  pid_t child_ = -1;
};

class Strangers : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can play another user";
  }
  Result worker_with(const std::string& option, const std::string& value) {
    return cluster.run({bin() + "/morrow", "worker", cluster.name(), "--cpus", "1", option, value});
  }

  Cluster cluster;
};

TEST_F(Strangers, WhoTakesThePortOfADeadWorkerHearsNoToken) {
  const auto worker = cluster.worker({"--cpus", "1"});
  std::string line = cluster.run({bin() + "/morrow", "token", cluster.name()}).out;
  line.erase(line.find_last_not_of('\n') + 1);
  ASSERT_TRUE(has(cluster.run({bin() + "/morrow", "status", line}).out, "sessions:")) << "while the worker lives";
  const std::string port = line.substr(line.rfind(':') + 1);
  worker->signal(SIGKILL);
  worker->wait();
  const StrangersProgram stranger(static_cast<std::uint16_t>(std::stoul(port)));
  ASSERT_TRUE(eventually([&] { return stranger.listens(); }));
  const std::string why = "is a program of user 65534, to whom the cluster's token is not sent";
  for (const char* command : {"status", "objects"}) {
    const Result result = cluster.run({bin() + "/morrow", command, line});
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(has(result.out + result.err, why)) << command;
  }
  const Result driver = cluster.run({scenarios(), "squares", "4", "1"}, {{"MORROW_CLUSTER", line}});
  EXPECT_NE(driver.status, 0);
  EXPECT_TRUE(has(driver.out + driver.err, why));
  EXPECT_GE(stranger.calls(), 1);
  EXPECT_EQ(stranger.bytes(), 0);
}

TEST_F(Strangers, AStoreOfTheirsIsNotRun) {
  const std::string store = cluster.folder() + "/theirs";
  fs::create_directory(store);
  ASSERT_EQ(chown(store.c_str(), kStranger, kStranger), 0);
  const Result refused = worker_with("--store", "lmdb:" + store);
  EXPECT_NE(refused.status, 0);
  EXPECT_TRUE(has(refused.err, store + " belongs to user 65534"));
  EXPECT_TRUE(fs::is_empty(store));
}

TEST_F(Strangers, AFolderForAllIsSharedWithThemAndTheirsInItIsNotUsed) {
  const std::string all = cluster.folder() + "/all";
  const std::string own = all + "/morrow-spilled-0";
  fs::create_directories(own);
  ASSERT_EQ(chmod(all.c_str(), 01777), 0);
  ASSERT_EQ(chown(own.c_str(), kStranger, kStranger), 0);
  const Result refused = worker_with("--spill-dir", all);
  EXPECT_NE(refused.status, 0);
  EXPECT_TRUE(has(refused.err, own + " belongs to user 65534"));
  fs::remove(own);
  const wire::Fd lock(open(all.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  const auto worker = cluster.worker({"--cpus", "1", "--spill-dir", all});
  EXPECT_TRUE(fs::exists(own));
  worker->signal(SIGTERM);
  EXPECT_EQ(worker->wait().status, 0);
  EXPECT_TRUE(fs::is_empty(all));
}

}  // namespace
}  // namespace morrow::test
