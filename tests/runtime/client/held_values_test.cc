// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/held_values.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::runtime {
namespace {

using detail::FutureId;

detail::Value value_of(const std::string& text) {
  auto owner = std::make_shared<std::string>(text);
  const auto bytes = std::as_bytes(std::span(owner->data(), owner->size()));
  return {bytes, std::move(owner)};
}

TEST(HeldValues, AValueThatSomebodyHoldsIsFoundWithItsOwner) {
  HeldValues values;
  detail::Value value = value_of("large");
  values.remember({1, 2}, value.owner, value.bytes);
  const auto found = values.find({1, 2});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes.data(), value.bytes.data());
  EXPECT_EQ(found->bytes.size(), 5U);
  EXPECT_EQ(found->owner, value.owner);
  EXPECT_FALSE(values.find({2, 1}));
}

TEST(HeldValues, NoneIsKeptAlive) {
  HeldValues values;
  detail::Value value = value_of("large");
  values.remember({1, 1}, value.owner, value.bytes);
  EXPECT_EQ(value.owner.use_count(), 1);
  value = {};
  EXPECT_FALSE(values.find({1, 1}));
}

TEST(HeldValues, AForgottenOneIsNotFound) {
  HeldValues values;
  const detail::Value value = value_of("large");
  values.remember({1, 1}, value.owner, value.bytes);
  values.forget({1, 1});
  values.forget({1, 7});
  EXPECT_FALSE(values.find({1, 1}));
}

TEST(HeldValues, TheLastOneThatWasRememberedCounts) {
  HeldValues values;
  const detail::Value old = value_of("old");
  const detail::Value fresh = value_of("fresh");
  values.remember({1, 1}, old.owner, old.bytes);
  values.remember({1, 1}, fresh.owner, fresh.bytes);
  EXPECT_EQ(values.find({1, 1})->owner, fresh.owner);
}

TEST(HeldValues, ThoseThatNobodyHoldsDoNotPileUp) {
  HeldValues values;
  std::vector<detail::Value> kept;
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    const detail::Value value = value_of("large");
    values.remember({1, i}, value.owner, value.bytes);
    if (i % 1000 == 0) kept.push_back(value);
  }
  EXPECT_LE(values.size(), 200U);
  for (std::uint64_t i = 1000; i <= 10'000; i += 1000) EXPECT_TRUE(values.find({1, i})) << i;
}

TEST(HeldValuesDeathTest, AValueHasAnOwner) {
  HeldValues values;
  EXPECT_ABORT(values.remember({1, 1}, nullptr, {}), "a value that is looked at has an owner");
}

}  // namespace
}  // namespace morrow::runtime
