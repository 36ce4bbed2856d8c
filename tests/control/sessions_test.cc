// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class SessionsTest : public ControlTest {
 protected:
  SessionsTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10, 1);
  }
  const FutureId x{10, 1};
};

TEST_F(SessionsTest, AMessageIsAppliedOnceThoughItIsSentTwice) {
  const op::Submit message = submit(driver(10), x, 100);
  EXPECT_EQ(one(1, message).verdict, Verdict::kClaimed);
  EXPECT_EQ(one(1, message).verdict, Verdict::kAgain);
}

TEST_F(SessionsTest, AMovedDriverGoesOnWhereItWasAndItsOldWorkerIsTold) {
  const op::Submit message = submit(driver(10), x, 100);
  one(1, message);
  op::OpenSession move;
  move.session = 10;
  move.attachment = 2;
  move.reopen = true;
  const OpResult moved = one(2, move);
  EXPECT_EQ(moved.verdict, Verdict::kDone);
  EXPECT_EQ(moved.applied, message.origin.number);
  const auto told = drain(1);
  ASSERT_EQ(told.moved.size(), 1U);
  EXPECT_EQ(told.moved[0].first, 10U);
  EXPECT_EQ(told.moved[0].second, 1U);
}

TEST_F(SessionsTest, TheOldWorkersBufferedRoundRaisesNothingFromTheDead) {
  // The driver moves, resends, reads and frees; then the old worker commits what it had buffered.
  op::Submit message = submit(driver(10), x, 100);
  open_session(2, 10, 2, true);
  op::Submit resent = message;
  resent.origin.attachment = 2;
  resent.claim = 200;
  EXPECT_EQ(one(2, resent).verdict, Verdict::kClaimed);
  one(2, end(x, 200, value("v")));
  EXPECT_EQ(one(2, op::Release{driver(10, 2), x}).verdict, Verdict::kDone);
  EXPECT_EQ(one(1, message).verdict, Verdict::kStale);
  EXPECT_EQ(look(1, x), Verdict::kAbsent);
}

TEST_F(SessionsTest, AnEndedSessionLeavesNoKeyAndStaysEnded) {
  put_program(store, "0123456789abcdef", "program", 10);
  for (std::uint64_t i = 1; i <= 50; ++i) one(1, submit(driver(10), {10, i}, 100 + i));
  one(1, op::OpenScope{driver(10), 20, 10});
  one(1, submit(driver(10), {20, 1}));
  const Origin late = driver(10);
  EXPECT_EQ(run(1, {end_session(10)}).endings, std::vector<ScopeId>{10});
  work_off(2);
  drain(1);
  for (const std::string& key : left_keys())
    EXPECT_EQ(key[0], 'p') << key;  // the program stays for the next session, unused
  EXPECT_EQ(one(1, submit(late, {10, 99}, 5)).verdict, Verdict::kStale);
  op::OpenSession move;
  move.session = 10;
  move.attachment = 3;
  move.reopen = true;
  EXPECT_EQ(one(2, move).verdict, Verdict::kAbsent);
}

TEST_F(SessionsTest, ADriverThatComesBackToAnEndedSessionLeavesNothingOfItsProgramInUse) {
  run(1, {end_session(10)});
  work_off(1);
  ASSERT_TRUE(left_keys().empty());
  put_program(store, "0123456789abcdef", "program", 10);
  put_blob_chunk(store, std::string(32, 'h'), 0, "file");
  put_blob_header(store, std::string(32, 'h'), 1, 4);
  EXPECT_TRUE(use_blob(store, std::string(32, 'h'), 10));
  op::OpenSession move;
  move.session = 10;
  move.attachment = 3;
  move.reopen = true;
  EXPECT_EQ(one(2, move).verdict, Verdict::kAbsent);
  drain(1);
  for (const std::string& key : left_keys()) EXPECT_EQ(key[0], 'b') << "but the file, for the next session: " << key;
  EXPECT_TRUE(
      store.begin_read()->scan(keys::content_users(keys::kBlob, std::string(32, 'h')), store::Read::kSnapshot).empty());
}

TEST_F(SessionsTest, ASessionWithoutADriverEndsOnlyWhileItsAttachmentStands) {
  one(1, submit(driver(10), x, 100));
  orphan_session(store, 1, 10, 1);
  const auto orphans = orphan_sessions(store);
  ASSERT_EQ(orphans.size(), 1U);
  EXPECT_EQ(orphans[0].session, 10U);
  EXPECT_EQ(orphans[0].grace_ms, 10'000U);
  open_session(2, 10, 2, true);
  op::EndSession grace_over;
  grace_over.session = 10;
  grace_over.attachment = orphans[0].attachment;
  EXPECT_EQ(one(1, grace_over).verdict, Verdict::kStale);
  EXPECT_TRUE(orphan_sessions(store).empty());
  EXPECT_EQ(look(1, x), Verdict::kDone);

  orphan_session(store, 2, 10, 2);
  grace_over.attachment = 2;
  EXPECT_EQ(one(1, grace_over).verdict, Verdict::kDone);
  work_off(1);
  drain(1);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(SessionsTest, AnExecutionThatLostItsClaimChangesNothing) {
  one(1, submit(driver(10), x, 100));
  one(1, op::Relinquish{x, 100});
  ASSERT_EQ(claim_some(2, {200}).taken.size(), 1U);
  EXPECT_EQ(one(1, submit(execution(x, 100), {100, 1}, 101)).verdict, Verdict::kStale);
  EXPECT_EQ(one(1, op::OpenScope{execution(x, 100), 300, 100}).verdict, Verdict::kStale);
  EXPECT_EQ(one(1, op::Release{execution(x, 100), x}).verdict, Verdict::kStale);
  EXPECT_EQ(one(1, op::Cancel{execution(x, 100), x}).verdict, Verdict::kStale);
}

}  // namespace
}  // namespace morrow::control
