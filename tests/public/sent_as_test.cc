// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <morrow/serialize.h>

#include "tests/public/round_trip.h"

// Values that are made of what was sent, with no default constructor: of types that a program gives another type for,
// and of whatever they stand in.
namespace {

using morrow::deserialize_value;
using morrow::serialize_value;
using morrow::test::round_trip;

/// A class of others: nobody can add to it, or make an empty one.
class Place {
 public:
  Place(std::string name, double height) : name_(std::move(name)), height_(height) {}
  const std::string& name() const { return name_; }
  double height() const { return height_; }
  auto operator<=>(const Place&) const = default;

 private:
  std::string name_;
  double height_;
};

/// Its bytes could be copied, but the program says otherwise.
struct Cached {
  int key = 0;
  int cached = 0;
};

template <class T>
struct Meters {
  explicit Meters(T given) : value(given) {}
  T value;
};

/// Made when it is received, and a value of its bytes.
class Count {
 public:
  constexpr explicit Count(int n) : n_(n) {}
  auto operator<=>(const Count&) const = default;

 private:
  int n_;
};

}  // namespace

template <>
struct morrow::SentAs<Place> {
  static std::pair<std::string, double> pack(const Place& place) { return {place.name(), place.height()}; }
  static Place unpack(std::pair<std::string, double> parts) { return {std::move(parts.first), parts.second}; }
};
template <>
struct morrow::SentAs<Cached> {
  static int pack(const Cached& cached) { return cached.key; }
  static Cached unpack(int key) { return {key, 0}; }
};
template <class T>
struct morrow::SentAs<Meters<T>> {
  static const T& pack(const Meters<T>& meters) { return meters.value; }
  static Meters<T> unpack(T value) { return Meters<T>(std::move(value)); }
};

namespace {

TEST(SentAs, AValueTravelsAsTheProgramSays) {
  const Place top("top", 4808);
  EXPECT_EQ(round_trip(top), top);
  EXPECT_EQ(round_trip(Cached{5, 6}).key, 5);
  EXPECT_EQ(round_trip(Cached{5, 6}).cached, 0);
  EXPECT_EQ(round_trip(std::vector{Cached{5, 6}})[0].cached, 0);
  EXPECT_EQ(round_trip(Meters<std::string>("far")).value, "far");
  EXPECT_EQ(round_trip(Meters<double>(2)).value, 2);
}

TEST(SentAs, ValuesWithNoDefaultStandInEveryContainer) {
  const Place a("a", 1);
  const Place b("b", 2);
  const auto same = [](const auto& value) { EXPECT_EQ(round_trip(value), value); };
  same(std::vector{a, b});
  same(std::deque{a, b});
  same(std::list{a, b});
  same(std::array{a, b});
  same(std::pair(a, 1));
  same(std::tuple(1, a, b));
  same(std::tuple(a));
  same(std::optional(a));
  same(std::optional<Place>());
  same(std::optional(std::optional(a)));
  same(std::variant<Place, int>(a));
  same(std::variant<int, Place>(a));
  same(std::map<Place, Place>{{a, b}});
  same(std::multimap<int, Place>{{1, b}, {1, a}});
  same(std::set{a, b});
  same(std::unordered_map<int, Place>{{1, a}});
  same(std::vector<std::optional<std::pair<int, Place>>>{{{1, a}}, {}});
  EXPECT_EQ(*round_trip(std::make_unique<Place>(a)), a);
  same(std::map<int, Count>{{1, Count(2)}});
  same(std::optional(Count(2)));
  same(std::vector<std::pair<const Count, std::string>>{{Count(2), "two"}});
}

TEST(SentAs, ValuesWithNoDefaultStandInPlainStructs) {
  struct Tour {
    std::string name;
    Place from;
    Count count;
    std::vector<Place> stops;
    const int year = 0;
    bool operator==(const Tour&) const = default;
  };
  const Tour tour{"west", {"a", 1}, Count(3), {{"b", 2}}, 1999};
  EXPECT_EQ(round_trip(tour), tour);
  EXPECT_EQ(round_trip(std::vector{tour, tour})[1], tour);
  EXPECT_EQ(round_trip(std::optional(tour)), tour);
}

TEST(SentAs, BytesThatAreCutShortAreADecodeError) {
  const std::vector<std::variant<int, Place>> value{1, Place("a", 1)};
  const auto bytes = serialize_value(value);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW((deserialize_value<std::vector<std::variant<int, Place>>>(std::span(bytes).first(size))),
                 morrow::DecodeError);
  }
}

TEST(SentAs, AVariantOfNoAlternativeIsADecodeError) {
  using NumberOrText = std::variant<int, std::string>;
  const auto bytes = serialize_value(std::uint32_t{2});
  EXPECT_THROW(deserialize_value<NumberOrText>(bytes), morrow::DecodeError);
}

TEST(PlainStructs, MayHaveBitFields) {
  enum class Kind { kLow, kHigh };
  struct Flags {
    std::string name;
    unsigned small : 3 = 0;
    bool set : 1 = false;
    Kind kind : 2 = Kind::kLow;
    int after = 0;
    bool operator==(const Flags&) const = default;
  };
  const Flags flags{"name", 5, true, Kind::kHigh, 7};
  EXPECT_EQ(round_trip(flags), flags);
  EXPECT_EQ(round_trip(std::vector{flags})[0], flags);
}

TEST(PlainStructs, MayHaveManyFields) {
  struct Ten {
    int a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0;
    bool operator==(const Ten&) const = default;
  };
  struct Many {
    std::string s0;
    Ten a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    Ten c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
    Ten e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9;
    Ten g0, g1, g2, g3, g4, g5, g6, g7, g8, g9, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9;
    Ten i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, j0, j1, j2, j3, j4, j5, j6, j7, j8, j9;
    std::string last;
    bool operator==(const Many&) const = default;
  };
  Many many;
  many.s0 = "first";
  many.e5.j = 55;
  many.j9.a = 99;
  many.last = "last";
  EXPECT_EQ(round_trip(many), many);
}

}  // namespace
