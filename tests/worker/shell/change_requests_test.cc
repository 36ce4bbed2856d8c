// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/change_requests.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "store/sim/sim_store.h"
#include "worker/shell/convert.h"

namespace morrow::worker {
namespace {

namespace op = control::op;

constexpr control::Incarnation kSelf = 7;
constexpr control::SessionId kSession = 5;
constexpr Waiter kDriver{1, 0};
constexpr Time kMillisecond = 1'000'000;
const std::string kProgramKey = "sixteen bytes...";

/// A brain with one session open, over a store in memory. Time stands still unless a test moves it.
class ChangeRequestsTest : public ::testing::Test {
 protected:
  ChangeRequestsTest() {
    control::join(store_, setup().info);
    brain_.session_opening(now_, kDriver.client, kSession, kProgramKey, false, 1'000);
    settle();
    committed_.clear();
  }

  static Brain::Setup setup() {
    Brain::Setup setup;
    setup.incarnation = setup.info.incarnation = kSelf;
    setup.info.name = "w1";
    setup.info.total.cpu_micro = 2'000'000;
    setup.seed = 1;
    return setup;
  }
  ValueAnswers::Means value_means() {
    return {
        .want = [](ProcessId, control::FutureId, const control::ObjectRef&, const Objects::Then&, bool) {},
        .unpin = [this](ProcessId process, std::uint64_t object) { unpinned_.emplace_back(process, object); },
        .reserve = [this](ProcessId process, std::uint64_t size, const Objects::Then&,
                          bool) { reserved_.emplace_back(process, size); },
        .seal = [](ProcessId, std::uint64_t, std::uint64_t, const ObjectOwner&, bool) { return true; },
        .may_read = [](ProcessId) {},
        .reads_no_more = [](ProcessId) {},
        .watch_death = [](const wire::Fd&, const std::function<void()>&) {},
        .send = [](const Waiter&, wire::FrameType, const google::protobuf::MessageLite&) {},
    };
  }
  ValueAnswers::Events value_events() {
    return {
        .here = [](const action::Ready&) { return true; },
        .lost = [](const action::Ready&) {},
        .put = [this](
                   const Brain::Asker& asker, control::FutureId id, control::SpecPtr spec,
                   control::OutcomePtr outcome) { brain_.put(now_, asker, id, std::move(spec), std::move(outcome)); },
        .found_no_room = [](ExecutorId) {},
        .copies = [](const Brain::Asker&, control::SessionId, const control::HeldValue&, std::uint32_t) {},
    };
  }
  ChangeRequests::Means means() {
    return {
        .now = [this] { return now_; },
        .origin_of = [this](const Waiter&, control::Claim claim) -> const ChangeRequests::Origin* {
          asked_for_.push_back(claim);
          return over_ ? nullptr : &origin_;
        },
        .find = [this](const Waiter&, std::string_view payload) { names_.emplace_back(payload); },
    };
  }

  bool say(const Waiter& who, wire::FrameType type, const google::protobuf::MessageLite& message) {
    return requests_.frame(who, type, message.SerializeAsString());
  }
  /// What the brain decides on now, with each commit done at once.
  void settle() {
    brain_.step(now_);
    for (auto actions = brain_.take_actions(); !actions.empty(); actions = brain_.take_actions()) {
      for (Action& todo : actions) {
        if (const auto* commit = std::get_if<action::CommitRound>(&todo)) {
          committed_.insert(committed_.end(), commit->round->ops.begin(), commit->round->ops.end());
          brain_.round_done(now_, control::Committer(store_, kSelf).run(*commit->round));
        } else if (auto* ready = std::get_if<action::Ready>(&todo)) {
          ready_.push_back(std::move(*ready));
        } else if (const auto* start = std::get_if<action::StartExecutor>(&todo)) {
          brain_.executor_started(now_, start->executor);
        } else if (auto* dispatch = std::get_if<action::Dispatch>(&todo)) {
          dispatched_ = std::move(*dispatch);
        }
      }
      brain_.step(now_);
    }
  }
  void settle_all() {
    brain_.flush(now_, kDriver);
    settle();
  }
  template <class Change>
  std::vector<Change> committed() const {
    std::vector<Change> all;
    for (const control::Op& one : committed_) {
      if (const auto* change = std::get_if<Change>(&one)) all.push_back(*change);
    }
    return all;
  }

  static wire::Submit submit_message(std::uint64_t number, std::uint64_t sequence) {
    wire::Submit submit;
    submit.set_number(number);
    set_id(submit.mutable_id(), {kSession, sequence});
    submit.mutable_requirements()->set_cpu_micro(1'000'000);
    submit.set_name("double");
    submit.set_payload("what to call");
    return submit;
  }
  /// Has a task run; who speaks for it. Its claim is that of `dispatched_`.
  Waiter running_task() {
    say(kDriver, wire::SUBMIT, submit_message(1, 1));
    settle_all();
    EXPECT_TRUE(dispatched_);
    return {0, dispatched_ ? dispatched_->executor : 0};
  }

  Time now_ = kMillisecond;
  store::SimStore store_;
  Brain brain_{setup()};
  ChangeRequests::Origin origin_{kProgramKey, kSession};
  bool over_ = false;
  std::vector<control::Claim> asked_for_;
  std::vector<std::string> names_;
  std::vector<control::Op> committed_;
  std::vector<action::Ready> ready_;
  std::optional<action::Dispatch> dispatched_;
  std::vector<std::pair<ProcessId, std::uint64_t>> unpinned_, reserved_;
  ValueAnswers values_{value_means(), {"w1", kSelf}, value_events()};
  ChangeRequests requests_{means(), brain_, values_};
};

TEST_F(ChangeRequestsTest, WhatADriverSubmitsIsCommittedInItsNameAndForItsProgram) {
  EXPECT_TRUE(say(kDriver, wire::SUBMIT, submit_message(1, 9)));
  settle_all();
  const auto submits = committed<op::Submit>();
  ASSERT_EQ(submits.size(), 1u);
  EXPECT_EQ(submits[0].id, (control::FutureId{kSession, 9}));
  EXPECT_EQ(submits[0].origin.kind, control::Origin::Kind::kSession);
  EXPECT_EQ(submits[0].origin.session, kSession);
  EXPECT_EQ(submits[0].origin.number, 1u);
  EXPECT_EQ(submits[0].spec->name, "double");
  EXPECT_EQ(submits[0].spec->payload, "what to call");
  EXPECT_EQ(submits[0].spec->program, kProgramKey);
  EXPECT_EQ(submits[0].spec->session, kSession);
  EXPECT_EQ(submits[0].spec->requirements.cpu_micro, 1'000'000u);
}

TEST_F(ChangeRequestsTest, NothingOfOneSubmitIsLeftInTheNext) {
  wire::Submit first = submit_message(1, 1);
  set_id(first.add_dependencies(), {kSession, 50});
  first.set_max_retries(9);
  say(kDriver, wire::SUBMIT, first);
  say(kDriver, wire::SUBMIT, submit_message(2, 2));
  settle_all();
  const auto submits = committed<op::Submit>();
  ASSERT_EQ(submits.size(), 2u);
  EXPECT_EQ(submits[0].spec->dependencies.size(), 1u);
  EXPECT_TRUE(submits[1].spec->dependencies.empty());
  EXPECT_EQ(submits[1].spec->max_retries, 0u);
}

TEST_F(ChangeRequestsTest, ATaskAsksInTheNameOfItsExecution) {
  const Waiter task = running_task();
  const control::Claim claim = dispatched_->task.claim;
  wire::Submit child = submit_message(1, 0);
  set_id(child.mutable_id(), {claim, 0});
  child.set_claim(claim);
  say(task, wire::SUBMIT, child);
  settle_all();
  const auto submits = committed<op::Submit>();
  ASSERT_EQ(submits.size(), 2u);
  EXPECT_EQ(submits[1].origin.kind, control::Origin::Kind::kExecution);
  EXPECT_EQ(submits[1].origin.claim, claim);
  EXPECT_EQ(submits[1].origin.future, (control::FutureId{kSession, 1}));
  EXPECT_EQ(asked_for_, (std::vector<control::Claim>{0, claim}));
}

TEST_F(ChangeRequestsTest, ADriverCanNotSpeakForATask) {
  running_task();
  wire::Release release;
  release.set_number(2);
  release.set_claim(dispatched_->task.claim);
  set_id(release.mutable_id(), {kSession, 1});
  say(kDriver, wire::RELEASE, release);
  settle_all();
  const auto releases = committed<op::Release>();
  ASSERT_EQ(releases.size(), 1u);
  EXPECT_EQ(releases[0].origin.kind, control::Origin::Kind::kSession);
}

TEST_F(ChangeRequestsTest, NobodySeesWhatAnExecutionThatIsOverAsks) {
  over_ = true;
  say(kDriver, wire::SUBMIT, submit_message(1, 1));
  wire::Put put;
  put.set_number(2);
  set_id(put.mutable_id(), {kSession, 2});
  put.set_object(77);
  EXPECT_TRUE(say(kDriver, wire::PUT, put));
  settle_all();
  EXPECT_TRUE(committed<op::Submit>().empty());
  EXPECT_EQ(unpinned_, (std::vector<std::pair<ProcessId, std::uint64_t>>{{process_of(kDriver), 77}}))
      << "the room that it wrote into is free again";
}

TEST_F(ChangeRequestsTest, AValueThatIsPutIsCommittedAsEnded) {
  wire::Put put;
  put.set_number(1);
  set_id(put.mutable_id(), {kSession, 2});
  put.set_bytes("value");
  put.set_name("numbers");
  EXPECT_TRUE(say(kDriver, wire::PUT, put));
  settle_all();
  const auto submits = committed<op::Submit>();
  ASSERT_EQ(submits.size(), 1u);
  EXPECT_EQ(submits[0].how, op::Submit::How::kEnded);
  EXPECT_EQ(submits[0].outcome->bytes, "value");
  EXPECT_EQ(submits[0].spec->name, "numbers");
  EXPECT_EQ(submits[0].spec->program, kProgramKey);
}

TEST_F(ChangeRequestsTest, AChangeWithoutItsNumberIsRefused) {
  EXPECT_THROW(say(kDriver, wire::SUBMIT, submit_message(0, 1)), wire::ProtocolError);
  EXPECT_THROW(say(kDriver, wire::PUT, wire::Put()), wire::ProtocolError);
  EXPECT_THROW(say(kDriver, wire::RELEASE, wire::Release()), wire::ProtocolError);
  EXPECT_THROW(say(kDriver, wire::CANCEL, wire::Cancel()), wire::ProtocolError);
  EXPECT_THROW(say(kDriver, wire::OPEN_SCOPE, wire::OpenScope()), wire::ProtocolError);
  EXPECT_THROW(say(kDriver, wire::END_SCOPE, wire::EndScope()), wire::ProtocolError);
  settle_all();
  EXPECT_TRUE(committed_.empty());
}

TEST_F(ChangeRequestsTest, AProcessOfATaskAsksNothingOutsideOfTasks) {
  const Waiter task = running_task();
  EXPECT_THROW(say(task, wire::SUBMIT, submit_message(1, 1)), wire::ProtocolError);
}

TEST_F(ChangeRequestsTest, BytesThatAreNoMessageAreRefused) {
  for (const wire::FrameType type : {wire::SUBMIT, wire::PUT, wire::AWAIT, wire::UNAWAIT, wire::RELEASE, wire::CANCEL,
                                     wire::OPEN_SCOPE, wire::END_SCOPE, wire::RESERVE, wire::UNPIN}) {
    EXPECT_THROW(requests_.frame(kDriver, type, "\xff\xff"), wire::ProtocolError) << type;
  }
}

TEST_F(ChangeRequestsTest, AnAwaitIsAnsweredUnderItsTokenForEachOfItsFutures) {
  say(kDriver, wire::SUBMIT, submit_message(1, 1));
  say(kDriver, wire::SUBMIT, submit_message(2, 2));
  wire::Await await;
  await.set_token(40);
  await.set_poll(true);
  for (const std::uint64_t half : {kSession, control::SessionId{1}, kSession, control::SessionId{2}})
    await.add_ids(half);
  EXPECT_TRUE(say(kDriver, wire::AWAIT, await));
  settle();
  ASSERT_EQ(ready_.size(), 2u);
  for (std::uint32_t index = 0; index < 2; ++index) {
    EXPECT_EQ(ready_[index].to, kDriver);
    EXPECT_EQ(ready_[index].token, 40u);
    EXPECT_EQ(ready_[index].index, index);
    EXPECT_EQ(ready_[index].id, (control::FutureId{kSession, index + 1}));
    EXPECT_TRUE(ready_[index].pending);
  }
}

TEST_F(ChangeRequestsTest, AnAwaitOfHalfAFutureIsRefused) {
  wire::Await await;
  await.set_token(40);
  await.add_ids(kSession);
  EXPECT_THROW(say(kDriver, wire::AWAIT, await), wire::ProtocolError);
}

TEST_F(ChangeRequestsTest, AQuestionThatIsTakenBackIsNotAnswered) {
  wire::Await await;
  await.add_ids(kSession);
  await.add_ids(2);
  await.set_values(true);
  for (const std::uint64_t token : {40, 41}) {
    await.set_token(token);
    say(kDriver, wire::AWAIT, await);
  }
  wire::Unawait unawait;
  unawait.set_token(40);
  EXPECT_TRUE(say(kDriver, wire::UNAWAIT, unawait));
  wire::Put put;
  put.set_number(1);
  set_id(put.mutable_id(), {kSession, 2});
  put.set_bytes("value");
  say(kDriver, wire::PUT, put);
  settle_all();
  ASSERT_EQ(ready_.size(), 1u);
  EXPECT_EQ(ready_[0].token, 41u);
}

TEST_F(ChangeRequestsTest, ReleasesCancelsAndScopesAreCommittedInTheirOrder) {
  wire::OpenScope open;
  open.set_number(1);
  open.set_scope(60);
  open.set_parent(kSession);
  wire::Cancel cancel;
  cancel.set_number(2);
  set_id(cancel.mutable_id(), {60, 1});
  wire::Release release;
  release.set_number(3);
  set_id(release.mutable_id(), {60, 2});
  wire::EndScope end;
  end.set_number(4);
  end.set_scope(60);
  EXPECT_TRUE(say(kDriver, wire::OPEN_SCOPE, open));
  EXPECT_TRUE(say(kDriver, wire::CANCEL, cancel));
  EXPECT_TRUE(say(kDriver, wire::RELEASE, release));
  EXPECT_TRUE(say(kDriver, wire::END_SCOPE, end));
  settle_all();
  ASSERT_EQ(committed_.size(), 4u);
  EXPECT_EQ(std::get<op::OpenScope>(committed_[0]).scope, 60u);
  EXPECT_EQ(std::get<op::OpenScope>(committed_[0]).parent, kSession);
  EXPECT_EQ(std::get<op::Cancel>(committed_[1]).id, (control::FutureId{60, 1}));
  EXPECT_EQ(std::get<op::Release>(committed_[2]).id, (control::FutureId{60, 2}));
  EXPECT_EQ(std::get<op::EndScope>(committed_[3]).scope, 60u);
}

TEST_F(ChangeRequestsTest, AFlushHasAllCommittedThatWaitsForCompany) {
  wire::Release release;
  release.set_number(1);
  set_id(release.mutable_id(), {kSession, 1});
  say(kDriver, wire::RELEASE, release);
  settle();
  EXPECT_TRUE(committed_.empty());
  EXPECT_TRUE(say(kDriver, wire::FLUSH, wire::Flush()));
  settle();
  EXPECT_EQ(committed<op::Release>().size(), 1u);
}

TEST_F(ChangeRequestsTest, RoomForValuesIsThatOfTheProcessThatAsks) {
  wire::Reserve reserve;
  reserve.set_size(1'000);
  EXPECT_TRUE(say({0, 4}, wire::RESERVE, reserve));
  wire::Unpin unpin;
  unpin.add_objects(77);
  EXPECT_TRUE(say(kDriver, wire::UNPIN, unpin));
  EXPECT_EQ(reserved_, (std::vector<std::pair<ProcessId, std::uint64_t>>{{4, 1'000}}));
  EXPECT_EQ(unpinned_, (std::vector<std::pair<ProcessId, std::uint64_t>>{{process_of(kDriver), 77}}));
}

TEST_F(ChangeRequestsTest, FramesThatOnlyDriversOrOnlyTasksSayAreLeftToOthers) {
  for (const wire::FrameType type : {wire::HELLO, wire::PROGRAM, wire::BLOB_CHUNK, wire::STATUS, wire::TOKEN,
                                     wire::OBJECTS, wire::END_SESSION, wire::TASK_DONE, wire::WELCOME}) {
    EXPECT_FALSE(requests_.frame(kDriver, type, "")) << type;
  }
}

}  // namespace
}  // namespace morrow::worker
