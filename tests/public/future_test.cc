// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <stdexcept>
#include <unordered_set>

#include <morrow/morrow.h>

#include "tests/public/fake_core.h"

namespace {

using namespace morrow::literals;
using morrow::Future;
using morrow::Submitted;

class FutureTest : public testing::Test {
 protected:
  void SetUp() override { fake::reset(); }
};

static_assert(std::is_trivially_copyable_v<Future<int>> && std::is_trivially_copyable_v<Submitted<std::vector<int>>>);
static_assert(morrow::PointerFree<Future<std::string>> && morrow::PointerFree<Submitted<void>>);
static_assert(sizeof(Submitted<int>) == 16);

TEST_F(FutureTest, OnlyTheTemporaryThatSubmitReturnedFreesOnGet) {
  EXPECT_EQ(morrow::submit([] { return 1; }).get(), 1);
  EXPECT_EQ(fake::held(), 0u);
  auto kept = morrow::submit([] { return 2; });
  EXPECT_EQ(kept.get(), 2);
  EXPECT_EQ(kept.get(), 2);
  EXPECT_EQ(fake::held(), 1u);
  EXPECT_EQ(std::move(kept).get(), 2);
  EXPECT_EQ(fake::held(), 0u);
}

TEST_F(FutureTest, AFutureGivenByAFunctionCanBeAskedTwice) {
  struct Tree {
    Future<int> top;
    Future<int> root() const { return top; }
  };
  const Tree tree{morrow::submit([] { return 3; })};
  EXPECT_EQ(tree.root().get(), 3);
  EXPECT_EQ(tree.root().get(), 3);
}

TEST_F(FutureTest, TakingTheValueFreesItAlsoWhenTheTaskFailed) {
  EXPECT_THROW(morrow::submit([]() -> int { throw std::runtime_error("no"); }).get(), morrow::RemoteError);
  EXPECT_EQ(fake::held(), 0u);
  EXPECT_THROW(morrow::submit([] { throw std::runtime_error("no"); }).get(), morrow::RemoteError);
  EXPECT_EQ(fake::held(), 0u);
}

TEST_F(FutureTest, AReleasedFutureSaysSo) {
  auto future = morrow::submit([] { return 1; });
  future.release();
  EXPECT_THROW(future.get(), morrow::ReleasedError);
}

TEST_F(FutureTest, ACancelledFutureSaysSo) {
  fake::hold(true);
  auto future = morrow::submit([] { return 1; });
  EXPECT_FALSE(future.ready());
  future.cancel();
  EXPECT_TRUE(future.ready());
  EXPECT_THROW(future.get(), morrow::CancelledError);
}

TEST_F(FutureTest, GetForGivesNothingWhileTheValueIsNotThere) {
  fake::hold(true);
  auto number = morrow::submit([] { return 1; });
  auto done = morrow::submit([] {});
  EXPECT_EQ(number.get_for(1ms), std::nullopt);
  EXPECT_FALSE(done.get_for(0.5s));
  fake::run_one();
  fake::run_one();
  EXPECT_EQ(number.get_for(1ms), std::optional<int>(1));
  EXPECT_TRUE(done.get_for(1min));
}

TEST_F(FutureTest, AnEmptyFutureSaysWhatToDo) {
  const Future<int> empty;
  EXPECT_FALSE(empty.valid());
  EXPECT_THROW(empty.get(), std::invalid_argument);
  EXPECT_THROW(empty.ready(), std::invalid_argument);
  EXPECT_THROW(Submitted<int>().get(), std::invalid_argument);
  EXPECT_THROW(morrow::get_all(std::vector<Future<int>>(1)), std::invalid_argument);
}

TEST_F(FutureTest, FuturesCompareAndHashByIdentity) {
  const Future<int> a = morrow::submit([] { return 1; });
  const Future<int> b = morrow::submit([] { return 1; });
  EXPECT_EQ(a, Future<int>(a));
  EXPECT_NE(a, b);
  EXPECT_EQ((std::unordered_set<Future<int>>{a, b, a}.size()), 2u);
}

TEST_F(FutureTest, GetAllGivesTheValuesInOrder) {
  std::vector<Submitted<int>> submitted;
  for (int i = 0; i < 5; ++i) submitted.push_back(morrow::submit([i] { return i * i; }));
  EXPECT_EQ(morrow::get_all(submitted), (std::vector{0, 1, 4, 9, 16}));
  const std::vector<Future<int>> plain(submitted.begin(), submitted.end());
  EXPECT_EQ(morrow::get_all(plain), (std::vector{0, 1, 4, 9, 16}));
  EXPECT_EQ(morrow::get_all(std::span(plain).first(2)), (std::vector{0, 1}));
  EXPECT_EQ(morrow::get_all(std::array{plain[4], plain[0]}), (std::vector{16, 0}));
  EXPECT_EQ(morrow::get_all({plain[1], plain[2]}), (std::vector{1, 4}));
  EXPECT_EQ(morrow::get_all({submitted[1], submitted[2]}), (std::vector{1, 4}));
  EXPECT_TRUE(morrow::get_all(std::vector<Future<int>>()).empty());
}

TEST_F(FutureTest, GetAllOfVoidWaitsAndThrowsTheFirstFailure) {
  std::vector<Future<void>> futures{morrow::submit([] {}), morrow::submit([] { throw std::out_of_range("second"); }),
                                    morrow::submit([] { throw std::out_of_range("third"); })};
  try {
    morrow::get_all(futures);
    FAIL() << "no failure was thrown";
  } catch (const morrow::RemoteError& error) {
    EXPECT_EQ(error.message(), "second");
  }
  futures.resize(1);
  morrow::get_all(futures);
}

TEST_F(FutureTest, GetAllOfBoolsGivesBools) {
  const std::vector<Future<bool>> futures{morrow::submit([] { return true; }), morrow::submit([] { return false; })};
  EXPECT_EQ(morrow::get_all(futures), (std::vector<bool>{true, false}));
}

TEST_F(FutureTest, WaitTellsTheFinishedFromTheRestInOrder) {
  fake::hold(true);
  std::vector<Submitted<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(morrow::submit([i] { return i; }));
  const auto [ready, rest] = morrow::wait(futures, 2);
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(ready)>, std::vector<Future<int>>>);
  EXPECT_EQ(ready, (std::vector<Future<int>>{futures[0], futures[1]}));
  EXPECT_EQ(rest, (std::vector<Future<int>>{futures[2], futures[3]}));
  EXPECT_EQ(morrow::wait(rest, 1, 10ms).ready.size(), 0u);
  EXPECT_EQ(morrow::wait(std::span(rest), 100).ready.size(), 2u);
  EXPECT_TRUE(morrow::wait(std::vector<Future<int>>(), 3).ready.empty());
  EXPECT_EQ(morrow::wait({futures[0], futures[1]}, 2).ready.size(), 2u);
}

TEST_F(FutureTest, WaitCountsFailuresAsFinishedAndThrowsNone) {
  const std::vector<Future<void>> futures{morrow::submit([] { throw std::runtime_error("no"); })};
  EXPECT_EQ(morrow::wait(futures, 1).ready.size(), 1u);
}

TEST_F(FutureTest, ScopesNestAndEndInsideOut) {
  std::uint64_t outer_scope = 0;
  std::uint64_t inner_scope = 0;
  {
    const morrow::Scope outer;
    morrow::submit([] {});
    outer_scope = fake::last().scope;
    {
      const morrow::Scope inner;
      morrow::submit([] {});
      inner_scope = fake::last().scope;
      EXPECT_EQ(fake::open_scopes().size(), 2u);
    }
    morrow::submit([] {});
    EXPECT_EQ(fake::last().scope, outer_scope);
  }
  EXPECT_NE(outer_scope, inner_scope);
  EXPECT_EQ(fake::ended_scopes(), (std::vector{inner_scope, outer_scope}));
}

TEST_F(FutureTest, AScopeEndsWhenAnExceptionLeavesIt) {
  try {
    const morrow::Scope scope;
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(fake::open_scopes().empty());
}

}  // namespace
