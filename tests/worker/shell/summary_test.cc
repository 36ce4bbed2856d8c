// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/summary.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

class SummaryTest : public ::testing::Test {
 protected:
  void ask(bool everywhere) {
    wire::SummaryRequest request;
    request.set_everywhere(everywhere);
    summarize(
        request, {"w1", 5, totals_, tasks_}, store_.post(),
        [this](std::uint64_t, std::function<void()> late) { late_ = std::move(late); }, 1,
        [this](const wire::SummaryReply& reply) { replies_.push_back(reply); });
  }
  void hold(const std::string& name, TaskSeen::Stage stage) {
    TaskSeen task;
    task.name = name;
    task.stage = stage;
    tasks_.push_back(task);
  }
  const wire::FunctionSummary& of(const std::string& name) {
    for (const wire::FunctionSummary& one : replies_.at(0).functions()) {
      if (one.name() == name) return one;
    }
    ADD_FAILURE() << "nothing of " << name;
    return wire::FunctionSummary::default_instance();
  }

  FakeStore store_;
  std::unordered_map<std::string, TaskTotals::Total> totals_;
  std::vector<TaskSeen> tasks_;
  std::function<void()> late_;
  std::vector<wire::SummaryReply> replies_;
};

TEST_F(SummaryTest, EndsAndWhatIsHeldStandTogetherByName) {
  totals_["a"] = {3, 1, 0, 2, 6, 600};
  hold("a", TaskSeen::Stage::kRuns);
  hold("a", TaskSeen::Stage::kBlocked);
  hold("a", TaskSeen::Stage::kEnded);
  hold("b", TaskSeen::Stage::kQueued);
  hold("b", TaskSeen::Stage::kRetries);
  ask(false);
  ASSERT_EQ(replies_.size(), 1u);
  EXPECT_EQ(replies_[0].worker(), "w1");
  EXPECT_EQ(of("a").finished(), 3u);
  EXPECT_EQ(of("a").failed(), 1u);
  EXPECT_EQ(of("a").retried(), 2u);
  EXPECT_EQ(of("a").running(), 2u);
  EXPECT_EQ(of("a").waiting(), 0u);
  EXPECT_EQ(of("a").ran_ns(), 600u);
  EXPECT_EQ(of("b").waiting(), 2u);
}

TEST_F(SummaryTest, AStoreThatIsAwayIsSaidAndTheRestIsTold) {
  hold("a", TaskSeen::Stage::kRuns);
  ask(true);
  EXPECT_TRUE(replies_.empty());
  late_();
  ASSERT_EQ(replies_.size(), 1u);
  EXPECT_NE(replies_[0].error(), "");
  EXPECT_EQ(of("a").running(), 1u);
  store_.run();
  EXPECT_EQ(replies_.size(), 1u) << "answered once";
}

TEST_F(SummaryTest, OfVeryManyNamesTheRestStandsTogether) {
  const std::size_t names = TaskTotals::kMostNames + 20;
  for (std::size_t i = 0; i < names; ++i) hold(std::to_string(i), TaskSeen::Stage::kRuns);
  ask(false);
  EXPECT_EQ(static_cast<std::size_t>(replies_.at(0).functions_size()), TaskTotals::kMostNames + 1);
  EXPECT_EQ(of(TaskTotals::kOthers).running(), 20u);
}

}  // namespace
}  // namespace morrow::worker
