// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

/// Coverage marks tell which rare branches a simulation passed: `coverage_mark<"a round was split">()`. They are built
/// in only with MORROW_COVERAGE_MARKS; otherwise nothing of them is left.
namespace morrow::control {

/// A string literal as a template argument.
template <std::size_t N>
struct MarkName {
  char text[N];
  // NOLINTNEXTLINE: a string literal is to become one
  constexpr MarkName(const char (&literal)[N]) { std::copy_n(literal, N, text); }
};

#ifdef MORROW_COVERAGE_MARKS
struct CoverageMark;
/// All coverage marks of the program, hit or not, in a list.
inline constinit CoverageMark* first_mark = nullptr;

/// A place in the code that tests want to have been through. All marks hang on `first_mark`.
struct CoverageMark {
  explicit CoverageMark(const char* mark_name) : name(mark_name), next(first_mark) { first_mark = this; }
  const char* name;
  std::uint64_t hits = 0;
  CoverageMark* next;
};

template <MarkName Name>
inline CoverageMark the_mark{Name.text};

template <MarkName Name>
void coverage_mark() {
  ++the_mark<Name>.hits;
}
#else
template <MarkName Name>
constexpr void coverage_mark() {}
#endif

}  // namespace morrow::control
