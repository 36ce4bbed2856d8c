// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/worker/brain/machine.h"

// A driver comes back just when a worker ends its session, since it was away for its grace.
namespace morrow::test {
namespace {

using Words = std::vector<std::string>;

Machine::Setup with_one_cpu() {
  Machine::Setup setup;
  setup.total = Machine::one_cpu();
  return setup;
}

TEST(GivenUpSessions, ADriverThatCameBackInTimeKeepsItsSession) {
  Machine machine(with_one_cpu());
  machine.run(kSecond);
  const std::uint64_t before = machine.attachment;
  machine.driver_goes();
  machine.driver_returns();
  machine.run(kSecond);
  ASSERT_EQ(machine.told, (Words{"welcome", "welcome"}));
  machine.give_up_session(before);
  machine.run(kSecond);
  EXPECT_EQ(machine.told, (Words{"welcome", "welcome"}));
}

TEST(GivenUpSessions, ADriverThatComesWithTheEndIsRefused) {
  Machine machine(with_one_cpu());
  machine.run(kSecond);
  machine.driver_goes();
  machine.give_up_session(machine.attachment);
  machine.driver_returns();
  machine.run(kSecond);
  EXPECT_EQ(machine.told, (Words{"welcome", "refused"}));
}

TEST(GivenUpSessions, ADriverThatOvertakesTheEndKeepsItsSession) {
  Machine machine(with_one_cpu());
  machine.run(kSecond);
  const std::uint64_t before = machine.attachment;
  machine.driver_goes();
  machine.driver_returns();
  machine.give_up_session(before);
  machine.run(kSecond);
  EXPECT_EQ(machine.told, (Words{"welcome", "welcome"}));
}

}  // namespace
}  // namespace morrow::test
