// SPDX-License-Identifier: Apache-2.0
#include "cli/amounts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>

namespace morrow::cli {

namespace {

/// A suffix of an amount of bytes, and how many bytes one of it is.
struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array<Unit, 10> kUnits{{{"", 1},
                                       {"B", 1},
                                       {"KB", 1e3},
                                       {"MB", 1e6},
                                       {"GB", 1e9},
                                       {"TB", 1e12},
                                       {"KiB", 1024.0},
                                       {"MiB", 1048576.0},
                                       {"GiB", 1073741824.0},
                                       {"TiB", 1099511627776.0}}};
constexpr double kMaxBytes = 1e15;
constexpr double kMaxAmount = 1e9;
constexpr double kMicro = 1e6;             // millionths in one
constexpr std::size_t kMaxNameBytes = 64;  // of a resource, as submit takes it

/// The number at the start of `text`, which is cut off it; below zero when there is none.
double take_number(std::string_view& text) {
  double number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::uint64_t parse_bytes(const std::string& text) {
  std::string_view rest = text;
  const double number = take_number(rest);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  const auto same = [&](const Unit& unit) {
    return std::equal(rest.begin(), rest.end(), unit.name.begin(), unit.name.end(),
                      [](unsigned char one, unsigned char other) { return std::tolower(one) == std::tolower(other); });
  };
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), same);
  if (number < 0 || unit == kUnits.end() || number * unit->bytes < 1 || number * unit->bytes > kMaxBytes) {
    throw std::invalid_argument("\"" + text + "\" is not a size; write one like 4GiB or 512MB");
  }
  return static_cast<std::uint64_t>(number * unit->bytes);
}

std::uint64_t parse_micro(const std::string& what, const std::string& text) {
  std::string_view rest = text;
  const double number = take_number(rest);
  if (number < 0 || !rest.empty() || number > kMaxAmount) {
    throw std::invalid_argument("\"" + text + "\" is not an amount for " + what + "; write a number like 2 or 0.5");
  }
  return static_cast<std::uint64_t>(std::llround(number * kMicro));
}

std::pair<std::string, std::uint64_t> parse_resource(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  const std::string name = text.substr(0, equals);
  if (equals == std::string::npos || name.empty() || name.size() > kMaxNameBytes) {
    throw std::invalid_argument(
        "\"" + text + "\" is not a resource; write NAME=AMOUNT, like license=2, with a name of 1 to 64 bytes");
  }
  for (const std::string_view own : {"cpu", "cpus", "memory", "gpu", "gpus"}) {
    if (name == own) throw std::invalid_argument("--resource " + text + ": use --cpus, --memory or --gpus for that");
  }
  return {name, parse_micro("--resource " + name, text.substr(equals + 1))};
}

}  // namespace morrow::cli
