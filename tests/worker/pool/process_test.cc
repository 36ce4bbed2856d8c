// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include "tests/worker/pool/pool_fixture.h"
#include "worker/pool/process/launch.h"

namespace morrow::worker {
namespace {

class ProcessTest : public PoolTest {};

TEST_F(ProcessTest, NoneIsLeftWhenThePoolIsGone) {
  const auto forking = add_program(POOL_PROGRAM, "");
  const auto threaded = add_program(POOL_PROGRAM, "threads");
  const auto hanging = add_program(POOL_PROGRAM, "hang");
  std::vector<ExecutorProcess> executors;
  for (int i = 0; i < 3; ++i) {
    executors.push_back(pool_->start(forking, {}));
    executors.push_back(pool_->start(threaded, {}));
  }
  pool_->start(hanging, {});
  std::vector<pid_t> pids;
  for (const auto executor : executors) {
    ASSERT_TRUE(run_until_ready(executor));
    pids.push_back(std::stoi(ask(executor, "pid")));
  }
  ask(executors[0], "leave grandchild");
  ask(executors[1], "leave far grandchild");
  ask(executors[2], "leave far grandchild");
  pool_.reset();
  EXPECT_TRUE(children().empty()) << "zombies count too";
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  for (const pid_t pid : pids) EXPECT_FALSE(lives(pid));
}

TEST_F(ProcessTest, OrphansAreReapedAndOwnChildrenAreNotStolen) {
  const pid_t own = fork();
  if (own == 0) _exit(17);
  const auto executor = pool_->start(add_program(POOL_PROGRAM, ""), {});
  ASSERT_EQ(ask(executor, "leave far grandchild"), "left");
  pool_->kill(executor);
  ASSERT_TRUE(run_until_exited(executor));
  int status = 0;
  EXPECT_EQ(waitpid(own, &status, 0), own);
  EXPECT_EQ(WEXITSTATUS(status), 17);
  ASSERT_TRUE(run_until([] { return children().size() == 2; })) << "the fork server and the orphan";
  for (const pid_t pid : children()) kill(pid, SIGKILL);
  EXPECT_TRUE(run_until([] { return children().empty(); })) << "the orphan is a zombie";
}

TEST_F(ProcessTest, AMissingFileIsToldAndLeavesNoProcess) {
  LaunchPlan plan;
  plan.file = "/no/such/program";
  plan.arguments = {"program"};
  try {
    launch(plan);
    FAIL() << "it was started";
  } catch (const LaunchError& error) {
    EXPECT_STREQ(error.what(), "executing /no/such/program failed: No such file or directory");
  }
  EXPECT_TRUE(children().empty());
}

}  // namespace
}  // namespace morrow::worker
