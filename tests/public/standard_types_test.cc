// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <span>
#include <stack>
#include <string>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

#include <morrow/serialize.h>

#include "tests/public/round_trip.h"

// Types of the standard library that cereal has no functions for.
namespace {

using morrow::deserialize_value;
using morrow::serialize_value;
using morrow::test::round_trip;

template <class T>
void expect_cut_is_refused(const T& value) {
  const auto bytes = serialize_value(value);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(deserialize_value<T>(std::span(bytes).first(size)), morrow::DecodeError) << size;
  }
}

TEST(StandardTypes, AdaptersOfContainersComeBackInTheirOrder) {
  std::queue<std::string> queue;
  queue.push("first");
  queue.push("second");
  EXPECT_EQ(round_trip(queue), queue);
  std::queue<int, std::list<int>> over_list;
  over_list.push(1);
  EXPECT_EQ(round_trip(over_list), over_list);
  std::stack<std::pair<int, std::string>> stack;
  stack.emplace(1, "below");
  stack.emplace(2, "top");
  EXPECT_EQ(round_trip(stack), stack);
  std::priority_queue<int, std::vector<int>, std::greater<>> smallest_first;
  for (const int n : {5, 1, 3, 2}) smallest_first.push(n);
  auto got = round_trip(smallest_first);
  for (const int n : {1, 2, 3, 5}) {
    ASSERT_FALSE(got.empty());
    EXPECT_EQ(got.top(), n);
    got.pop();
  }
  expect_cut_is_refused(queue);
}

TEST(StandardTypes, ForwardListsAndValarraysComeBack) {
  const std::forward_list<std::string> list{"x", "y", "z"};
  EXPECT_EQ(round_trip(list), list);
  EXPECT_EQ(round_trip(std::forward_list<int>()), std::forward_list<int>());
  const std::valarray<double> numbers{1, 2, 3};
  EXPECT_EQ(round_trip(numbers).sum(), 6);
  const std::valarray<std::string> texts{"a", "b"};
  EXPECT_EQ(round_trip(texts)[1], "b");
  expect_cut_is_refused(list);
  expect_cut_is_refused(texts);
}

TEST(StandardTypes, APathIsItsBytes) {
  const std::filesystem::path path("/data/\xff/file.csv");
  EXPECT_EQ(round_trip(path), path);
  expect_cut_is_refused(path);
}

TEST(StandardTypes, GeneratorsAndDistributionsGoOnWhereTheyWere) {
  std::mt19937_64 generator(5);
  generator.discard(700);
  auto copy = round_trip(generator);
  EXPECT_EQ(copy(), generator());
  std::normal_distribution<> normal(10, 2);
  normal(generator);
  auto other = round_trip(normal);
  auto same = generator;
  EXPECT_EQ(other(same), normal(generator));
  EXPECT_EQ(round_trip(std::minstd_rand(3))(), std::minstd_rand(3)());
  struct Walk {
    std::mt19937 random;
    std::string name;
  };
  EXPECT_EQ(round_trip(Walk{std::mt19937(5), "w"}).random, std::mt19937(5));
}

TEST(StandardTypes, TheyMayStandInEachOther) {
  struct Job {
    std::filesystem::path input;
    std::queue<std::valarray<int>> parts;
    std::optional<std::filesystem::path> output;
  };
  Job job{"in", {}, "out"};
  job.parts.push({1, 2});
  const Job got = round_trip(job);
  EXPECT_EQ(got.input, "in");
  EXPECT_EQ(got.output, "out");
  EXPECT_EQ(got.parts.front()[1], 2);
  const std::map<std::filesystem::path, std::forward_list<int>> by_path{{"k", {1, 2}}};
  EXPECT_EQ(round_trip(by_path), by_path);
  using NumberOrPath = std::variant<int, std::filesystem::path>;
  EXPECT_EQ(round_trip(NumberOrPath("x")), NumberOrPath("x"));
}

}  // namespace
