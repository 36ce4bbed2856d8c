// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/base/expect_abort.h"
#include "worker/brain/cap_relief.h"
#include "worker/brain/cluster_view.h"
#include "worker/brain/idle_registration.h"
#include "worker/brain/round_in_flight.h"
#include "worker/brain/sessions.h"
#include "worker/brain/store_looks.h"
#include "worker/brain/timeouts.h"

namespace morrow::worker {
namespace {

// ---- idle registration ----

struct IdleRegistrationTest : testing::Test {
  IdleRegistration registration{100};
  Ledger ledger{control::Resources{4'000'000, 0, 0, {}}};
};

TEST_F(IdleRegistrationTest, AWorkerThatIsIdleForAWhileRegistersOnce) {
  EXPECT_FALSE(registration.update(10, true, false, ledger, true));
  EXPECT_EQ(registration.deadline(true), Time{110});
  EXPECT_FALSE(registration.update(109, true, false, ledger, true));
  const auto change = registration.update(110, true, false, ledger, true);
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->idle);
  EXPECT_EQ(change->free.cpu_micro, 4'000'000u);
  EXPECT_FALSE(registration.update(300, true, false, ledger, true));
  EXPECT_EQ(registration.deadline(true), std::nullopt);
}

TEST_F(IdleRegistrationTest, WithoutOthersItDoesNot) {
  registration.update(10, true, false, ledger, false);
  EXPECT_EQ(registration.deadline(false), std::nullopt);
  EXPECT_FALSE(registration.update(500, true, false, ledger, false));
}

TEST_F(IdleRegistrationTest, ItLeavesTheListWhenTasksWait) {
  registration.update(10, true, false, ledger, true);
  ASSERT_TRUE(registration.update(110, true, false, ledger, true));
  EXPECT_FALSE(registration.update(120, false, false, ledger, true));
  const auto change = registration.update(130, false, true, ledger, true);
  ASSERT_TRUE(change);
  EXPECT_FALSE(change->idle);
}

TEST_F(IdleRegistrationTest, MoreThatIsFreeIsAReasonToRegisterAnew) {
  ledger.take({3'000'000, 0, 0, {}});
  registration.update(10, true, false, ledger, true);
  ASSERT_TRUE(registration.update(110, true, false, ledger, true));
  ledger.release({3'000'000, 0, 0, {}});
  EXPECT_FALSE(registration.update(120, true, false, ledger, true));
  const auto change = registration.update(220, true, false, ledger, true);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->free.cpu_micro, 4'000'000u);
}

TEST_F(IdleRegistrationTest, AWorkerThatWasWokenRegistersAgain) {
  registration.update(10, true, false, ledger, true);
  ASSERT_TRUE(registration.update(110, true, false, ledger, true));
  registration.note_woken();
  EXPECT_TRUE(registration.update(120, true, false, ledger, true));
}

// ---- the round that is under way ----

std::pair<std::vector<Item>, std::shared_ptr<control::Round>> round_of(std::size_t size) {
  auto round = std::make_shared<control::Round>();
  round->ops.resize(size);
  return {std::vector<Item>(size), std::move(round)};
}

TEST(RoundInFlight, ARoundIsUnderWayUntilItIsAnswered) {
  RoundInFlight flight;
  auto [items, round] = round_of(3);
  flight.start(5, std::move(items), round);
  EXPECT_TRUE(flight.under_way());
  EXPECT_EQ(flight.finish().first.size(), 3u);
  EXPECT_FALSE(flight.under_way());
  EXPECT_EQ(flight.last_start(), 5u);
}

TEST(RoundInFlightDeathTest, OneRoundIsUnderWayAtATimeWithAnItemForEachOperation) {
  RoundInFlight flight;
  EXPECT_ABORT(flight.finish(), "a round that is answered is under way");
  EXPECT_ABORT(flight.start(1, std::vector<Item>(2), round_of(1).second), "each operation of a round is of an item");
  flight.start(1, std::vector<Item>(1), round_of(1).second);
  EXPECT_ABORT(flight.start(2, std::vector<Item>(1), round_of(1).second), "one round is under way at a time");
}

// ---- sessions ----

TEST(Sessions, ALaterConnectionTakesTheSession) {
  Sessions sessions;
  sessions.open(7, 1, 100, "program");
  sessions.open(7, 2, 101, "program");
  EXPECT_EQ(sessions.of_client(1), nullptr);
  EXPECT_EQ(sessions.of_client(2)->id, 7u);
  EXPECT_EQ(sessions.find(7, 100), nullptr);
  EXPECT_EQ(sessions.find(7, 101), sessions.find(7));
  sessions.drop_client(1);
  EXPECT_EQ(sessions.of_client(2)->id, 7u);
}

TEST(Sessions, ASessionOutlivesItsConnection) {
  Sessions sessions;
  sessions.open(7, 1, 100, "program");
  sessions.drop_client(1);
  EXPECT_EQ(sessions.of_client(1), nullptr);
  ASSERT_NE(sessions.find(7), nullptr);
  EXPECT_EQ(sessions.find(7)->client, 0u);
}

TEST(Sessions, ASessionThatIsClosedLeavesItsConnectionWithNone) {
  Sessions sessions;
  sessions.open(7, 1, 100, "program");
  sessions.close(7);
  EXPECT_EQ(sessions.find(7), nullptr);
  EXPECT_EQ(sessions.of_client(1), nullptr);
}

TEST(SessionsDeathTest, OnlyAKnownSessionIsClosed) {
  Sessions sessions;
  EXPECT_ABORT(sessions.close(7), "a session that is closed is known");
}

// ---- the cluster as it was seen ----

control::WorkerSeen worker(control::Incarnation incarnation, std::uint64_t cpu_micro, bool idle = false) {
  control::WorkerSeen seen;
  seen.info.incarnation = incarnation;
  seen.info.name = "w" + std::to_string(incarnation);
  seen.info.total.cpu_micro = cpu_micro;
  seen.idle = idle;
  return seen;
}

TEST(ClusterView, AsLongAsNoWorkerIsKnownAnyoneMightRunIt) {
  ClusterView view(1);
  EXPECT_TRUE(view.someone_could_run({1'000'000, 0, 0, {}}));
  EXPECT_EQ(view.largest_worker(), "");
}

TEST(ClusterView, TheLargestWorkerThatLivesSaysWhatIsPossible) {
  ClusterView view(1);
  control::WorkerSeen dying = worker(3, 16'000);
  dying.dying = true;
  view.update({worker(1, 2'000'000), worker(2, 4'000'000), dying});
  EXPECT_TRUE(view.someone_could_run({4'000'000, 0, 0, {}}));
  EXPECT_FALSE(view.someone_could_run({8'000'000, 0, 0, {}}));
  EXPECT_EQ(view.largest_worker(), "; the largest, w2, has 4 cpus");
}

TEST(ClusterView, OwnIdlenessIsNotThatOfOthers) {
  ClusterView view(1);
  view.update({worker(1, 2'000'000, true), worker(2, 2'000'000)});
  EXPECT_FALSE(view.others_idle());
  view.update({worker(1, 2'000'000), worker(2, 2'000'000, true)});
  EXPECT_TRUE(view.others_idle());
}

TEST(ClusterView, WhoComesIntoSightAfterWorkWentToTheIndexIsWokenOnce) {
  ClusterView view(1);
  EXPECT_FALSE(view.update({worker(1, 2'000'000)}));
  EXPECT_FALSE(view.note_indexed());
  EXPECT_FALSE(view.update({worker(1, 2'000'000)}));
  EXPECT_TRUE(view.update({worker(1, 2'000'000), worker(2, 2'000'000)}));
  EXPECT_FALSE(view.update({worker(1, 2'000'000), worker(2, 2'000'000)}));
  EXPECT_TRUE(view.note_indexed());
  EXPECT_FALSE(view.update({worker(1, 2'000'000), worker(2, 2'000'000), worker(3, 2'000'000)}));
}

// ---- looks, timeouts, the cap ----

TEST(StoreLooks, EachLookIsQueuedOnce) {
  StoreLooks looks;
  EXPECT_TRUE(looks.queue_drain());
  EXPECT_FALSE(looks.queue_drain());
  looks.drain_goes();
  EXPECT_TRUE(looks.queue_drain());
  EXPECT_TRUE(looks.queue_check({1, 1}));
  EXPECT_FALSE(looks.queue_check({1, 1}));
  EXPECT_TRUE(looks.queue_check({1, 2}));
  looks.check_done({1, 1});
  EXPECT_TRUE(looks.queue_check({1, 1}));
}

TEST(Timeouts, TheFirstThatIsOverIsTakenFirstAndOnce) {
  Timeouts timeouts;
  timeouts.add(20, 2, 22);
  timeouts.add(10, 1, 11);
  EXPECT_EQ(timeouts.next(), Time{10});
  EXPECT_FALSE(timeouts.take_due(9));
  EXPECT_EQ(timeouts.take_due(25)->claim, 11u);
  EXPECT_EQ(timeouts.take_due(25)->claim, 22u);
  EXPECT_FALSE(timeouts.take_due(25));
  EXPECT_EQ(timeouts.next(), std::nullopt);
}

TEST(CapRelief, ItLooksNowAndThenAndRemembersWhoNeedsWhat) {
  CapRelief relief;
  EXPECT_TRUE(relief.start_look(1'000, 7));
  EXPECT_FALSE(relief.start_look(1'001, 7));
  EXPECT_FALSE(relief.stands_still());
  EXPECT_TRUE(relief.start_look(relief.next_look(), 7));
  EXPECT_TRUE(relief.stands_still());
  EXPECT_TRUE(relief.start_look(relief.next_look(), 8));
  EXPECT_FALSE(relief.stands_still());
  EXPECT_EQ(relief.needer_of({1, 1}), nullptr);
  relief.note_need({1, 1}, {5, 55});
  ASSERT_NE(relief.needer_of({1, 1}), nullptr);
  EXPECT_EQ(relief.needer_of({1, 1})->executor, 5u);
  EXPECT_EQ(relief.needer_of({1, 1})->claim, 55u);
}

TEST(CapRelief, ItAsksTheStoreAgainWhenThatHasAnswered) {
  CapRelief relief;
  ASSERT_TRUE(relief.start_look(1'000, 7));
  relief.note_asked();
  relief.note_asked();
  relief.note_answered();
  EXPECT_FALSE(relief.start_look(relief.next_look(), 7));
  relief.note_answered();
  EXPECT_TRUE(relief.start_look(relief.next_look(), 7));
}

TEST(CapRelief, ItForgetsWhoHasEnded) {
  CapRelief relief;
  relief.note_need({1, 1}, {5, 55});
  relief.note_need({1, 2}, {6, 66});
  relief.forget_needers([](const CapRelief::Needer& needer) { return needer.executor == 5; });
  EXPECT_EQ(relief.needer_of({1, 1}), nullptr);
  EXPECT_NE(relief.needer_of({1, 2}), nullptr);
}

}  // namespace
}  // namespace morrow::worker
