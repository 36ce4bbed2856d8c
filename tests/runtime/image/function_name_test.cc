// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/function_name.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "runtime/image/manifest.h"
#include "tests/runtime/image/support.h"

namespace geo {

[[gnu::noinline]] std::string text_of(int a) { return std::to_string(a); }

[[gnu::noinline]] int distance(int a, int b) { return a - b; }

template <class T>
[[gnu::noinline]] T twice(T value) {
  return value + value;
}

template <class A, class B>
struct Pair {
  [[gnu::noinline]] static std::map<A, B> make(A a, B b) { return {{a, b}}; }
};

namespace {

[[gnu::noinline]] int hidden(int a) { return a * 3; }

}  // namespace

}  // namespace geo

extern "C" [[gnu::noinline]] int f(int a) { return a; }

namespace morrow::runtime {
namespace {

template <class Function>
std::string name_of(Function* function) {
  make_manifest();
  return function_name(code_ref(reinterpret_cast<const void*>(function)));
}

TEST(FunctionName, IsWhatPeopleCallIt) {
  EXPECT_EQ(name_of(&geo::distance), "geo::distance");
  EXPECT_EQ(name_of(&geo::hidden), "geo::hidden");
  EXPECT_EQ(name_of(&geo::text_of), "geo::text_of") << "it returns a string, which the compiler notes in its symbol";
  EXPECT_EQ(name_of(&geo::twice<int>), "geo::twice<int>");
  EXPECT_EQ(name_of(&geo::twice<std::string>).substr(0, 10), "geo::twice");
  EXPECT_EQ(name_of(&geo::Pair<int, long>::make), "geo::Pair<int, long>::make");
  EXPECT_EQ(name_of(&f), "f");
  EXPECT_EQ(name_of(&geo::distance), "geo::distance") << "the second time";
}

TEST(FunctionName, IsThatOfALibraryToo) {
  const Loaded plugin(PLUGIN_ONE);
  make_manifest();
  EXPECT_EQ(function_name(code_ref(plugin.function("plugin_answer"))), "plugin_answer");
}

TEST(FunctionName, IsEmptyWhereNothingIsKnown) {
  make_manifest();
  EXPECT_EQ(function_name({0, 1}), "");
  EXPECT_EQ(function_name({4711, 16}), "");
}

TEST(FunctionName, LeavesOutResultAndParameters) {
  EXPECT_EQ(short_name("_ZNK3geo5AdderclEi"), "geo::Adder::operator()");
  EXPECT_EQ(short_name("_ZN3geolsERSoi"), "geo::operator<<");
  EXPECT_EQ(short_name("_ZN3geo3runEPFiiE"), "geo::run");
  EXPECT_EQ(short_name("_Z3runIPFiiEEiT_"), "run<int (*)(int)>");
  EXPECT_EQ(short_name("main"), "main");
  EXPECT_EQ(short_name("_Z1"), "_Z1") << "a damaged one";
}

}  // namespace
}  // namespace morrow::runtime
