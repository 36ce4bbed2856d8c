// SPDX-License-Identifier: Apache-2.0
// At the cap of executors a task runs in the process of the one that awaits it, and may need a lock that it holds.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

struct Job {
  std::string name;
  std::string output;
};
std::ostream& operator<<(std::ostream& out, const Job& job) { return out << job.name; }

class Locks : public testing::TestWithParam<Job> {};

TEST_P(Locks, AreNotWaitedForInTheProcessOfTheOneThatHoldsThem) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "a process has a thread of the sanitizer's in it, which does not wait for locks";
#endif
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1", "--executors", "1"});
  const std::string program = std::filesystem::path(scenarios()).replace_filename("lock_scenarios");
  const Result result = cluster.run({program, GetParam().name});
  EXPECT_EQ(result.out, GetParam().output + "\n") << result.err << worker->err();
}

INSTANTIATE_TEST_SUITE_P(OfEachKind, Locks,
                         testing::Values(Job{"parent", "2"}, Job{"grandparent", "3"}, Job{"through_another", "2"},
                                         Job{"after_a_wait", "2"}, Job{"not_forked", "2"}, Job{"reader", "2"},
                                         Job{"condition", "2"}, Job{"many", "12"}),
                         [](const auto& job) { return job.param.name; });

}  // namespace
}  // namespace morrow::test
