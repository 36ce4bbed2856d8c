// SPDX-License-Identifier: Apache-2.0
// All of this must compile, without a warning.
#include <morrow/morrow.h>

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace {

using namespace morrow::literals;

enum class Color { kRed, kGreen };
struct Padded {
  char c;
  int n;
  bool flag;
};
struct Private {
  constexpr explicit Private(int n) : n_(n) {}
  int n() const { return n_; }

 private:
  int n_;
};
struct Line {
  std::string text;
  std::map<std::string, std::vector<std::optional<int>>> counts;
};
struct Page {
  std::vector<Line> lines;
  std::array<std::string, 2> margins;
  std::variant<int, std::string> number;
  std::tuple<int, Line> best;
  morrow::Future<int> size;
};
class Foreign {
 public:
  explicit Foreign(int n) : n_(n) {}
  int n() const { return n_; }

 private:
  int n_;
};
struct Node {
  int value = 0;
  std::unique_ptr<Node> next;
};
double halve(double value) { return value / 2; }

}  // namespace

template <>
inline constexpr bool morrow::plain_bytes<Foreign> = true;

int main() {
  const morrow::Session session("cluster", {.log_to_driver = false, .connect_timeout = 5s});
  const int a = 1;
  const short s = 2;
  const bool flag = true;
  const double d[3] = {1, 2, 3};
  const std::array<float, 5> array{};
  const auto future = morrow::submit([] { return 1; });
  morrow::submit([p = Padded{'x', 1, true}, flag, s] { return p.n + flag + s; });
  morrow::submit([d] { return d[1]; });
  morrow::submit([array, a](auto n) { return array[0] + static_cast<float>(a + n); }, 2);
  const auto inner = [a] { return a; };
  morrow::submit([inner, more = [inner] { return inner() + 1; }] { return more(); });
  morrow::submit([future] { return future.get(); });
  morrow::submit([c = Color::kGreen] { return static_cast<int>(c); });
#ifndef __clang__  // cannot look into a lambda with a complex number
  morrow::submit([z = std::complex<double>(1, 2)] { return z.real(); });
#endif
  morrow::submit([t = std::chrono::system_clock::now(), w = 5ms] { return t + w; });
  morrow::submit([p = Private(3), b = std::bitset<100>()] { return p.n() + static_cast<int>(b.count()); });
  morrow::submit([](Foreign one, const std::vector<Foreign>& more) { return one.n() + more[0].n(); }, Foreign(3),
                 std::vector{Foreign(4)});
  const std::optional<int> maybe = 1;
  morrow::submit(morrow::unchecked([maybe] { return *maybe; }));
  morrow::submit(halve, 3);
  morrow::submit({.cpus = a, .memory = 1_GiB}, &halve, 3);
  morrow::submit([](const std::string& text) { return text; }, "text");
  morrow::submit([](Page page) { return page; }, Page());
  morrow::submit([](const Node& node) { return node.value; }, Node());
  morrow::submit([] { return Node{1, std::make_unique<Node>()}; });
  morrow::submit([](std::vector<morrow::Future<int>> all) { return morrow::get_all(all); },
                 std::vector{morrow::Future<int>(future)});
  morrow::submit([](std::set<Color> colors, std::bitset<9> bits) { return colors.size() + bits.count(); },
                 std::set<Color>(), std::bitset<9>());
  {
    const morrow::Scope scope;
    const auto [ready, rest] = morrow::wait(std::vector{future, future}, 1, 10ms);
    morrow::submit([n = ready.size(), m = rest.size()] { return n + m; }).get();
  }
  future.release();
  morrow::flush();
}
