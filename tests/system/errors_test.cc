// SPDX-License-Identifier: Apache-2.0
// What users are told: where a task that failed was submitted, what it threw, what was released or forgotten.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

/// Each job as a driver of a cluster, and with a worker of its own.
class Errors : public testing::TestWithParam<bool> {
 protected:
  Errors() {
    if (!GetParam()) worker_ = cluster_.worker({"--cpus", "2"});
  }
  Result run(const std::string& job) {
    const std::string program = (std::filesystem::path(scenarios()).parent_path() / "error_scenarios").string();
    return cluster_.run({program, job, folder_()}, {{"MORROW_CLUSTER", GetParam() ? "" : cluster_.name()}});
  }
  std::string folder_() const {
    const std::string folder = cluster_.folder() + "/files";
    std::filesystem::create_directory(folder);
    return folder;
  }

  Cluster cluster_;
  std::unique_ptr<Process> worker_;
};

INSTANTIATE_TEST_SUITE_P(Sessions, Errors, testing::Values(false, true),
                         [](const auto& one) { return one.param ? "Private" : "Named"; });

TEST_P(Errors, EachFailureOfATaskTellsWhereItWasSubmittedAndItsName) {
  cluster_.expect_crashes();
  const Result result = run("places");
  EXPECT_EQ(result.out,
            "exception: known a\ncrash: known b\ncrash twice: known c\nexit: known d\nstack: known e\n"
            "timeout: known f\ndependency: known g\ncancelled dependency: known i\nunschedulable: told\n")
      << result.err;
}

TEST_P(Errors, AnExceptionIsCaughtAsTheStandardOneThatItDerivesFromAlsoWhenOthersLetItPass) {
  cluster_.expect_crashes();
  const std::string out = run("classes").out;
  EXPECT_TRUE(has(out, "own: (anonymous namespace)::OwnError 'row 7' caught 'row 7'\n"));
  EXPECT_TRUE(has(out, "passed: (anonymous namespace)::OwnError 'row 7' caught 'row 7'\n"));
  EXPECT_TRUE(has(out, "passed twice: (anonymous namespace)::OwnError 'row 7' caught 'row 7'\n"));
  EXPECT_TRUE(has(out, "passed crash: morrow::TaskCrashed 'the process died of SIGSEGV (Segmentation fault)' caught"));
  EXPECT_TRUE(has(out, "of signal 11\n"));
  EXPECT_TRUE(has(out, "passed to a dependent: (anonymous namespace)::OwnError 'row 7' caught 'row 7'\n"));
  EXPECT_TRUE(has(out, "wrapped: std::logic_error 'outer: (anonymous namespace)::OwnError: row 7 ("));
  EXPECT_TRUE(has(out,
                  "code: std::system_error 'opening: No such file or directory' caught 'opening: No such file or "
                  "directory'1\n"));
  EXPECT_TRUE(has(out, " \"/no/such/file\"\n"));
  EXPECT_TRUE(has(out, "stream: std::ios_base::failure"));
}

TEST_P(Errors, WhatWasReleasedIsNotThereWhateverTheClusterStillHasOfIt) {
  const Result result = run("released");
  EXPECT_EQ(result.out,
            "ended: ReleasedError\nrunning: ReleasedError\nget: ReleasedError\nget_for: ReleasedError\n"
            "size: ReleasedError\nget_all: ReleasedError\nready: 1\nwait: 1 of 2\ndependent: 5\nput: ReleasedError\n"
            "in a task: ReleasedError 5\n")
      << result.err;
}

TEST_P(Errors, FailuresThatTheProgramWasToldAreNotToldAgainAtTheEnd) {
  const Result all = run("looked_at_all");
  EXPECT_EQ(all.out, "2500\n");
  EXPECT_EQ(all.err, "");
  const Result together = run("looked_at_together");
  EXPECT_TRUE(has(together.out, "number "));
  EXPECT_EQ(together.err.find("nobody looked"), std::string::npos) << together.err;
}

TEST_P(Errors, WhatFailedForACauseThatTheProgramKnowsIsNotToldAtTheEnd) {
  EXPECT_EQ(run("looked_at_the_cause").err, "");
}

TEST_P(Errors, FailuresThatNobodyAskedForAreCountedAtTheEnd) {
  EXPECT_TRUE(has(run("looked_at_none").err, "3 futures failed and nobody looked at them; the first: "));
}

TEST_P(Errors, TheEndOfASessionSaysHowManyTasksItCancelled) {
  const Result result = run("forgotten");
  EXPECT_TRUE(has(result.err,
                  "futures had not ended and were cancelled with the session; one of them (writer, "
                  "error_scenarios.cc:"));
  EXPECT_TRUE(has(result.err, "morrow::wait_all()"));
}

TEST_P(Errors, WaitAllLetsAllThatWasSubmittedEnd) {
  const Result result = run("waited_for");
  EXPECT_EQ(result.out, "1 20\n1\n1\n") << result.err;
}

TEST_P(Errors, AScopeWaitsForAllThatWasSubmittedInItAndForNothingElse) {
  const Result result = run("waited_for_in_a_scope");
  EXPECT_EQ(result.out, "1 12\n1\nScope::wait: only the thread that opened the Scope can wait for it\n0\n")
      << result.err;
}

TEST_P(Errors, ATaskWaitsForAllThatItHasSubmitted) { EXPECT_EQ(run("waited_for_in_a_task").out, "5\n"); }

TEST_P(Errors, WhatAStartFunctionThrowsIsTheReasonOfThoseThatCannotRun) {
  EXPECT_TRUE(
      has(run("bad_start").out, "morrow::on_executor_start threw std::runtime_error: there is no licence (task "));
  EXPECT_TRUE(has(run("bad_start_with_number").out, "morrow::on_executor_start threw int: 42"));
}

TEST_P(Errors, WhatIsExpectedInATaskAndFailsFailsTheTestOfAProgramWithGoogleTest) {
  const std::string program = (std::filesystem::path(scenarios()).parent_path() / "expectations").string();
  const Result result = cluster_.run({program}, {{"MORROW_CLUSTER", GetParam() ? "" : cluster_.name()}});
  EXPECT_TRUE(has(result.out, "[       OK ] Expectations.ThatHoldInATaskPass"));
  EXPECT_TRUE(has(result.out, "[  FAILED  ] Expectations.ThatFailInATaskFail"));
  EXPECT_TRUE(has(result.out, "[  FAILED  ] Expectations.ThatFailInAChildOfATaskFail"));
  EXPECT_TRUE(has(result.out, "in the task"));
  EXPECT_TRUE(has(result.out, "in its child"));
  EXPECT_TRUE(has(result.out, "2 FAILED TESTS"));
}

}  // namespace
}  // namespace morrow::test
