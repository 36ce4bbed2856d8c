// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <chrono>
#include <complex>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <morrow/serialize.h>

#include "tests/public/round_trip.h"

namespace {

using morrow::deserialize_value;
using morrow::serialize_value;
using morrow::test::round_trip;

enum class Color : std::uint8_t { kRed, kGreen };

struct Point {
  int x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};

/// A plain aggregate with no code for Morrow.
struct Report {
  std::string title;
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, Point> points;
  std::optional<std::string> note;
  std::variant<int, std::string> choice;
  Color color = Color::kRed;
  bool operator==(const Report&) const = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};

class Account {
 public:
  Account() = default;
  Account(std::string owner, int cents) : owner_(std::move(owner)), cents_(cents) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(owner_, cents_);
  }
  bool operator==(const Account&) const = default;

 private:
  std::string owner_;
  int cents_ = 0;
};

/// The other styles that cereal takes.
class Split {
 public:
  std::string text;
  template <class Archive>
  void save(Archive& archive) const {
    archive << text;
  }
  template <class Archive>
  void load(Archive& archive) {
    archive >> text;
  }
};
struct Outside {
  std::vector<Report> reports;
};
template <class Archive>
void serialize(Archive& archive, Outside& outside) {
  archive& cereal::make_nvp("reports", outside.reports);
}

struct NoDefault {
  constexpr explicit NoDefault(int n) : number(n) {}
  int number;
};

}  // namespace

namespace {

/// Makes random values of any type. A generator of RapidCheck for each type would take most of a minute to compile, so
/// RapidCheck only gives the seed.
class Maker {
 public:
  /// Each container, at each level of nesting, has up to `size` elements.
  explicit Maker(std::size_t size) : size_(size), random_(*rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>())) {}

  template <class T>
  T make() {
    T value{};
    fill(value);
    return value;
  }

 private:
  template <class T>
  requires std::is_arithmetic_v<T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = random_() % 2 == 1;
    } else if (const auto kind = random_() % 8; kind == 0) {
      value = std::numeric_limits<T>::max();
    } else if (kind == 1) {
      value = std::numeric_limits<T>::lowest();
    } else if (kind < 4) {
      value = static_cast<T>(random_() % 4);
    } else {
      const std::uint64_t bits = random_();
      std::memcpy(&value, &bits, sizeof value);
      if (value != value) value = 0;  // not a number, which equals nothing
    }
  }
  void fill(Color& color) { color = make<bool>() ? Color::kRed : Color::kGreen; }
  void fill(Point& point) {
    fill(point.x);
    fill(point.y);
  }
  void fill(Report& report) {
    fill(report.title);
    fill(report.rows);
    fill(report.points);
    if (make<bool>()) fill(report.note.emplace());
    if (make<bool>()) {
      fill(report.choice.emplace<int>());
    } else {
      fill(report.choice.emplace<std::string>());
    }
    fill(report.color);
  }
  template <class First, class Second>
  void fill(std::pair<First, Second>& pair) {
    fill(pair.first);
    fill(pair.second);
  }
  template <class... Elements>
  void fill(std::tuple<Elements...>& tuple) {
    std::apply([this](auto&... elements) { (fill(elements), ...); }, tuple);
  }
  template <class T, std::size_t N>
  void fill(std::array<T, N>& array) {
    for (T& element : array) fill(element);
  }
  template <class Container>
  requires requires(Container& container) { container.insert(container.end(), *container.begin()); }
  void fill(Container& container) {
    for (std::size_t count = random_() % (size_ + 1); count > 0; --count) {
      if constexpr (requires { typename Container::mapped_type; }) {
        using Entry = std::pair<typename Container::key_type, typename Container::mapped_type>;
        container.insert(container.end(), make<Entry>());
      } else {
        container.insert(container.end(), make<typename Container::value_type>());
      }
    }
  }

  std::size_t size_;
  std::mt19937_64 random_;
};

template <class T>
void holds_for(const char* what, std::size_t size = 60) {
  EXPECT_TRUE(rc::check(what, [size] {
    const T value = Maker(size).make<T>();
    RC_ASSERT((round_trip(value) == value));
  }));
}

TEST(Serialize, NumbersComeBackAsTheyWere) {
  holds_for<int>("int");
  holds_for<std::uint64_t>("uint64");
  holds_for<double>("double");
  holds_for<bool>("bool");
  holds_for<char>("char");
}

TEST(Serialize, ContainersComeBackAsTheyWere) {
  holds_for<std::string>("string");
  holds_for<std::vector<int>>("vector");
  holds_for<std::vector<bool>>("vector of bool");
  holds_for<std::vector<std::string>>("vector of strings", 20);
  holds_for<std::deque<std::string>>("deque");
  holds_for<std::list<std::vector<double>>>("list", 20);
  holds_for<std::set<std::string>>("set");
  holds_for<std::multiset<int>>("multiset");
  holds_for<std::map<int, std::vector<std::string>>>("map", 12);
  holds_for<std::multimap<int, int>>("multimap");
  holds_for<std::unordered_map<std::string, int>>("unordered_map");
  holds_for<std::unordered_set<int>>("unordered_set");
  holds_for<std::array<std::string, 3>>("array");
  holds_for<std::pair<std::string, int>>("pair");
  holds_for<std::tuple<int, std::string, std::vector<double>>>("tuple");
}

TEST(Serialize, DeepNestsComeBackAsTheyWere) {
  holds_for<std::map<std::string, std::vector<std::pair<int, std::set<std::string>>>>>("nested", 8);
  holds_for<std::vector<std::tuple<std::string, std::array<std::vector<int>, 2>>>>("nested tuples", 12);
}

TEST(Serialize, PlainStructsNeedNoCode) {
  holds_for<Report>("aggregate", 8);
  holds_for<std::vector<Report>>("vector of aggregates", 5);
  const Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};
  EXPECT_EQ(round_trip(tree), tree);
}

TEST(Serialize, VocabularyTypesComeBackAsTheyWere) {
  using Variant = std::variant<std::monostate, int, std::string>;
  EXPECT_EQ(round_trip(Variant("text")), Variant("text"));
  EXPECT_EQ(round_trip(Variant()), Variant());
  EXPECT_EQ(round_trip(std::optional<std::string>("x")), std::optional<std::string>("x"));
  EXPECT_EQ(round_trip(std::optional<int>()), std::nullopt);
  EXPECT_EQ(round_trip(std::complex<double>(1, 2)), std::complex<double>(1, 2));
  const auto now = std::chrono::system_clock::now();
  EXPECT_EQ(round_trip(now), now);
  EXPECT_EQ(round_trip(std::chrono::milliseconds(5)), std::chrono::milliseconds(5));
  EXPECT_EQ(round_trip(std::u16string(u"text")), u"text");
  EXPECT_EQ(round_trip(Color::kGreen), Color::kGreen);
  EXPECT_EQ(*round_trip(std::make_unique<std::string>("owned")), "owned");
  EXPECT_EQ(round_trip(std::unique_ptr<int>()), nullptr);
  const auto shared = std::make_shared<int>(5);
  const auto both = round_trip(std::pair(shared, shared));
  EXPECT_EQ(*both.first, 5);
  EXPECT_EQ(both.first, both.second);
}

/// It stays where it was made.
struct Fixed {
  Fixed() = default;
  Fixed(const Fixed&) = delete;
  Fixed& operator=(const Fixed&) = delete;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
  int number = 0;
};

TEST(Serialize, WhatCannotBeMovedBehindAPointer) {
  auto fixed = std::make_unique<Fixed>();
  fixed->number = 7;
  EXPECT_EQ(round_trip(std::move(fixed))->number, 7);
}

TEST(Serialize, ClassesWithCerealFunctionsOfAnyStyle) {
  EXPECT_EQ(round_trip(Account("ada", 7)), Account("ada", 7));
  EXPECT_EQ(round_trip(std::vector{Account("ada", 7)}), std::vector{Account("ada", 7)});
  Split split;
  split.text = "text";
  EXPECT_EQ(round_trip(split).text, "text");
  Outside outside;
  outside.reports.resize(2);
  outside.reports[1].title = "second";
  EXPECT_EQ(round_trip(outside).reports, outside.reports);
}

TEST(Serialize, PlainBytesNeedNoDefaultConstructor) {
  EXPECT_EQ(round_trip(NoDefault(5)).number, 5);
  EXPECT_EQ(round_trip(std::vector{NoDefault(1), NoDefault(2)})[1].number, 2);
}

TEST(Serialize, PaddingIsSentAsZeros) {
#if !__has_builtin(__builtin_clear_padding)
  GTEST_SKIP() << "this compiler cannot clear it";
#endif
  struct Padded {
    char c;
    int n;
  };
  const auto bytes = [](int fill) {
    alignas(Padded) unsigned char raw[sizeof(Padded)];
    std::memset(raw, fill, sizeof raw);
    Padded& padded = *new (raw) Padded;
    padded.c = 'x';
    padded.n = 5;
    return serialize_value(padded);
  };
  EXPECT_EQ(bytes(0xff), bytes(0));
}

TEST(Serialize, EveryCutShortValueIsADecodeError) {
  const auto cut = [](const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    const auto bytes = serialize_value(value);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THROW(deserialize_value<T>(std::span(bytes).first(size)), morrow::DecodeError) << size;
    }
  };
  cut(std::string("some text"));
  cut(std::vector<int>{1, 2, 3});
  cut(std::map<std::string, std::vector<int>>{{"a", {1, 2}}, {"b", {}}});
  cut(Report{"title", {{"a", "b"}, {"c"}}, {{"p", {1, 2}}}, "note", "choice", Color::kGreen});
  cut(std::make_unique<std::string>("owned"));
  cut(Tree{1, {{2, {}}}});
}

TEST(Serialize, BytesLeftOverAreADecodeError) {
  auto bytes = serialize_value(5);
  bytes.push_back(std::byte{0});
  EXPECT_THROW(deserialize_value<int>(bytes), morrow::DecodeError);
}

TEST(Serialize, AFalseSizeAllocatesNothing) {
  std::vector<std::byte> bytes;
  morrow::detail::ValueWriter(bytes).put_size(std::uint64_t{1} << 60);
  bytes.resize(bytes.size() + 64);
  EXPECT_THROW(deserialize_value<std::vector<int>>(bytes), morrow::DecodeError);
  EXPECT_THROW(deserialize_value<std::vector<std::string>>(bytes), morrow::DecodeError);
  EXPECT_THROW(deserialize_value<std::vector<bool>>(bytes), morrow::DecodeError);
  EXPECT_THROW(deserialize_value<std::string>(bytes), morrow::DecodeError);
  EXPECT_THROW(deserialize_value<std::u32string>(bytes), morrow::DecodeError);
  EXPECT_THROW(deserialize_value<std::list<int>>(bytes), morrow::DecodeError);
  EXPECT_THROW((deserialize_value<std::unordered_map<int, int>>(bytes)), morrow::DecodeError);
}

struct Chain {
  std::unique_ptr<Chain> next;
};

TEST(Serialize, BytesNestedTooDeeplyAreADecodeError) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer keeps 65,536 frames of a stack, which are fewer than fit in ours";
#endif
  const std::vector<std::byte> levels(1'000'000, std::byte{1});
  EXPECT_THROW(deserialize_value<Chain>(levels), morrow::DecodeError);
  EXPECT_THROW(deserialize_value<std::vector<Tree>>(levels), morrow::DecodeError);
}

TEST(Serialize, AThousandLevelsAreNotTooDeep) {
  Chain chain;
  for (int i = 0; i < 1'000; ++i) chain = Chain{std::make_unique<Chain>(std::move(chain))};
  EXPECT_NO_THROW(deserialize_value<Chain>(serialize_value(chain)));
}

TEST(Serialize, ASharedPointerToAnObjectOfAnotherTypeIsADecodeError) {
  using Pair = std::tuple<std::shared_ptr<std::int64_t>, std::shared_ptr<std::string>>;
  auto bytes = serialize_value(Pair(std::make_shared<std::int64_t>(1), nullptr));
  const std::uint32_t first = 1;  // what cereal calls the number
  std::memcpy(bytes.data() + bytes.size() - sizeof first, &first, sizeof first);
  EXPECT_THROW(deserialize_value<Pair>(bytes), morrow::DecodeError);
}

template <class T>
void mutations_only_throw_decode_errors() {
  EXPECT_TRUE(rc::check("mutated bytes", [] {
    auto bytes = serialize_value(Maker(6).make<T>());
    for (int i = *rc::gen::inRange(1, 4); i > 0 && !bytes.empty(); --i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
      bytes[at] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
    }
    try {
      [[maybe_unused]] const T decoded = deserialize_value<T>(bytes);
    } catch (const morrow::DecodeError&) {
    }
  }));
}

TEST(Serialize, MutatedBytesOnlyEverThrowDecodeErrors) {
  mutations_only_throw_decode_errors<Report>();
  mutations_only_throw_decode_errors<std::vector<std::string>>();
  mutations_only_throw_decode_errors<std::vector<bool>>();
  mutations_only_throw_decode_errors<std::map<std::string, std::vector<std::pair<int, std::set<std::string>>>>>();
  mutations_only_throw_decode_errors<std::unordered_map<std::string, std::vector<double>>>();
}

TEST(Serialize, RandomBytesOnlyEverThrowDecodeErrors) {
  EXPECT_TRUE(rc::check("random bytes", [](const std::vector<std::uint8_t>& raw) {
    const auto bytes = std::as_bytes(std::span(raw));
    const auto attempt = [bytes]<class T>(std::type_identity<T>) {
      try {
        static_cast<void>(deserialize_value<T>(bytes));
      } catch (const morrow::DecodeError&) {
      }
    };
    attempt(std::type_identity<Report>());
    attempt(std::type_identity<Tree>());
    attempt(std::type_identity<std::vector<std::shared_ptr<int>>>());
    attempt(std::type_identity<std::variant<int, std::string>>());
    attempt(std::type_identity<std::vector<std::optional<std::string>>>());
  }));
}

}  // namespace
