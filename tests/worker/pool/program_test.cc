// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include "tests/worker/pool/pool_fixture.h"

namespace morrow::worker {
namespace {

using testing::AssertionResult;

AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

class ProgramTest : public PoolTest {
 protected:
  std::string failure_of(const std::string& how, const std::function<void(wire::Program&)>& change = {}) {
    pool_->start(add_program(POOL_PROGRAM, how, change), {});
    EXPECT_TRUE(run_until_failed());
    EXPECT_EQ(pool_->size(), 0u);
    return failures_.empty() ? "" : failures_.back();
  }
};

TEST_F(ProgramTest, ThatFailsBeforeItsSessionLineIsToldWithItsStatusAndLastLinesAndNoAdvice) {
  const std::string sentence = failure_of("exit");
  EXPECT_EQ(sentence,
            "program pool_program exited with status 3 before it reached its morrow::Session line. It printed last:\n"
            "line 5\nline 6\nline 7\nline 8\nline 9");
  EXPECT_TRUE(contains(printed_, "line 1\n"));
}

TEST_F(ProgramTest, ThatRunsToItsEndWithoutASessionLineGetsTheAdviceToMakeItTheFirst) {
  EXPECT_TRUE(contains(failure_of("return"),
                       "exited with status 0 before it reached its morrow::Session line; make `morrow::Session` the "
                       "first line of main"));
}

TEST_F(ProgramTest, ThatCannotBeLoadedFailsWithTheWordsOfTheLoaderFirst) {
  EXPECT_EQ(failure_of("loader"),
            "program pool_program can't be loaded on this machine: libfoo.so.1 is missing (error while loading shared "
            "libraries: libfoo.so.1: cannot open shared object file: No such file or directory)");
  EXPECT_EQ(failure_of("old system"),
            "program pool_program can't be loaded on this machine: /lib/libc.so.6: version `GLIBC_9.99' not found "
            "(required by ./train)");
}

TEST_F(ProgramTest, ThatIsKilledBeforeItsSessionLineFailsWithTheSignal) {
  EXPECT_TRUE(
      contains(failure_of("abort"), "was killed by signal 6 (Aborted) before it reached its morrow::Session line"));
}

TEST_F(ProgramTest, ThatHangsBeforeItsSessionLineFailsAfterTheLimit) {
  make_pool(300);
  EXPECT_TRUE(contains(failure_of("hang"), "did not reach its morrow::Session line within 0.3 s"));
  EXPECT_TRUE(run_until([] { return children().empty(); })) << "it was left alive";
}

TEST_F(ProgramTest, ThatClosesItsChannelAndHangsFailsAfterTheLimit) {
  make_pool(300);
  EXPECT_TRUE(contains(failure_of("close channel"), "did not reach its morrow::Session line within 0.3 s"));
}

TEST_F(ProgramTest, WhoseModulesAreOthersFailsWithItsOwnSentence) {
  EXPECT_TRUE(contains(failure_of("refuse"), "program pool_program can't run here: libmath.so is another build here"));
}

TEST_F(ProgramTest, WhoseFolderIsGoneFailsWithItsName) {
  const std::string sentence = failure_of("", [](wire::Program& program) { program.set_folder("/no/such/folder"); });
  EXPECT_TRUE(contains(
      sentence, "its working directory /no/such/folder can't be entered on this machine: No such file or directory"));
}

TEST_F(ProgramTest, ThatCannotBeExecutedFailsWithTheReason) {
  const auto file = folder_ / "not_executable";
  std::filesystem::copy_file(POOL_PROGRAM, file);
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  pool_->start(add_program(file, ""), {});
  ASSERT_TRUE(run_until_failed());
  EXPECT_TRUE(contains(failures_.back(), "Permission denied"));
}

TEST_F(ProgramTest, ThatIsNotInTheStoreFailsWithTheReason) {
  make_pool(200);
  pool_->start("a key of nobody.", {});
  ASSERT_TRUE(run_until_failed());
  EXPECT_TRUE(contains(failures_.back(), "it is not in the store"));
}

TEST_F(ProgramTest, ThatFailedIsStartedAgainWhenItIsAskedForAgain) {
  const auto marker = folder_ / "marker";
  const std::string program = add_program(POOL_PROGRAM, "killed at first start", [&](wire::Program& change) {
    change.add_environment("MARKER=" + marker.string());
  });
  pool_->start(program, {});
  pool_->start(program, {});
  ASSERT_TRUE(run_until_failed());
  EXPECT_EQ(failures_.size(), 1u) << "all that wait fail together";
  EXPECT_TRUE(contains(failures_.back(), "was killed by signal 9 (Killed) before it reached its morrow::Session line"));
  EXPECT_EQ(failures_.back().find("first line of main"), std::string::npos) << failures_.back();
  EXPECT_EQ(pool_->size(), 0u);
  failures_.clear();
  const auto one = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  EXPECT_EQ(ask(one, "echo", "well"), "well");
}

TEST_F(ProgramTest, ThatIsStoppedBeforeItsSessionLineFailsBeforeTheLimitAndSaysSo) {
  EXPECT_TRUE(contains(failure_of("stop"), "was stopped (SIGSTOP) before it reached its morrow::Session line"));
  EXPECT_TRUE(run_until([] { return children().empty(); })) << "it was left alive";
}

TEST_F(ProgramTest, WithThreadsGetsAProcessForEachExecutor) {
  const std::string program = add_program(POOL_PROGRAM, "threads");
  const auto one = pool_->start(program, {});
  const auto two = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  ASSERT_TRUE(run_until_ready(two));
  EXPECT_EQ(ask(one, "parent"), std::to_string(getpid()));
  EXPECT_NE(ask(one, "pid"), ask(two, "pid"));
  task(one, "reply and exit", "5");
  ASSERT_TRUE(run_until_exited(one));
  EXPECT_EQ(WEXITSTATUS(heard_[one].exit->status), 5);
  EXPECT_EQ(heard_[one].output, "last words");
  pool_->kill(two);
  ASSERT_TRUE(run_until_exited(two));
  EXPECT_EQ(WTERMSIG(heard_[two].exit->status), SIGKILL);
  EXPECT_TRUE(heard_[two].exit->known);
}

TEST_F(ProgramTest, ThatGetsThreadsLaterGetsAProcessForEachExecutor) {
  const std::string program = add_program(POOL_PROGRAM, "late threads");
  const auto one = pool_->start(program, {});
  const auto two = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  ASSERT_TRUE(run_until_ready(two));
  EXPECT_EQ(ask(one, "parent"), std::to_string(getpid()));
  EXPECT_EQ(ask(two, "echo", "well"), "well");
}

TEST_F(ProgramTest, WhoseForkServerIsKilledTakesItsExecutorsWithItAndStartsAnew) {
  const std::string program = add_program(POOL_PROGRAM, "");
  const auto one = pool_->start(program, {});
  const auto two = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  ASSERT_TRUE(run_until_ready(two));
  const pid_t pid = std::stoi(ask(one, "pid"));
  kill(std::stoi(ask(one, "parent")), SIGKILL);
  ASSERT_TRUE(run_until_exited(one));
  ASSERT_TRUE(run_until_exited(two));
  EXPECT_FALSE(heard_[one].exit->known);
  EXPECT_FALSE(heard_[two].exit->known);
  EXPECT_FALSE(lives(pid)) << "told before it was dead";
  const auto three = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(three));
  EXPECT_EQ(ask(three, "echo", "again"), "again");
  EXPECT_TRUE(failures_.empty());
}

TEST_F(ProgramTest, WhoseForkServerDiesWhenAskedFails) {
  EXPECT_TRUE(contains(failure_of("dies at fork"), "exited with status 9 when it was asked for an executor"));
}

TEST_F(ProgramTest, WhoseForkServerIsKilledWhenFirstAskedFailsOnceAndStartsWhenAskedAgain) {
  const auto marker = folder_ / "marker";
  const std::string program = add_program(POOL_PROGRAM, "killed at first fork", [&](wire::Program& change) {
    change.add_environment("MARKER=" + marker.string());
  });
  pool_->start(program, {});
  pool_->start(program, {});
  ASSERT_TRUE(run_until_failed());
  EXPECT_TRUE(contains(failures_.back(), "was killed by signal 9 (Killed) when it was asked for an executor"));
  EXPECT_EQ(pool_->size(), 0u);
  failures_.clear();
  const auto one = pool_->start(program, {});
  const auto two = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  ASSERT_TRUE(run_until_ready(two));
  EXPECT_EQ(ask(one, "echo", "again"), "again");
}

TEST_F(ProgramTest, WhoseForkServerIsStoppedIsNotWaitedForAndStartsAnew) {
  const std::string program = add_program(POOL_PROGRAM, "");
  const auto one = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  kill(std::stoi(ask(one, "parent")), SIGSTOP);
  pool_->start(program, {});
  ASSERT_TRUE(run_until_failed());
  EXPECT_TRUE(contains(failures_.back(), "was stopped when it was asked for an executor"));
  ASSERT_TRUE(run_until_exited(one));
  failures_.clear();
  const auto two = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(two));
  EXPECT_EQ(ask(two, "echo", "again"), "again");
}

TEST_F(ProgramTest, AnExecutorThatDiesWhileItsForkServerIsStoppedIsHeardOf) {
  const std::string program = add_program(POOL_PROGRAM, "");
  const auto one = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  const pid_t server = std::stoi(ask(one, "parent"));
  kill(server, SIGSTOP);
  kill(std::stoi(ask(one, "pid")), SIGKILL);
  ASSERT_TRUE(run_until_exited(one));
  EXPECT_FALSE(heard_[one].exit->known);
  EXPECT_TRUE(contains(heard_[one].exit->reason, "does not say how"));
  kill(server, SIGCONT);
  const auto two = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(two));
  EXPECT_EQ(ask(two, "echo", "again"), "again");
  EXPECT_EQ(heard_[one].after_exit, 0u) << "its end is told once, also when the fork server tells it later";
}

TEST_F(ProgramTest, WhoseForkServerDoesNotAnswerFailsAfterTheLimit) {
  make_pool(400);
  EXPECT_TRUE(contains(failure_of("deaf"), "did not answer when it was asked for an executor"));
}

TEST_F(ProgramTest, ThatIsRetiredEndsItsFirstProcessUnlessItIsUsed) {
  const std::string program = add_program(POOL_PROGRAM, "");
  const auto one = pool_->start(program, {});
  ASSERT_TRUE(run_until_ready(one));
  pool_->retire(program, false);
  EXPECT_EQ(ask(one, "echo", "still here"), "still here");
  pool_->kill(one);
  ASSERT_TRUE(run_until_exited(one));
  pool_->retire(program, false);
  EXPECT_TRUE(run_until([] { return children().empty(); }));
  const auto two = pool_->start(program, {});
  EXPECT_TRUE(run_until_ready(two));
}

TEST_F(ProgramTest, OneThatIsWantedAgainIsStartedAgainAfterItsEnd) {
  const std::string program = add_program(POOL_PROGRAM, "");
  for (int i = 0; i < 3; ++i) {
    const auto executor = pool_->start(program, {});
    ASSERT_TRUE(run_until_ready(executor));
    pool_->kill(executor);
    ASSERT_TRUE(run_until_exited(executor));
    pool_->retire(program, true);
    EXPECT_TRUE(run_until([] { return children().empty(); }));
  }
}

TEST_F(ProgramTest, IsEndedWhileItPreparesForAnExecutorThatNobodyWantsAnyMore) {
  const std::string program = add_program(POOL_PROGRAM, "");
  const auto executor = pool_->start(program, {});
  pool_->kill(executor);
  pool_->retire(program, true);
  ASSERT_TRUE(run_until_exited(executor));
  EXPECT_TRUE(run_until_ready(pool_->start(program, {})));
}

}  // namespace
}  // namespace morrow::worker
