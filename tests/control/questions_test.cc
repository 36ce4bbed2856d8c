// SPDX-License-Identifier: Apache-2.0
#include "control/questions.h"

#include <set>

#include "tests/control/world.h"

namespace morrow::control {
namespace {

class QuestionsTest : public ControlTest {
 protected:
  QuestionsTest() {
    join_worker(1);
    open_session(1, 10);
  }
  const FutureId a{10, 1};
  const FutureId b{10, 2};
  const FutureId c{10, 3};
};

TEST_F(QuestionsTest, WhatAFutureWaitsForIsFollowedToTheRoot) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 101, make_spec({a})));
  one(1, submit(driver(10), c, 102, make_spec({b})));
  const auto chain = waits_for(store, c);
  ASSERT_EQ(chain.size(), 3U);
  EXPECT_EQ(chain[0].id, c);
  EXPECT_EQ(chain[1].id, b);
  EXPECT_EQ(chain[2].id, a);
  EXPECT_EQ(chain[2].status, Status::kClaimed);
  EXPECT_EQ(chain[2].holder, 1U);
}

TEST_F(QuestionsTest, AFutureThatIsNotThereWaitsForNothing) { EXPECT_TRUE(waits_for(store, c).empty()); }

TEST_F(QuestionsTest, AReadyFutureKnowsHowManyStandBeforeIt) {
  one(1, submit(driver(10), a, 0));
  one(1, submit(driver(10), b, 0));
  const auto first = waits_for(store, a);
  const auto second = waits_for(store, b);
  ASSERT_TRUE(first.size() == 1 && second.size() == 1 && first[0].ahead && second[0].ahead);
  EXPECT_EQ(*first[0].ahead + *second[0].ahead, 1U);
}

TEST_F(QuestionsTest, AReadyFutureKnowsTheNamesOfThoseBeforeIt) {
  const auto named = [](const std::string& name) {
    auto spec = std::make_shared<Spec>(*make_spec());
    spec->name = name;
    return spec;
  };
  std::uint64_t sequence = 0;
  for (const std::string name : {"render", "load", "render", "last"})
    one(1, submit(driver(10), {10, ++sequence}, 0, named(name)));
  std::map<std::string, std::uint64_t> all;
  for (std::uint64_t i = 1; i <= sequence; ++i) {
    const FutureSeen seen = waits_for(store, {10, i}).back();
    std::uint64_t told = 0;
    for (const auto& [name, count] : seen.ahead_names) told += count;
    EXPECT_EQ(told, seen.ahead);
    if (seen.ahead == sequence - 1) all = seen.ahead_names;
    all[seen.name] += seen.ahead == sequence - 1 ? 1 : 0;
  }
  EXPECT_EQ(all, (std::map<std::string, std::uint64_t>{{"render", 2}, {"load", 1}, {"last", 1}}));
}

TEST_F(QuestionsTest, AllFuturesAreFoundPageByPage) {
  for (std::uint64_t i = 0; i < 700; ++i) one(1, submit(driver(10), {10, i}, 0));
  std::set<FutureId> found;
  std::string from;
  do {
    const FuturePage page = find_futures(store, {}, from);
    for (const FutureSeen& future : page.futures) EXPECT_TRUE(found.insert(future.id).second);
    from = page.next;
  } while (!from.empty());
  EXPECT_EQ(found.size(), 700U);
}

TEST_F(QuestionsTest, OnlyWhatWasAskedForIsFound) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 101));
  one(1, end(b, 101, failure(FailureKind::kException, "boom")));
  one(1, submit(driver(10), c, 0));
  const auto ids = [this](const FutureFilter& filter) {
    std::set<FutureId> found;
    for (const FutureSeen& future : find_futures(store, filter, {}).futures) found.insert(future.id);
    return found;
  };
  EXPECT_EQ(ids({}), (std::set<FutureId>{a, b, c}));
  EXPECT_EQ(ids({.unfinished = true}), (std::set<FutureId>{a, c}));
  EXPECT_EQ(ids({.failed = true}), (std::set<FutureId>{b}));
  EXPECT_EQ(ids({.claimed = true}), (std::set<FutureId>{a}));
  EXPECT_EQ(all_sessions(store).size(), 1U);
}

}  // namespace
}  // namespace morrow::control
