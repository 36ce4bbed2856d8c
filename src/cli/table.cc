// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <stdexcept>
#include <string_view>

#include "base/shown.h"

namespace morrow::cli {

namespace {

/// "In use" and "in_use" are one name.
std::string plain(std::string_view name) {
  std::string plain;
  for (const char letter : name) {
    const bool space = letter == ' ' || letter == '-';
    plain += space ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return plain;
}

/// The field that a name means; empty: none.
std::string key_of(const Rows& rows, const Columns& columns, const std::string& name) {
  const std::string wanted = plain(name);
  for (const Column& column : columns) {
    if (plain(column.title) == wanted || column.key == wanted) return column.key;
  }
  return !rows.empty() && rows.front().contains(wanted) ? wanted : "";
}

std::string text_of(const Column& column, const Row& row) {
  if (column.text) return base::shown_line(column.text(row));
  const auto field = row.find(column.key);
  if (field == row.end() || field->is_null()) return "-";
  return field->is_string() ? base::shown_line(field->get<std::string>()) : json_text(*field);
}

/// Of a terminal, about: a character of UTF-8 takes one.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// The same with texts of UTF-8 alone.
Row in_utf8(const Row& row) {
  if (row.is_string()) return base::as_utf8(row.get<std::string>());
  Row out = row.is_object() ? Row::object() : row.is_array() ? Row::array() : row;
  if (row.is_object()) {
    for (const auto& [key, value] : row.items()) out[base::as_utf8(key)] = in_utf8(value);
  } else if (row.is_array()) {
    for (const Row& value : row) out.push_back(in_utf8(value));
  }
  return out;
}

}  // namespace

void sort_rows(Rows& rows, const Columns& columns, const std::string& by) {
  const bool descending = by.starts_with('-');
  const std::string key = key_of(rows, columns, descending ? by.substr(1) : by);
  if (key.empty()) {
    std::string names;
    for (const Column& column : columns) names += (names.empty() ? "" : ", ") + plain(column.title);
    throw std::invalid_argument("there is no column \"" + by + "\" to sort by; there are: " + names);
  }
  const auto field = [&key](const Row& row) { return row.contains(key) ? row[key] : Row(); };
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& one, const Row& other) {
    const Row left = field(one);
    const Row right = field(other);
    if (left.is_null() || right.is_null()) return !left.is_null() && right.is_null();
    return descending ? right < left : left < right;
  });
}

void print_rows(const Rows& rows, const Columns& columns) {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines.front().push_back(column.title);
  for (const Row& row : rows) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const Column& column : columns) line.push_back(text_of(column, row));
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], columns_of(line[i]));
  }
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - columns_of(line[i]) + 2, ' ');
    }
    std::printf("%s\n", text.c_str());
  }
}

std::string json_text(const Row& json, int indent) { return in_utf8(json).dump(indent); }

Row or_null(std::uint64_t number) { return number == 0 ? Row() : Row(number); }

Row or_null(const std::string& text) { return text.empty() ? Row() : Row(text); }

std::string byte_text(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; amount >= 1000 && unit + 1 < kUnits.size(); ++unit) amount /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", amount, kUnits.at(unit));
  return text.data();
}

std::string span_text(std::uint64_t ms) {
  constexpr std::uint64_t kSecond = 1'000;
  constexpr std::uint64_t kMinute = 60 * kSecond;
  constexpr std::uint64_t kHour = 60 * kMinute;
  constexpr std::uint64_t kDay = 24 * kHour;
  if (ms < 2 * kMinute) return std::to_string(ms / kSecond) + " s";
  if (ms < 2 * kHour) return std::to_string(ms / kMinute) + " min";
  if (ms < 2 * kDay) return std::to_string(ms / kHour) + " h";
  return std::to_string(ms / kDay) + " d";
}

}  // namespace morrow::cli
