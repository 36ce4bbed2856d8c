#include "worker/shell_machine.h"

#include <gtest/gtest.h>

#include "wire/paths.h"
#include "worker/shell_http.h"

namespace morrow::worker {
namespace {

TEST(Machine, HasSomethingToGiveAndANameThatFits) {
  EXPECT_GE(machine_cpu_milli(), 1U);
  EXPECT_GE(machine_memory_bytes(), 1U << 20);
  EXPECT_NO_THROW(wire::check_name("worker", machine_name()));
}

TEST(Address, OnlyLoopbackIsTakenWhileNothingIsEncrypted) {
  EXPECT_NO_THROW(check_loopback("127.0.0.1"));
  EXPECT_NO_THROW(check_loopback("::1"));
  EXPECT_NO_THROW(check_loopback("localhost"));
  EXPECT_THROW(check_loopback("0.0.0.0"), std::invalid_argument);
  EXPECT_THROW(check_loopback("10.1.2.3"), std::invalid_argument);
  EXPECT_THROW(check_loopback("example"), std::invalid_argument);
}

}  // namespace
}  // namespace morrow::worker
