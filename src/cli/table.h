// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace morrow::cli {

/// What a command lists, as programs read it: a number is a number, and what is absent is null.
using Row = nlohmann::ordered_json;
using Rows = std::vector<Row>;

/// A column, as people read it.
struct Column {
  std::string title;
  std::string key;                                   ///< of the field in the rows that it is sorted by
  std::function<std::string(const Row&)> text = {};  ///< empty: the field as it is, null as "-"
};
using Columns = std::vector<Column>;

/// Sorts by a column, which goes by its title or by any field of the rows, whatever the case; with `-` before it the
/// largest comes first. What has none comes last. \throws std::invalid_argument with the names that there are
void sort_rows(Rows& rows, const Columns& columns, const std::string& by);

/// In columns as wide as they need to be. Whatever the texts are, each row is one line without control characters.
void print_rows(const Rows& rows, const Columns& columns);

/// As JSON, in which all texts are UTF-8 whatever they were (see base/shown.h); with `indent` a line for each part.
std::string json_text(const Row& json, int indent = -1);

/// Null when it is zero or empty.
Row or_null(std::uint64_t number);
Row or_null(const std::string& text);

/// "12.3 MB", "8.2 kB", "17 B": powers of 1000.
std::string byte_text(std::uint64_t bytes);
/// "17 s", "5 min", "3 h", "2 d": one unit suffices people.
std::string span_text(std::uint64_t ms);

}  // namespace morrow::cli
