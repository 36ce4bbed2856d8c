// SPDX-License-Identifier: Apache-2.0
#include "base/path_name.h"

#include <gtest/gtest.h>

namespace morrow::base {
namespace {

TEST(PathName, IsWhatStandsBehindTheLastSlash) {
  EXPECT_EQ(base_name("/usr/lib/libm.so.6"), "libm.so.6");
  EXPECT_EQ(base_name("program"), "program");
  EXPECT_EQ(base_name("/"), "");
  EXPECT_EQ(base_name("folder/"), "");
  EXPECT_EQ(base_name(""), "");
}

}  // namespace
}  // namespace morrow::base
