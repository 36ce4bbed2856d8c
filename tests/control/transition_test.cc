// SPDX-License-Identifier: Apache-2.0
#include "control/transition.h"

#include "tests/control/world.h"

namespace morrow::control {
namespace {

/// Mistakes of control itself, which no operation can bring about: made here by hand.
class TransitionDeathTest : public ControlTest {
 protected:
  TransitionDeathTest() {
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    join_worker(1);
    open_session(1, 10);
    one(1, submit(driver(10), ready));
    one(1, submit(driver(10), claimed, 100));
    one(1, submit(driver(10), failed, 101));
    one(1, end(failed, 101, failure(FailureKind::kException)));
  }

  /// Calls `mistake` with a transition and the entry of `id`.
  template <class Mistake>
  void with(FutureId id, Mistake mistake) {
    const auto transaction = store.begin();
    Transition t(*transaction, 1);
    mistake(t, t.load(id));
  }

  const FutureId ready{10, 1};
  const FutureId claimed{10, 2};
  const FutureId failed{10, 3};
};

TEST_F(TransitionDeathTest, AFutureThatFailedNeverGoesOn) {
  for (const Status to : {Status::kWaiting, Status::kReady, Status::kClaimed, Status::kRealized}) {
    EXPECT_DEATH(with(failed, [&](Transition& t, Entry& entry) { t.move_to(failed, entry, to); }),
                 "goes only where its state allows.*000000000000000a/3");
  }
}

TEST_F(TransitionDeathTest, AFutureIsRealizedByAnExecutionAlone) {
  EXPECT_DEATH(with(ready, [&](Transition& t, Entry& entry) { t.move_to(ready, entry, Status::kRealized); }),
               "goes only where its state allows");
}

TEST_F(TransitionDeathTest, AFutureEndsOnce) {
  EXPECT_DEATH(with(failed, [&](Transition& t, Entry& entry) { t.finish(failed, entry, {}, *value("late")); }),
               "a future ends once");
}

TEST_F(TransitionDeathTest, AFutureHasOneClaimAtATime) {
  EXPECT_DEATH(with(claimed, [&](Transition& t, Entry& entry) { t.hold(claimed, entry, 102); }),
               "has one claim at a time.*100.*102");
  EXPECT_DEATH(with(ready, [&](Transition& t, Entry& entry) { t.drop_claim(ready, entry, false); }),
               "a claim that ends is one");
}

TEST_F(TransitionDeathTest, AFutureStandsInTheIndexOnce) {
  EXPECT_DEATH(with(ready, [&](Transition& t, Entry& entry) { t.enter_index(ready, entry, {}); }),
               "stands in the index once");
  EXPECT_DEATH(with(ready, [&](Transition& t, Entry& entry) { t.hold(ready, entry, 102); }), "has left the index");
}

TEST_F(TransitionDeathTest, AStateWhoseFieldsDisagreeIsNotWritten) {
  EXPECT_DEATH(with(ready,
                    [&](Transition& t, Entry& entry) {
                      entry.state.set_claim(5);
                      t.save(ready, entry);
                    }),
               "the fields of a state agree");
}

TEST_F(TransitionDeathTest, AFutureThatNobodyReleasedIsNotFreed) {
  EXPECT_DEATH(with(failed, [&](Transition& t, Entry& entry) { t.erase(failed, entry); }), "was released");
}

TEST_F(TransitionDeathTest, ARoundIsCommittedByItsOwnWorker) {
  EXPECT_DEATH(Committer(store, 1).run(Round{2, {}}), "a round is of this worker");
}

}  // namespace
}  // namespace morrow::control
