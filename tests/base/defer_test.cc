// SPDX-License-Identifier: Apache-2.0
#include "base/defer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace morrow::base {
namespace {

TEST(Defer, CallsAtTheEndOfTheScopeTheLastFirst) {
  std::string order;
  {
    const Defer first([&order] { order += 'a'; });
    const Defer second([&order] { order += 'b'; });
    order += '-';
  }
  EXPECT_EQ(order, "-ba");
}

TEST(Defer, CallsWhenAnExceptionLeavesTheScope) {
  int calls = 0;
  const auto throws = [&calls] {
    const Defer call([&calls] { ++calls; });
    throw 1;
  };
  EXPECT_THROW(throws(), int);
  EXPECT_EQ(calls, 1);
}

TEST(Defer, ACancelledOneIsNotCalledAndLetsItsFunctionGo) {
  const auto held = std::make_shared<int>(0);
  {
    Defer call([held] { ++*held; });
    call.cancel();
    EXPECT_EQ(held.use_count(), 1);
  }
  EXPECT_EQ(*held, 0);
}

}  // namespace
}  // namespace morrow::base
