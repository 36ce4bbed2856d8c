// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/fuzz/fuzz.h"
#include "worker/logs/task_lines.h"

// What stands in tasks.log, of which the larger part is what tasks wrote.

namespace morrow::fuzz {

namespace {

const std::string kTime = "2026-11-27 03:28:09.123 ";

}  // namespace

std::map<std::string, std::string> seeds() {
  return {{"whole", kTime + worker::task_line({"sum", "0123456789abcdef/5", 2}, false, {"1 + 1: 2", true})},
          {"piece", kTime + worker::task_line({"a: b:", "0123456789abcdef/5", 1}, true, {"no end", false})},
          {"no_task", kTime + worker::task_line({"(no task)", "", 0}, false, {"hello", true})}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = worker::parse_task_line(text);
  if (!parsed || text.find('\n') != std::string_view::npos) return 0;
  const worker::OutputSource source{std::string(parsed->name), std::string(parsed->future), parsed->attempt};
  const std::string again =
      fuzz::kTime + worker::task_line(source, parsed->to_stderr, {std::string(parsed->text), parsed->whole});
  const auto twice = worker::parse_task_line(again);
  fuzz::require(twice && twice->future == parsed->future && twice->text == parsed->text);
  return 0;
}
