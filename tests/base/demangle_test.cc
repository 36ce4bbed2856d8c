// SPDX-License-Identifier: Apache-2.0
#include "base/demangle.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace morrow::base {
namespace {

TEST(Demangle, OnlySymbolsOfCppChange) {
  EXPECT_EQ(demangled("_ZN6morrow4base6randomEv"), "morrow::base::random()");
  EXPECT_EQ(demangled("f"), "f");
  EXPECT_EQ(demangled("_Znonsense"), "_Znonsense");
  EXPECT_EQ(demangled(nullptr), "");
}

TEST(Demangle, TypesAreNamedAsTheyAreWritten) {
  EXPECT_EQ(name_of_type(typeid(std::out_of_range)), "std::out_of_range");
  EXPECT_EQ(name_of_type(typeid(float)), "float");
}

}  // namespace
}  // namespace morrow::base
