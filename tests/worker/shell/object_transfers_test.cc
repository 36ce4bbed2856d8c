// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/object_transfers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

constexpr std::uint64_t kLeaseMs = 1'000;
constexpr control::FutureId kLarge{5, 1};
constexpr std::uint64_t kNumber = 77;

/// A store in which worker 8 has made a large value, and worker 7, whose transfers these are, has none.
class ObjectTransfersTest : public ::testing::Test {
 protected:
  ObjectTransfersTest() {
    join(7, "http://10.0.0.7:1");
    join(8, "http://10.0.0.8:1");
    join(9, "http://10.0.0.9:1");
    control::op::OpenSession open;
    open.session = kLarge.scope;
    open.attachment = 1;
    control::op::Submit submit;
    submit.id = kLarge;
    submit.spec = std::make_shared<control::Spec>();
    submit.how = control::op::Submit::How::kClaim;
    submit.claim = 3;
    auto outcome = std::make_shared<control::Outcome>();
    outcome->object = object();
    commit(8, {open, submit, control::op::End{kLarge, 3, outcome, false, 0}});
  }

  void join(control::Incarnation incarnation, const std::string& address) {
    control::WorkerInfo info;
    info.incarnation = incarnation;
    info.name = "w" + std::to_string(incarnation);
    info.address = address;
    control::join(store_.store, info);
  }
  void commit(control::Incarnation incarnation, std::vector<control::Op> ops) {
    const control::RoundResult result =
        control::Committer(store_.store, incarnation).run({incarnation, std::move(ops)});
    for (const control::OpResult& one : result.results) {
      EXPECT_NE(one.verdict, control::Verdict::kStale);
      EXPECT_NE(one.verdict, control::Verdict::kAbsent);
    }
  }
  static control::ObjectRef object() { return {kNumber, 4, 8}; }

  ObjectTransfers::Means means() {
    return {
        .post = store_.post(),
        .fetch =
            [this](std::vector<wire::Endpoint> holders, std::uint64_t number, std::span<std::byte> into,
                   Fetcher::Done ended) {
              asked_.push_back({std::move(holders), number, into.data(), std::move(ended)});
            },
        .endpoint_of = [](const std::string& address) -> std::optional<wire::Endpoint> {
          if (!address.starts_with("http://")) return std::nullopt;
          wire::Endpoint endpoint;
          endpoint.host = address;
          return endpoint;
        },
        .after =
            [this](std::uint64_t pause_ms, std::function<void()> then) {
              pauses_ms_.push_back(pause_ms);
              later_.push_back(std::move(then));
            },
        .clock_ms = [this] { return now_ms_; },
        .warn = [this](const std::string& sentence) { warned_.push_back(sentence); },
    };
  }

  void fetch() {
    transfers_.fetch(kLarge, object(), room_, [this](bool lost, std::string problem) {
      ++ends_;
      lost_ = lost;
      problem_ = std::move(problem);
    });
    store_.run();
  }
  /// The transfer that was asked for last ends so.
  void end(Fetcher::End how, const std::string& sentence = {}) {
    const Fetcher::Done ended = std::move(asked_.back().ended);
    ended(how, sentence);
  }
  /// The pause is over.
  void try_again() {
    ASSERT_EQ(later_.size(), 1u);
    const auto then = std::move(later_.front());
    later_.pop_front();
    then();
    store_.run();
  }
  std::vector<std::string> hosts() const {
    std::vector<std::string> all;
    for (const wire::Endpoint& one : asked_.back().holders) all.push_back(one.host);
    return all;
  }
  std::uint64_t last_pause_ms() const { return pauses_ms_.back(); }

  struct Asked {
    std::vector<wire::Endpoint> holders;
    std::uint64_t number;
    std::byte* into;
    Fetcher::Done ended;
  };
  FakeStore store_;
  std::array<std::byte, 4> room_{};
  std::uint64_t now_ms_ = 1'000'000;
  std::vector<Asked> asked_;
  std::vector<std::uint64_t> pauses_ms_;
  std::deque<std::function<void()>> later_;
  std::vector<std::string> warned_;
  int ends_ = 0;
  bool lost_ = false;
  std::string problem_;
  ObjectTransfers transfers_{means(), {7, kLeaseMs}};
};

using Hosts = std::vector<std::string>;

TEST_F(ObjectTransfersTest, AValueIsGotFromTheWorkersThatTheStoreNames) {
  fetch();
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(hosts(), Hosts{"http://10.0.0.8:1"});
  EXPECT_EQ(asked_[0].number, kNumber);
  EXPECT_EQ(asked_[0].into, room_.data());
  EXPECT_EQ(ends_, 0);
  end(Fetcher::End::kWhole);
  EXPECT_EQ(ends_, 1);
  EXPECT_FALSE(lost_);
  EXPECT_EQ(problem_, "");
  EXPECT_TRUE(warned_.empty());
}

TEST_F(ObjectTransfersTest, TheLookUpDoesNotStandBeforeRounds) {
  transfers_.fetch(kLarge, object(), room_, [](bool, const std::string&) {});
  ASSERT_EQ(store_.posted.size(), 1u);
  EXPECT_EQ(store_.posted[0].lane, StoreLane::kClaim);
  store_.run();
  EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(ObjectTransfersTest, ThisWorkerIsNotAskedForWhatItDoesNotHave) {
  commit(7, {control::op::AddReplica{kLarge, kNumber}});  // a copy that it lost, as the store has not heard yet
  fetch();
  EXPECT_EQ(hosts(), Hosts{"http://10.0.0.8:1"});
}

TEST_F(ObjectTransfersTest, BusyHoldersAreLookedUpAnewSinceOthersHaveItByThen) {
  fetch();
  for (int i = 0; i < 5; ++i) {
    end(Fetcher::End::kBusy);
    EXPECT_EQ(ends_, 0);
    EXPECT_EQ(last_pause_ms(), pauses_ms_.front()) << "a busy holder answers: it is not asked ever more slowly";
    if (i == 4) commit(9, {control::op::AddReplica{kLarge, kNumber}});
    try_again();
  }
  EXPECT_EQ(hosts(), (Hosts{"http://10.0.0.8:1", "http://10.0.0.9:1"}));
  end(Fetcher::End::kWhole);
  EXPECT_EQ(problem_, "");
  EXPECT_EQ(ends_, 1);
  EXPECT_TRUE(warned_.empty());
}

TEST_F(ObjectTransfersTest, AHolderWhosePortHearsNobodyIsAskedEverMoreSlowlyForAsLongAsItLives) {
  fetch();
  std::uint64_t before = 0;
  for (int i = 0; i < 4; ++i) {
    end(Fetcher::End::kBusy, "no room at the port");
    EXPECT_GT(last_pause_ms(), before);
    before = last_pause_ms();
    try_again();
  }
  for (int i = 0; i < 100; ++i) {
    end(i % 2 == 0 ? Fetcher::End::kBusy : Fetcher::End::kFailed, "no room at the port");
    now_ms_ += kLeaseMs;
    EXPECT_EQ(ends_, 0) << "it answered meanwhile, so it lives";
    try_again();
  }
  EXPECT_EQ(warned_.front(), "a value has to wait: no room at the port");
  EXPECT_EQ(std::count(warned_.begin(), warned_.end(), warned_.front()), 1) << "said once";
  end(Fetcher::End::kWhole);
  EXPECT_EQ(problem_, "");
}

TEST_F(ObjectTransfersTest, AHolderThatDoesNotAnswerIsAskedEverMoreSlowlyUpToALimit) {
  fetch();
  std::uint64_t before = 0;
  for (int i = 0; i < 4; ++i) {
    end(Fetcher::End::kFailed, "no answer");
    EXPECT_GT(last_pause_ms(), before);
    before = last_pause_ms();
    try_again();
  }
  for (int i = 0; i < 10; ++i) {
    end(Fetcher::End::kFailed, "no answer");
    try_again();
  }
  EXPECT_EQ(last_pause_ms(), pauses_ms_[pauses_ms_.size() - 2]);
  EXPECT_EQ(ends_, 0);
  EXPECT_EQ(warned_, std::vector<std::string>{"a value can't be fetched yet: no answer"}) << "said once";
}

TEST_F(ObjectTransfersTest, AHolderThatDoesNotAnswerForLeasesIsAFailureButNoLoss) {
  fetch();
  end(Fetcher::End::kAbsent, "it says it has none");
  now_ms_ += 3 * kLeaseMs - 1;
  try_again();
  end(Fetcher::End::kFailed, "no answer");
  EXPECT_EQ(ends_, 0) << "it may be evicted yet, or come back";
  now_ms_ += 1;
  try_again();
  end(Fetcher::End::kFailed, "no answer");
  EXPECT_EQ(ends_, 1);
  EXPECT_FALSE(lost_);
  EXPECT_EQ(problem_, "no answer");
  EXPECT_TRUE(later_.empty());
}

TEST_F(ObjectTransfersTest, AValueThatItsHoldersDenyForALeaseIsLost) {
  fetch();
  end(Fetcher::End::kAbsent, "it says it has none");
  now_ms_ += kLeaseMs - 1;
  try_again();
  end(Fetcher::End::kAbsent, "it says it has none");
  EXPECT_EQ(ends_, 0) << "what it says may be behind what the store says, or before it";
  now_ms_ += 1;
  try_again();
  end(Fetcher::End::kAbsent, "it says it has none");
  store_.run();
  EXPECT_EQ(ends_, 1);
  EXPECT_TRUE(lost_);
  EXPECT_TRUE(control::object_holders(store_.store, kLarge, kNumber).empty());
}

TEST_F(ObjectTransfersTest, AHolderThatIsOnlyOutOfReachIsNotForgotten) {
  fetch();
  for (int i = 0; i < 5; ++i) {
    end(i % 2 == 0 ? Fetcher::End::kAbsent : Fetcher::End::kFailed, "neither");
    now_ms_ += kLeaseMs / 2;
    try_again();
  }
  EXPECT_EQ(ends_, 0);
  EXPECT_EQ(control::object_holders(store_.store, kLarge, kNumber).size(), 1u);
}

TEST_F(ObjectTransfersTest, AValueWhoseHoldersAreAllEvictedIsLost) {
  fetch();
  end(Fetcher::End::kFailed, "no answer");
  control::leave(store_.store, 8);
  try_again();
  EXPECT_EQ(asked_.size(), 1u) << "nobody is left to ask";
  EXPECT_EQ(ends_, 1);
  EXPECT_TRUE(lost_);
  EXPECT_EQ(problem_, "no worker that is alive has it any more");
}

TEST_F(ObjectTransfersTest, AHolderWithoutAPortIsAFailureButNoLoss) {
  commit(8, {control::op::DropReplica{kLarge}});
  join(10, "");
  commit(10, {control::op::AddReplica{kLarge, kNumber}});
  fetch();
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(ends_, 1);
  EXPECT_FALSE(lost_);
  EXPECT_EQ(problem_, "the worker that has it has no port");
}

TEST_F(ObjectTransfersTest, AWorkerThatCanNotFetchSaysThatItHasNoWay) {
  ObjectTransfers::Means without = means();
  without.fetch = nullptr;
  ObjectTransfers transfers(without, {7, kLeaseMs});
  std::vector<std::string> problems;
  transfers.fetch(kLarge, object(), room_, [&problems](bool lost, const std::string& problem) {
    EXPECT_FALSE(lost);
    problems.push_back(problem);
  });
  store_.run();
  EXPECT_EQ(problems, std::vector<std::string>{"the worker that has it has no port"});
}

TEST_F(ObjectTransfersTest, AWorkerThatStopsTriesNothingAgain) {
  fetch();
  transfers_.stop();
  end(Fetcher::End::kFailed, "no answer");
  EXPECT_EQ(ends_, 1);
  EXPECT_FALSE(lost_);
  EXPECT_EQ(problem_, "no answer");
  fetch();
  end(Fetcher::End::kBusy);
  EXPECT_EQ(ends_, 2);
  EXPECT_EQ(problem_, "this worker stops");
  EXPECT_TRUE(later_.empty());
  fetch();
  end(Fetcher::End::kWhole);
  EXPECT_EQ(problem_, "") << "what comes whole all the same is there";
}

TEST_F(ObjectTransfersTest, PausesDifferFromValueToValue) {
  fetch();
  end(Fetcher::End::kBusy);
  auto outcome = std::make_shared<control::Outcome>();
  outcome->object = {kNumber + 1, 4, 8};
  control::op::Submit submit;
  submit.id = {kLarge.scope, 2};
  submit.spec = std::make_shared<control::Spec>();
  submit.how = control::op::Submit::How::kClaim;
  submit.claim = 4;
  commit(8, {submit, control::op::End{submit.id, 4, outcome, false, 0}});
  transfers_.fetch(submit.id, outcome->object, room_, [](bool, const std::string&) {});
  store_.run();
  end(Fetcher::End::kBusy);
  ASSERT_EQ(pauses_ms_.size(), 2u);
  EXPECT_NE(pauses_ms_[0], pauses_ms_[1]);
}

}  // namespace
}  // namespace morrow::worker
