// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class DetachedTest : public ControlTest {
 protected:
  DetachedTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }
  const std::string program = std::string(16, 'p');
  const std::string hash = std::string(32, 'h');
  const FutureId id{20, 1};

  SpecPtr spec(const std::string& name = "nightly") {
    Spec out = *make_spec();
    out.detached = true;
    out.name = name;
    out.program = program;
    out.session = 10;
    return std::make_shared<Spec>(out);
  }
  OpResult detach(FutureId future, Claim claim = 0, const std::string& name = "nightly", SessionId session = 10) {
    one(1, op::OpenScope{driver(session), future.scope, session});
    return one(1, submit(driver(session), future, claim, spec(name)));
  }
  std::optional<FutureId> found(const std::string& name = "nightly") {
    const auto named = find_named(store, name);
    return named ? std::optional(named->id) : std::nullopt;
  }
  /// Submitted by an execution, in a scope of its own.
  OpResult detach_from(FutureId parent, Claim claim, FutureId future) {
    one(1, op::OpenScope{execution(parent, claim), future.scope, claim});
    return one(1, submit(execution(parent, claim), future, 0, spec()));
  }
  /// The future, detached, depends on others.
  OpResult detach_after(const std::vector<FutureId>& others, Claim claim = 0) {
    one(1, op::OpenScope{driver(10), id.scope, 10});
    Spec after = *spec();
    after.dependencies = others;
    return one(1, submit(driver(10), id, claim, std::make_shared<Spec>(after)));
  }
  void end_driver(SessionId session = 10) {
    one(1, end_session(session));
    work_off(1);
  }
};

TEST_F(DetachedTest, AFutureOutlivesItsSessionAndIsFoundAndItsReleaseLeavesNothing) {
  EXPECT_EQ(detach(id).verdict, Verdict::kReady);
  EXPECT_EQ(found(), id);
  end_driver();
  EXPECT_EQ(found(), id);
  const ClaimResult claimed = claim_some(2, {100});
  ASSERT_EQ(claimed.taken.size(), 1U);
  one(2, end(id, 100, value("done")));
  EXPECT_EQ(one(2, op::Await{id}).outcome->bytes, "done");
  open_session(1, 11);
  one(1, op::Release{driver(11), id});
  work_off(1);
  EXPECT_EQ(found(), std::nullopt);
  end_driver(11);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(DetachedTest, ANameHasOneFutureAtATime) {
  detach(id);
  EXPECT_EQ(detach({21, 1}).verdict, Verdict::kAbsent);
  EXPECT_EQ(detach({22, 1}, 0, "weekly").verdict, Verdict::kReady);
  EXPECT_EQ(found(), id);
  one(1, op::Release{driver(10), id});
  EXPECT_EQ(detach({23, 1}).verdict, Verdict::kReady) << "before all of the first is gone";
  work_off(1);
  EXPECT_EQ(found(), (FutureId{23, 1}));
}

TEST_F(DetachedTest, ASubmitThatIsSentAgainKeepsItsName) {
  one(1, op::OpenScope{driver(10), 20, 10});
  const op::Submit once = submit(driver(10), id, 0, spec());
  EXPECT_EQ(one(1, once).verdict, Verdict::kReady);
  EXPECT_EQ(one(1, once).verdict, Verdict::kAgain);
  EXPECT_EQ(found(), id);
}

TEST_F(DetachedTest, WhatItsDriverPreparedAndDidNotSubmitEndsWithTheSession) {
  one(1, op::OpenScope{driver(10), 20, 10});
  one(1, submit(driver(10), {20, 1}, 100));
  end_driver();
  drain(1);  // that it is cancelled
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(DetachedTest, TheScopeOfASessionOrAnExecutionIsNotDetached) {
  EXPECT_EQ(one(1, submit(driver(10), {10, 1}, 0, spec())).verdict, Verdict::kAbsent);
  one(1, submit(driver(10), {10, 2}, 100));
  EXPECT_EQ(one(1, submit(execution({10, 2}, 100), {100, 1}, 0, spec())).verdict, Verdict::kAbsent);
  EXPECT_EQ(found(), std::nullopt);
}

TEST_F(DetachedTest, ATaskMayDetachOneInAScopeOfItsOwn) {
  const FutureId parent{10, 1};
  one(1, submit(driver(10), parent, 100));
  one(1, op::OpenScope{execution(parent, 100), 20, 100});
  EXPECT_EQ(one(1, submit(execution(parent, 100), id, 0, spec())).verdict, Verdict::kReady);
  one(1, end(parent, 100, value("3")));
  work_off(1);
  end_driver();
  EXPECT_EQ(found(), id);
}

TEST_F(DetachedTest, WhatItSubmitsAndHandsOutEndsWithItsRelease) {
  detach(id, 100);
  one(1, submit(execution(id, 100), {100, 1}, 101));
  one(1, end({100, 1}, 101, value("child")));
  one(1, end(id, 100, value("handle"), true));
  end_driver();
  EXPECT_EQ(one(2, op::Await{{100, 1}}).outcome->bytes, "child");
  open_session(1, 11);
  one(1, op::Release{driver(11), id});
  work_off(1);
  end_driver(11);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(DetachedTest, OneThatRunsIsCancelledByItsRelease) {
  detach(id, 100);
  one(1, op::Release{driver(10), id});
  work_off(1);
  EXPECT_EQ(drain(1).cancelled.size(), 1U);
  EXPECT_EQ(look(2, id), Verdict::kAbsent);
}

TEST_F(DetachedTest, ItKeepsItsProgramAndFilesWhenItsSessionIsGone) {
  put_program(store, program, "modules", 10);
  put_blob_chunk(store, hash, 0, "file");
  put_blob_header(store, hash, 1, 4);
  use_blob(store, hash, 10);
  detach(id);
  end_driver();
  for (int i = 0; i < 3; ++i) collect_images(store, 0);
  EXPECT_EQ(program_used(store, 20), "modules");
  EXPECT_TRUE(blob_header(store, hash).has_value());
  open_session(1, 11);
  one(1, op::Release{driver(11), id});
  work_off(1);
  collect_images(store, 0);
  EXPECT_EQ(get_program(store, program), std::nullopt);
  EXPECT_FALSE(blob_header(store, hash).has_value());
}

TEST_F(DetachedTest, ATaskThatIsTriedAgainFindsWhatItsLastAttemptDetached) {
  const FutureId parent{10, 1};
  one(1, submit(driver(10), parent, 100));
  EXPECT_EQ(detach_from(parent, 100, id).verdict, Verdict::kReady);
  one(1, end(parent, 100, failure(FailureKind::kCrash), false, 101));
  EXPECT_EQ(detach_from(parent, 101, {21, 1}).verdict, Verdict::kAbsent);
  EXPECT_EQ(find_named(store, "nightly")->id, id);
  EXPECT_EQ(find_named(store, "nightly")->again, (FutureId{21, 1}));
  EXPECT_EQ(detach_from(parent, 101, {22, 1}).verdict, Verdict::kAbsent);
  EXPECT_EQ(find_named(store, "nightly")->again, (FutureId{21, 1})) << "an attempt has a name once";
}

TEST_F(DetachedTest, SoDoesATaskBelowOneThatIsTriedAgain) {
  const FutureId parent{10, 1};
  one(1, submit(driver(10), parent, 100));
  one(1, submit(execution(parent, 100), {100, 3}, 110));
  EXPECT_EQ(detach_from({100, 3}, 110, id).verdict, Verdict::kReady);
  one(1, end(parent, 100, failure(FailureKind::kCrash), false, 101));
  one(1, submit(execution(parent, 101), {101, 3}, 111));
  one(1, submit(execution(parent, 101), {101, 4}, 112));
  detach_from({101, 4}, 112, {21, 1});
  EXPECT_EQ(find_named(store, "nightly")->again, FutureId{}) << "that is another task";
  detach_from({101, 3}, 111, {22, 1});
  EXPECT_EQ(find_named(store, "nightly")->again, (FutureId{22, 1}));
}

TEST_F(DetachedTest, TheNameOfAnotherTaskOrOfADriverIsTaken) {
  detach(id);
  one(1, submit(driver(10), {10, 1}, 100));
  detach_from({10, 1}, 100, {21, 1});
  EXPECT_EQ(find_named(store, "nightly")->again, FutureId{});
}

TEST_F(DetachedTest, WhatItDependsOnLivesAsLongAsItNeedsThatAndNoLonger) {
  one(1, submit(driver(10), {10, 1}));       // has not begun
  one(1, submit(driver(10), {10, 2}, 102));  // runs
  one(1, submit(driver(10), {10, 3}, 103));  // has its value
  one(1, end({10, 3}, 103, value("3")));
  EXPECT_EQ(detach_after({{10, 1}, {10, 2}, {10, 3}}).verdict, Verdict::kWaiting);
  end_driver();
  EXPECT_TRUE(drain(1).cancelled.empty());
  one(1, end({10, 2}, 102, value("2")));
  work_off(1);
  const ClaimResult dependency = claim_some(2, {104});
  ASSERT_EQ(dependency.taken.size(), 1U);
  one(2, end({10, 1}, 104, value("1")));
  work_off(2);
  const ClaimResult claimed = claim_some(2, {105});
  ASSERT_EQ(claimed.taken.size(), 1U);
  EXPECT_EQ(claimed.taken[0].dependencies.size(), 3U);
  one(2, end(id, 105, value("done")));
  work_off(2);
  EXPECT_EQ(look(2, {10, 1}), Verdict::kAbsent);
  EXPECT_EQ(found(), id);
  open_session(1, 11);
  one(1, op::Release{driver(11), id});
  work_off(1);
  end_driver(11);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(DetachedTest, WhatIsSubmittedWhileItsSessionClosesHoldsUpTheEndOfNothing) {
  one(1, submit(driver(10), {10, 1}, 100));
  one(1, submit(execution({10, 1}, 100), {100, 1}, 101));
  one(1, end_session(10));  // and is not worked off yet
  one(1, op::OpenScope{execution({10, 1}, 100), id.scope, 100});
  Spec after = *spec();
  after.dependencies = {FutureId{100, 1}};
  one(1, submit(execution({10, 1}, 100), id, 0, std::make_shared<Spec>(after)));
  int steps = 0;
  while (ending_step(store, 1, 10)) ASSERT_LT(++steps, 100) << "it waits for one that it should end";
}

TEST_F(DetachedTest, ABlockThatEndsAndTheSessionAroundItWaitForWhatNeedsThem) {
  one(1, op::OpenScope{driver(10), 30, 10});
  one(1, submit(driver(10), {30, 1}, 100));
  detach_after({{30, 1}});
  one(1, op::EndScope{driver(10), 30});
  end_driver();
  EXPECT_TRUE(drain(1).cancelled.empty());
  open_session(1, 11);
  one(1, op::Release{driver(11), id});
  work_off(1);
  EXPECT_EQ(drain(1).cancelled.size(), 1U) << "nobody needs it any more";
  end_driver(11);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(DetachedTest, OneThatNeedsAnotherKeepsItAfterItsReleaseAndNotItsName) {
  detach({21, 1}, 0, "weekly");
  detach_after({{21, 1}});
  one(1, op::Release{driver(10), {21, 1}});
  EXPECT_EQ(found("weekly"), std::nullopt);
  EXPECT_EQ(detach({22, 1}, 0, "weekly").verdict, Verdict::kReady);
  work_off(1);
  EXPECT_NE(look(1, {21, 1}), Verdict::kAbsent);
  one(1, op::Cancel{driver(10), id});
  work_off(1);
  EXPECT_EQ(look(1, {21, 1}), Verdict::kAbsent);
  EXPECT_EQ(found("weekly"), (FutureId{22, 1}));
}

TEST_F(DetachedTest, OneThatEndedInTheSameRoundIsReleasedAsAWhole) {
  one(1, op::OpenScope{driver(10), 20, 10});
  op::Submit ended = submit(driver(10), id, 0, spec());
  ended.how = op::Submit::How::kEnded;
  ended.outcome = value("at once");
  EXPECT_EQ(one(1, ended).verdict, Verdict::kFinished);
  EXPECT_EQ(found(), id);
  one(1, op::Release{driver(10), id});
  work_off(1);
  EXPECT_EQ(found(), std::nullopt);
}

}  // namespace
}  // namespace morrow::control
