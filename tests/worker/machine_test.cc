// SPDX-License-Identifier: Apache-2.0
#include "worker/machine.h"

#include <gtest/gtest.h>

#include "wire/addresses.h"
#include "wire/paths.h"

namespace morrow::worker {
namespace {

using wire::is_loopback;

TEST(Machine, HasSomethingToGiveAndANameThatFits) {
  EXPECT_GE(machine_cpu_milli(), 1U);
  EXPECT_GE(machine_memory_bytes(), 1U << 20);
  EXPECT_NO_THROW(wire::check_name("worker", machine_name()));
}

TEST(Address, WhatOthersReachIsNeverAllAddressesNorLoopback) {
  EXPECT_EQ(wire::reachable_address("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(wire::reachable_address("127.0.0.1"), "127.0.0.1");
  for (const char* any : {"0.0.0.0", "::"}) EXPECT_FALSE(is_loopback(wire::reachable_address(any)));
}

TEST(Address, OnlyLoopbackIsTakenForLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.8.9.10"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("10.1.2.3"));
  EXPECT_FALSE(is_loopback("example"));
  EXPECT_FALSE(is_loopback("::ffff:10.1.2.3"));
}

}  // namespace
}  // namespace morrow::worker
