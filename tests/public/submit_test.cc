// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <morrow/morrow.h>

#include "tests/public/fake_core.h"

namespace {

using morrow::Future;

class Submit : public testing::Test {
 protected:
  void SetUp() override { fake::reset(); }
};

int add(int a, int b) { return a + b; }
int add_noexcept(int a, int b) noexcept { return a + b; }
struct Adder {
  int base = 0;
  int operator()(int a) const { return base + a; }
};
struct Counter {
  int count = 0;
  int add(int n) { return count += n; }
  int value() const noexcept { return count; }
};
struct Shape {
  double side = 0;
  virtual ~Shape() = default;
  virtual double area() const { return side * side; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(side);
  }
};
struct Overloaded {
  int operator()(int) const { return 1; }
  int operator()(const std::string&) const { return 2; }
};
struct MoveOnly {
  std::unique_ptr<int> value;
};

TEST_F(Submit, LambdasWithAndWithoutCapturesRun) {
  const int captured = 40;
  EXPECT_EQ(morrow::submit([] { return 7; }).get(), 7);
  EXPECT_EQ(morrow::submit([captured](int a) { return captured + a; }, 2).get(), 42);
  EXPECT_EQ(morrow::submit([captured]() mutable noexcept { return captured; }).get(), 40);
  EXPECT_EQ(morrow::submit([n = 1](int a) mutable { return n += a; }, 2).get(), 3);
}

TEST_F(Submit, TakesAnyNumberOfArguments) {
  const auto sum = [](const auto&... numbers) { return (numbers + ...); };
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5, 6, 7, 8).get(), 36);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5, 6, 7, 8, 9).get(), 45);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).get(), 78);
  EXPECT_EQ(morrow::submit({}, sum, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10).get(), 55);
  const auto nine = [](int a, int b, int c, int d, int e, int f, int g, int h, const std::string& last) {
    return last + std::to_string(a + b + c + d + e + f + g + h);
  };
  EXPECT_EQ(morrow::submit(nine, 1, 2, 3, 4, 5, 6, 7, 8, "sum ").get(), "sum 36");
}

TEST_F(Submit, AnEmptyClosureSendsNoBytes) {
  morrow::submit([] {});
  EXPECT_TRUE(fake::last().closure.empty());
}

TEST_F(Submit, FunctionPointersAreSentAsCodeNotAsValues) {
  EXPECT_EQ(morrow::submit(add, 1, 2).get(), 3);
  EXPECT_EQ(fake::last().code_pointers, std::vector<std::size_t>{0});
  EXPECT_EQ(morrow::submit(&add_noexcept, 1, 2).get(), 3);
  EXPECT_EQ(fake::last().code_pointers, std::vector<std::size_t>{0});
  EXPECT_EQ(morrow::submit(
                +[](int a) { return -a; }, 5)
                .get(),
            -5);
  EXPECT_EQ(morrow::submit([] { return 1; }).get(), 1);
  EXPECT_TRUE(fake::last().code_pointers.empty());
}

TEST_F(Submit, ANullFunctionPointerIsRefusedAtOnce) {
  int (*nothing)(int, int) = nullptr;
  EXPECT_THROW(morrow::submit(nothing, 1, 2), std::invalid_argument);
}

TEST_F(Submit, FunctorsAndOverloadedFunctorsRun) {
  EXPECT_EQ(morrow::submit(Adder{10}, 5).get(), 15);
  EXPECT_EQ(morrow::submit(Overloaded{}, 5).get(), 1);
  EXPECT_EQ(morrow::submit(Overloaded{}, std::string("x")).get(), 2);
}

TEST_F(Submit, MemberFunctionsTakeTheirObjectByValueAsTheFirstArgument) {
  Counter counter{5};
  EXPECT_EQ(morrow::submit(&Counter::add, counter, 3).get(), 8);
  EXPECT_EQ(fake::last().code_pointers, std::vector<std::size_t>{0});
  EXPECT_EQ(counter.count, 5);
  EXPECT_EQ(morrow::submit(&Counter::value, counter).get(), 5);
  EXPECT_EQ(morrow::submit(&Counter::count, counter).get(), 5);
  auto remote = morrow::submit([] { return Counter{9}; });
  EXPECT_EQ(morrow::submit(&Counter::value, remote).get(), 9);
}

TEST_F(Submit, AVirtualMemberFunctionIsAnIndexAndNoCode) {
  Shape shape;
  shape.side = 3;
  EXPECT_EQ(morrow::submit(&Shape::area, shape).get(), 9);
  EXPECT_TRUE(fake::last().code_pointers.empty());
}

TEST_F(Submit, UncheckedTakesCapturesThatTheCompilerCannotLookInto) {
  std::optional<int> maybe = 4;
  EXPECT_EQ(morrow::submit(morrow::unchecked([maybe](int a) { return *maybe + a; }), 1).get(), 5);
  const auto kept = morrow::unchecked([maybe] { return *maybe; });
  EXPECT_EQ(morrow::submit(kept).get(), 4);
}

TEST_F(Submit, UpToEightArgumentsWithAndWithoutOptions) {
  const auto sum = [](auto... n) { return (0 + ... + n); };
  EXPECT_EQ(morrow::submit(sum).get(), 0);
  EXPECT_EQ(morrow::submit(sum, 1).get(), 1);
  EXPECT_EQ(morrow::submit(sum, 1, 2).get(), 3);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3).get(), 6);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4).get(), 10);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5).get(), 15);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5, 6).get(), 21);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5, 6, 7).get(), 28);
  EXPECT_EQ(morrow::submit(sum, 1, 2, 3, 4, 5, 6, 7, 8).get(), 36);
  EXPECT_EQ(morrow::submit({.cpus = 2}, sum, 1, 2, 3, 4, 5, 6, 7, 8).get(), 36);
}

TEST_F(Submit, ArgumentsAreSentAsTheTypesOfTheParameters) {
  EXPECT_EQ(morrow::submit([](double d) { return d / 2; }, 5).get(), 2.5);
  EXPECT_EQ(morrow::submit([](std::string s) { return s.size(); }, "four").get(), 4u);
  EXPECT_EQ(morrow::submit([](const std::string& s) { return s + "!"; }, "four").get(), "four!");
  EXPECT_EQ(morrow::submit([](int n) { return n; }, 2.9).get(), 2);
  const char* text = "text";
  EXPECT_EQ(morrow::submit([](std::string s) { return s; }, text).get(), "text");
  EXPECT_EQ(morrow::submit([](std::optional<int> n) { return n.value_or(-1); }, 3).get(), 3);
  EXPECT_EQ(morrow::submit([](std::optional<int> n) { return n.value_or(-1); }, std::nullopt).get(), -1);
}

TEST_F(Submit, AGenericLambdaGetsTheArgumentAsItIsAndTextAsString) {
  EXPECT_EQ(morrow::submit([](auto s) { return s.size(); }, "four").get(), 4u);
  EXPECT_EQ(morrow::submit([](const auto& v) { return v.size(); }, std::vector<int>{1, 2}).get(), 2u);
  EXPECT_EQ(morrow::submit([](auto&& v) { return v.size(); }, std::vector<int>{1, 2}).get(), 2u);
}

TEST_F(Submit, ParametersMayBeTakenInAnyWay) {
  std::vector<int> v{1, 2, 3};
  EXPECT_EQ(morrow::submit([](std::vector<int> x) { return x.size(); }, v).get(), 3u);
  EXPECT_EQ(morrow::submit([](const std::vector<int>& x) { return x.size(); }, v).get(), 3u);
  EXPECT_EQ(morrow::submit([](std::vector<int>&& x) { return x.size(); }, v).get(), 3u);
  EXPECT_EQ(morrow::submit([](const std::vector<int> x) { return x.size(); }, std::move(v)).get(), 3u);
}

TEST_F(Submit, ANonConstReferenceIsTheTasksOwnCopy) {
  std::vector<int> v{1, 2, 3};
  const auto grow = [](std::vector<int>& x) {
    x.push_back(4);
    return x;
  };
  EXPECT_EQ(morrow::submit(grow, v).get().size(), 4u);
  EXPECT_EQ(v.size(), 3u);
}

TEST_F(Submit, MoveOnlyArgumentsAndResultsTravel) {
  auto pointer = std::make_unique<int>(6);
  EXPECT_EQ(morrow::submit([](std::unique_ptr<int> p) { return *p; }, std::move(pointer)).get(), 6);
  EXPECT_EQ(morrow::submit([](auto p) { return *p; }, std::make_unique<int>(8)).get(), 8);
  EXPECT_EQ(*morrow::submit([] { return MoveOnly{std::make_unique<int>(7)}; }).get().value, 7);
}

TEST_F(Submit, AParameterOfAValueMakesAFutureADependency) {
  auto x = morrow::submit(add, 1, 2);
  auto y = morrow::submit([](int v) { return v * 10; }, x);
  EXPECT_EQ(fake::last().dependencies, std::vector{x.id()});
  EXPECT_EQ(y.get(), 30);
  const Future<int> plain = y;
  EXPECT_EQ(morrow::submit([](int v, int w) { return v + w; }, plain, 1).get(), 31);
  EXPECT_EQ(fake::last().dependencies, std::vector{y.id()});
}

TEST_F(Submit, DependenciesStandBetweenArgumentsInTheirOrder) {
  auto a = morrow::submit([] { return std::string("a"); });
  auto c = morrow::submit([] { return std::string("c"); });
  const auto join = [](const std::string& p, const std::string& q, std::string r, std::string&& s) {
    return p + q + r + s;
  };
  EXPECT_EQ(morrow::submit(join, a, "b", c, "d").get(), "abcd");
  EXPECT_EQ(fake::last().dependencies, (std::vector{a.id(), c.id()}));
}

TEST_F(Submit, ADependencysValueIsConvertedToTheParametersType) {
  auto x = morrow::submit(add, 1, 2);
  EXPECT_EQ(morrow::submit([](double v) { return v / 2; }, x).get(), 1.5);
  EXPECT_EQ(morrow::submit([](const double& v) { return v / 2; }, x).get(), 1.5);
  EXPECT_EQ(morrow::submit([](std::optional<int> v) { return *v; }, x).get(), 3);
}

TEST_F(Submit, AParameterOfAFutureGetsTheHandle) {
  auto x = morrow::submit(add, 1, 2);
  auto y = morrow::submit([](Future<int> z) { return z.get() + 1; }, x);
  EXPECT_TRUE(fake::last().dependencies.empty());
  EXPECT_EQ(fake::last().handles, std::vector{x.id()});
  EXPECT_EQ(y.get(), 4);
  EXPECT_EQ(morrow::submit([](const Future<int>& z) { return z.get() + 2; }, x).get(), 5);
  EXPECT_EQ(morrow::submit([x] { return x.get() + 3; }).get(), 6);
}

TEST_F(Submit, AGenericLambdaAlwaysGetsTheValue) {
  auto x = morrow::submit(add, 1, 2);
  EXPECT_EQ(morrow::submit([](auto v) { return v + 1; }, x).get(), 4);
  EXPECT_EQ(fake::last().dependencies, std::vector{x.id()});
}

TEST_F(Submit, FuturesInContainersAreHandles) {
  std::vector<Future<int>> futures;
  std::vector<morrow::detail::FutureId> ids;
  for (int i = 0; i < 3; ++i) {
    futures.push_back(morrow::submit([i] { return i; }));
    ids.push_back(futures.back().id());
  }
  const auto sum = [](const std::vector<Future<int>>& all) {
    int total = 0;
    for (const auto& one : all) total += one.get();
    return total;
  };
  EXPECT_EQ(morrow::submit(sum, futures).get(), 3);
  EXPECT_TRUE(fake::last().dependencies.empty());
  EXPECT_EQ(fake::last().handles, ids);
  const std::map<std::string, Future<int>> named{{"two", futures[2]}};
  EXPECT_EQ(morrow::submit([](std::map<std::string, Future<int>> m) { return m.at("two").get(); }, named).get(), 2);
  EXPECT_EQ(fake::last().handles, std::vector{ids[2]});
}

TEST_F(Submit, AnEmptyFutureAsAnArgumentIsRefusedAtOnce) {
  EXPECT_THROW(morrow::submit([](int v) { return v; }, Future<int>()), std::invalid_argument);
  EXPECT_THROW(morrow::submit([](Future<int>) {}, Future<int>()), std::invalid_argument);
}

TEST_F(Submit, AFunctionThatReturnsAFutureGivesAFutureOfIt) {
  auto outer = morrow::submit([] { return morrow::submit(add, 20, 1); });
  static_assert(std::is_same_v<decltype(outer), morrow::Submitted<Future<int>>>);
  EXPECT_EQ(outer.get().get(), 21);
  auto handle = morrow::submit([](Future<Future<int>> f) { return f.get().get(); }, outer);
  EXPECT_EQ(handle.get(), 21);
  EXPECT_EQ(fake::last().handles, std::vector{outer.id()});
  auto inner = morrow::submit([](Future<int> f) { return f.get(); }, outer);
  EXPECT_EQ(fake::last().dependencies, std::vector{outer.id()});
  EXPECT_EQ(inner.get(), 21);
}

TEST_F(Submit, ReferencesThatAreReturnedBecomeValues) {
  auto copied = morrow::submit([](const std::vector<int>& v) -> const int& { return v[1]; }, std::vector<int>{4, 5});
  static_assert(std::is_same_v<decltype(copied), morrow::Submitted<int>>);
  EXPECT_EQ(copied.get(), 5);
}

TEST_F(Submit, VoidFunctionsGiveFuturesOfVoid) {
  auto done = morrow::submit([](int) {}, 1);
  static_assert(std::is_same_v<decltype(done), morrow::Submitted<void>>);
  done.get();
  EXPECT_TRUE(done.get_for(std::chrono::seconds(1)));
  EXPECT_EQ(morrow::submit([](Future<void> f) { return f.ready(); }, done).get(), true);
}

TEST_F(Submit, AResultTellsWhetherItMayHoldFutures) {
  const auto may_hold = [](auto f) {
    morrow::submit(f).get();
    return fake::last_result_may_hold_futures();
  };
  struct Small {
    int x, y;
  };
  struct Large {
    double x, y, z;
  };
  EXPECT_FALSE(may_hold([] {}));
  EXPECT_FALSE(may_hold([] { return 1; }));
  EXPECT_FALSE(may_hold([] { return std::string("some text that is long"); }));
  EXPECT_FALSE(may_hold([] { return std::vector<double>(10); }));
  EXPECT_FALSE(may_hold([] { return std::vector<Future<int>>(); }));
  EXPECT_FALSE(may_hold([] { return Small{}; }));
  EXPECT_TRUE(may_hold([] { return Large{}; }));
  EXPECT_TRUE(may_hold([] { return std::vector<Large>(1); }));
  EXPECT_FALSE(may_hold([] { return std::array<double, 4>(); }));
  EXPECT_TRUE(may_hold([] { return morrow::submit(add, 1, 2); }));
  EXPECT_TRUE(may_hold([] { return std::vector<Future<int>>{morrow::submit(add, 1, 2)}; }));
}

TEST_F(Submit, PaddingOfClosuresIsSentAsZeros) {
#if !__has_builtin(__builtin_clear_padding)
  GTEST_SKIP() << "this compiler cannot clear it";
#endif
  struct Padded {
    char c;
    int n;
  };
  const auto sent = [](unsigned char fill) {
    alignas(Padded) unsigned char raw[sizeof(Padded)];
    std::memset(raw, fill, sizeof raw);
    Padded& padded = *new (raw) Padded;
    padded.c = 'x';
    padded.n = 5;
    morrow::submit([padded] { return padded.n; });
    return fake::last().closure;
  };
  EXPECT_EQ(sent(0xff), sent(0));
}

TEST_F(Submit, TheCallNamesItsFunctionForPeople) {
  morrow::submit(Adder{1}, 2);
  EXPECT_NE(fake::last().function_name.find("Adder"), std::string::npos);
  morrow::submit([] {});
  EXPECT_NE(fake::last().function_name.find("lambda"), std::string::npos);
}

}  // namespace
