// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <morrow/future.h>
#include <morrow/serialize.h>

#include "tests/fuzz/fuzz.h"

// Values of all kinds of types. The last byte of an input says which type it is read as.

namespace morrow::fuzz {

namespace {

struct Point {
  int x = 0;
  double y = 0;
};

/// A plain aggregate, with others inside.
struct Report {
  std::string title;
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, Point> points;
  std::optional<std::string> note;
  std::variant<int, std::string, std::vector<bool>> choice;
  Future<Point> next;
};

/// A byte or two for each level: what is nested without end.
struct Tree {
  std::vector<Tree> children;
};
struct Chain {
  std::unique_ptr<Chain> next;
};

/// With functions for cereal.
class Account {
 public:
  Account() = default;
  Account(std::string owner, int cents) : owner_(std::move(owner)), cents_(cents) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(owner_, cents_, flags_);
  }

 private:
  std::string owner_;
  int cents_ = 0;
  std::vector<bool> flags_ = {true, false};
};

template <class T>
void read_as(std::span<const std::byte> bytes) {
  try {
    const T value = deserialize_value<T>(bytes);
    const auto again = serialize_value(value);
    static_cast<void>(deserialize_value<T>(again));
  } catch (const DecodeError&) {
  }
}

template <class... T>
struct Types {
  static constexpr std::size_t kCount = sizeof...(T);
  static void read(std::size_t which, std::span<const std::byte> bytes) {
    std::size_t at = 0;
    ((at++ == which ? read_as<T>(bytes) : void()), ...);
  }
};

using SharedPair =
    std::tuple<std::shared_ptr<std::int64_t>, std::shared_ptr<std::string>, std::shared_ptr<std::string>>;
using All =
    Types<std::vector<double>, std::map<std::string, std::vector<int>>, Report, Tree,
          std::optional<std::vector<std::string>>, std::variant<int, std::string, std::vector<Point>>,
          std::tuple<std::string, int, std::vector<std::string>>, std::vector<Future<int>>, Account,
          std::vector<Account>, std::vector<std::shared_ptr<std::string>>, SharedPair, std::unique_ptr<std::string>,
          std::multimap<std::string, int>, std::multiset<std::string>, std::vector<bool>,
          std::unordered_map<std::string, std::vector<double>>, std::unordered_set<std::string>,
          std::deque<std::string>, std::list<std::pair<int, std::string>>, std::array<std::string, 3>, std::u32string,
          bool, Chain, std::unordered_multimap<int, std::string>, std::set<std::vector<int>>>;

template <class T>
std::string bytes_of(const T& value, char type) {
  const auto bytes = serialize_value(value);
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + type;
}

}  // namespace

std::map<std::string, std::string> seeds() {
  Report report{"title", {{"a", "b"}, {"c"}}, {{"p", {1, 2}}}, "note", "choice", Future<Point>({3, 4})};
  const auto text = std::make_shared<std::string>("shared");
  Tree tree;
  tree.children.resize(2);
  Chain chain;
  chain.next = std::make_unique<Chain>();
  return {{"doubles", bytes_of(std::vector<double>{1, 2, 3}, 0)},
          {"map", bytes_of(std::map<std::string, std::vector<int>>{{"a", {1, 2}}, {"b", {}}}, 1)},
          {"report", bytes_of(report, 2)},
          {"tree", bytes_of(tree, 3)},
          {"optional", bytes_of(std::optional(std::vector<std::string>{"x"}), 4)},
          {"variant", bytes_of(std::variant<int, std::string, std::vector<Point>>(std::vector<Point>{{1, 2}}), 5)},
          {"tuple", bytes_of(std::tuple(std::string("t"), 1, std::vector<std::string>{"u"}), 6)},
          {"futures", bytes_of(std::vector<Future<int>>{Future<int>({1, 2}), Future<int>({1, 3})}, 7)},
          {"account", bytes_of(Account("me", 5), 8)},
          {"shared", bytes_of(std::vector{text, text, std::shared_ptr<std::string>()}, 10)},
          {"shared_pair", bytes_of(SharedPair(std::make_shared<std::int64_t>(7), text, text), 11)},
          {"owned", bytes_of(std::make_unique<std::string>("owned"), 12)},
          {"multimap", bytes_of(std::multimap<std::string, int>{{"a", 1}, {"a", 2}}, 13)},
          {"bools", bytes_of(std::vector<bool>{true, false, true}, 15)},
          {"hashed", bytes_of(std::unordered_map<std::string, std::vector<double>>{{"a", {1}}}, 16)},
          {"list", bytes_of(std::list<std::pair<int, std::string>>{{1, "a"}}, 19)},
          {"chain", bytes_of(chain, 23)},
          {"too_deep", std::string(20'000, '\1') + '\x17'}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  morrow::fuzz::Input input(data, size);
  const std::size_t type = input.number() % morrow::fuzz::All::kCount;
  morrow::fuzz::All::read(type, input.rest_bytes());
  return 0;
}
