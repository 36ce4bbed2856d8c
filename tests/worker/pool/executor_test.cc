// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include <sstream>

#include "tests/worker/pool/pool_fixture.h"

namespace morrow::worker {
namespace {

std::string fact(const std::string& facts, const std::string& name) {
  std::istringstream lines(facts);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + "=")) return line.substr(name.size() + 1);
  }
  return "(none)";
}

class ExecutorTest : public PoolTest {
 protected:
  std::string program_ = add_program(POOL_PROGRAM, "");
};

TEST_F(ExecutorTest, IsForkedFromTheFirstProcessOfItsProgram) {
  const auto one = pool_->start(program_, {});
  const auto two = pool_->start(program_, {});
  ASSERT_TRUE(run_until_ready(one));
  ASSERT_TRUE(run_until_ready(two));
  EXPECT_NE(ask(one, "pid"), ask(two, "pid"));
  EXPECT_EQ(ask(one, "parent"), ask(two, "parent"));
  EXPECT_EQ(children().size(), 1u) << "only the fork server is the worker's own child";
  EXPECT_EQ(pool_->size(), 2u);
}

TEST_F(ExecutorTest, TakesUpTasksThatWereSentBeforeItRan) {
  const auto executor = pool_->start(program_, {});
  for (int i = 0; i < 100; ++i) task(executor, "echo", std::to_string(i));
  ASSERT_TRUE(run_until([&] { return heard_[executor].done.size() == 100; }));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(heard_[executor].done[i].bytes(), std::to_string(i));
}

TEST_F(ExecutorTest, CarriesFramesLargerThanEverySocketBufferBothWays) {
  const auto executor = pool_->start(program_, {});
  const std::string large(5'000'000, 'm');
  EXPECT_EQ(ask(executor, "echo", large), large);
  EXPECT_EQ(ask(executor, "echo", "small"), "small");
}

TEST_F(ExecutorTest, DoesNotRunATaskThatWasTakenBack) {
  const auto executor = pool_->start(program_, {});
  wire::Task message;
  message.set_slot(7);
  message.set_generation(1);
  message.set_name("echo");
  pool_->offer(executor, 7, 1);
  EXPECT_TRUE(pool_->revoke(executor, 7, 1));
  EXPECT_FALSE(pool_->taken(executor, 7, 1));
  pool_->send(executor, wire::TASK, message);
  EXPECT_EQ(ask(executor, "echo", "the next"), "the next");
  EXPECT_EQ(heard_[executor].done.size(), 1u);
  message.set_generation(2);
  pool_->offer(executor, 7, 2);
  pool_->send(executor, wire::TASK, message);
  pool_->flush();
  ASSERT_TRUE(run_until([&] { return heard_[executor].done.size() == 2; }));
  EXPECT_TRUE(pool_->taken(executor, 7, 2));
  EXPECT_FALSE(pool_->revoke(executor, 7, 2));
}

TEST_F(ExecutorTest, GivesItsOutputWhenAskedToDrainIt) {
  const auto executor = pool_->start(program_, {});
  ASSERT_TRUE(run_until_ready(executor));
  ask(executor, "print", "a line");
  pool_->drain_output(executor);
  EXPECT_EQ(heard_[executor].output, "out a line\n");
  EXPECT_EQ(heard_[executor].errors, "err a line\n");
}

TEST_F(ExecutorTest, GivesAllItsFramesAndOutputBeforeItsStatus) {
  const auto executor = pool_->start(program_, {});
  task(executor, "reply and exit", "7");
  ASSERT_TRUE(run_until_exited(executor));
  const auto& heard = heard_[executor];
  ASSERT_TRUE(WIFEXITED(heard.exit->status));
  EXPECT_EQ(WEXITSTATUS(heard.exit->status), 7);
  EXPECT_TRUE(heard.exit->known);
  EXPECT_EQ(heard.exit->crash_record, "");
  ASSERT_EQ(heard.done.size(), 1u);
  EXPECT_EQ(heard.done[0].bytes().size(), 200'000u);
  EXPECT_EQ(heard.output, "last words");
  EXPECT_EQ(heard.after_exit, 0u);
  EXPECT_EQ(pool_->size(), 0u);
}

TEST_F(ExecutorTest, ThatCrashesReportsTheSignalAndItsRecordAndHurtsNobodyElse) {
  const auto one = pool_->start(program_, {});
  const auto two = pool_->start(program_, {});
  ASSERT_TRUE(run_until_ready(two));
  task(one, "crash");
  ASSERT_TRUE(run_until_exited(one));
  const auto& exit = *heard_[one].exit;
  ASSERT_TRUE(WIFSIGNALED(exit.status));
  EXPECT_EQ(WTERMSIG(exit.status), SIGSEGV);
  EXPECT_TRUE(exit.known);
  EXPECT_TRUE(exit.crash_record.starts_with(std::string("the crash record\0", 17)));
  EXPECT_EQ(ask(two, "echo", "here"), "here");
}

TEST_F(ExecutorTest, IsKilledTogetherWithWhatItStarted) {
  const auto executor = pool_->start(program_, {});
  const pid_t grandchild = std::stoi(ask(executor, "leave grandchild"));
  const pid_t pid = std::stoi(ask(executor, "pid"));
  pool_->kill(executor);
  EXPECT_FALSE(heard_[executor].exit.has_value()) << "told from inside of a call";
  ASSERT_TRUE(run_until_exited(executor));
  EXPECT_EQ(WTERMSIG(heard_[executor].exit->status), SIGKILL);
  EXPECT_TRUE(run_until([&] { return kill(-pid, 0) != 0; })) << "its process group lives on";
  EXPECT_FALSE(lives(grandchild));
}

TEST_F(ExecutorTest, CanBeKilledBeforeItRuns) {
  const auto one = pool_->start(program_, {});
  pool_->kill(one);
  ASSERT_TRUE(run_until_exited(one));
  EXPECT_FALSE(heard_[one].ready);
  const auto two = pool_->start(program_, {});
  ASSERT_TRUE(run_until_ready(two));
  const auto three = pool_->start(program_, {});
  io_.restart();
  io_.poll_one();  // it may be asked for by now
  pool_->kill(three);
  ASSERT_TRUE(run_until_exited(three));
  EXPECT_EQ(pool_->size(), 1u);
}

TEST_F(ExecutorTest, ThatSendsRubbishIsKilledAndTheReasonTold) {
  const auto executor = pool_->start(program_, {});
  task(executor, "rubbish");
  ASSERT_TRUE(run_until_exited(executor));
  EXPECT_NE(heard_[executor].exit->reason.find("not of the protocol"), std::string::npos)
      << heard_[executor].exit->reason;
  EXPECT_EQ(WTERMSIG(heard_[executor].exit->status), SIGKILL);
}

TEST_F(ExecutorTest, ThatClosesItsSocketAndLivesOnIsEnded) {
  const auto executor = pool_->start(program_, {});
  task(executor, "close");
  ASSERT_TRUE(run_until_exited(executor));
}

TEST_F(ExecutorTest, CannotShrinkTheMemoryThatItSharesWithTheWorker) {
  const auto executor = pool_->start(program_, {});
  EXPECT_EQ(ask(executor, "shrink"), "refused");
  pool_->offer(executor, 0, 1'000);
  EXPECT_TRUE(pool_->revoke(executor, 0, 1'000));
}

TEST_F(ExecutorTest, InheritsNoDescriptorButItsOwn) {
  const auto one = pool_->start(program_, {});
  const auto two = pool_->start(program_, {});
  ASSERT_TRUE(run_until_ready(one));
  ASSERT_TRUE(run_until_ready(two));
  const std::string list = ask(two, "descriptors");
  std::istringstream lines(list);
  int count = 0;
  int sockets = 0;
  for (std::string line; std::getline(lines, line); ++count) sockets += line.find("socket:") != std::string::npos;
  EXPECT_EQ(sockets, 1) << list;
  EXPECT_EQ(count, 5) << "its three standard streams, its socket, its claim words; it has\n" << list;
}

TEST_F(ExecutorTest, StartsAsItsDriverWasStarted) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  sigaction(SIGPIPE, &ignore, &before);
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, nullptr);
  const auto executor = pool_->start(program_, {2, 5});
  const auto plain = pool_->start(program_, {});
  const std::string facts = ask(executor, "facts");
  const std::string plain_facts = ask(plain, "facts");
  sigprocmask(SIG_UNBLOCK, &usr1, nullptr);
  sigaction(SIGPIPE, &before, nullptr);
  EXPECT_EQ(fact(facts, "exe"), std::filesystem::canonical(POOL_PROGRAM));
  EXPECT_EQ(fact(facts, "folder"), std::filesystem::canonical(folder_));
  EXPECT_EQ(fact(facts, "stdin"), "/dev/null");
  EXPECT_EQ(fact(facts, "MARK"), "this program");
  EXPECT_EQ(fact(facts, "CUDA_VISIBLE_DEVICES"), "2,5");
  EXPECT_EQ(fact(facts, "ROCR_VISIBLE_DEVICES"), "unset");
  EXPECT_EQ(fact(plain_facts, "CUDA_VISIBLE_DEVICES"), "");
  EXPECT_EQ(fact(plain_facts, "HIP_VISIBLE_DEVICES"), "-1");
  EXPECT_EQ(fact(facts, "usr1 blocked"), "0");
  EXPECT_EQ(fact(facts, "sigpipe"), "default");
  EXPECT_GE(std::stoull(fact(facts, "stack")), 8u << 20);
}

}  // namespace
}  // namespace morrow::worker
