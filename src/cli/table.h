// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace morrow::cli {

/// Prints rows of cells, in columns as wide as they need to be.
void print_table(const std::vector<std::vector<std::string>>& rows);

/// "12.3 MB", "8.2 kB", "17 B": powers of 1000.
std::string byte_text(std::uint64_t bytes);

}  // namespace morrow::cli
