// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/brain/machine.h"

/// Words for what the scripts of virtual tasks do.
namespace morrow::test {

constexpr Time kMs = 1'000'000;

inline Step work(Time time) { return {Step::Kind::kWork, time, {}, {}, {}, {}}; }
inline Step submit(std::string script, control::Resources needs = Machine::one_cpu()) {
  return {Step::Kind::kSubmit, 0, std::move(script), std::move(needs), {}, {}};
}
inline Step await(std::vector<std::size_t> children = {}) {
  return {Step::Kind::kAwait, 0, {}, {}, std::move(children), {}};
}
inline Step await_any() { return {Step::Kind::kAwaitAny, 0, {}, {}, {}, {}}; }
inline Step submit_after(std::string script, std::vector<std::string> others) {
  return {Step::Kind::kSubmit, 0, std::move(script), Machine::one_cpu(), {}, {}, std::move(others)};
}
inline Step await_of(std::vector<std::string> others) {
  return {Step::Kind::kAwait, 0, {}, {}, {}, {}, std::move(others)};
}
inline Step gives(std::string value) { return {Step::Kind::kReturn, 0, {}, {}, {}, std::move(value)}; }
inline Step gives_large() { return {Step::Kind::kReturnLarge, 0, {}, {}, {}, {}}; }
inline Step no_room() { return {Step::Kind::kNoRoom, 0, {}, {}, {}, {}}; }
inline Step crashes() { return {Step::Kind::kCrash, 0, {}, {}, {}, {}}; }
inline Step throws() { return {Step::Kind::kThrow, 0, {}, {}, {}, {}}; }

}  // namespace morrow::test
