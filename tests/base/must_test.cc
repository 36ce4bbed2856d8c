// SPDX-License-Identifier: Apache-2.0
#include "base/must.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::base {
namespace {

TEST(Must, FindsTheValueInAMapToBeChanged) {
  std::map<int, std::string> names{{1, "one"}};
  must_find(names, 1, "one is there") = "uno";
  EXPECT_EQ(names.at(1), "uno");
  const std::unordered_map<std::string, int> numbers{{"one", 1}};
  EXPECT_EQ(must_find(numbers, "one", "one is there"), 1);
}

TEST(Must, FindsTheElementOfASet) {
  const std::set<std::string> names{"one"};
  EXPECT_EQ(&must_find(names, "one", "one is there"), &*names.begin());
}

TEST(Must, NotNullGivesWhatAPointerHolds) {
  int number = 3;
  not_null(&number, "it is there") = 4;
  EXPECT_EQ(number, 4);
  const auto owned = std::make_unique<int>(5);
  EXPECT_EQ(&not_null(owned, "it is there"), owned.get());
  const std::optional<int> some = 6;
  EXPECT_EQ(not_null(some, "it is there"), 6);
}

TEST(Must, ErasesFromMapsSetsAndTheFirstOfASequence) {
  std::map<int, int> map{{1, 1}, {2, 2}};
  must_erase(map, 1, "one is there");
  EXPECT_EQ(map, (std::map<int, int>{{2, 2}}));
  std::set<int> set{1, 2};
  must_erase(set, 2, "two is there");
  EXPECT_EQ(set, std::set<int>{1});
  std::vector<int> list{1, 2, 1};
  must_erase(list, 1, "one is there");
  EXPECT_EQ(list, (std::vector<int>{2, 1}));
}

TEST(MustDeathTest, AnAbsentKeyIsReportedAtThePlaceOfTheCall) {
  std::map<int, int> map{{1, 1}};
  std::map<std::pair<int, int>, int> of_pairs;
  std::vector<int> list{1};
  EXPECT_ABORT(must_find(map, 7, "seven was put in"), "seven was put in; key = 7, size = 1; at .*must_test\\.cc");
  EXPECT_ABORT(must_find(of_pairs, std::pair(1, 2), "it was put in"), "it was put in; size = 0; at .*must_test\\.cc");
  EXPECT_ABORT(must_erase(map, 7, "seven was put in"), "seven was put in; key = 7, size = 1; at .*must_test\\.cc");
  EXPECT_ABORT(must_erase(list, 7, "seven was put in"), "seven was put in; key = 7, size = 1; at .*must_test\\.cc");
}

TEST(MustDeathTest, ANullPointerIsReportedAtThePlaceOfTheCall) {
  int* const nothing = nullptr;
  EXPECT_ABORT(not_null(nothing, "a pinned object exists"), "a pinned object exists; at .*must_test\\.cc");
}

}  // namespace
}  // namespace morrow::base
