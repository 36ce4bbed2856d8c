// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/task_lines.h"

#include <charconv>

#include "base/shown.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kTimeBytes = std::string_view("2026-11-27 03:28:09.123 ").size();
constexpr std::string_view kNameEnd = ": ";

/// What stands before `end`, which is cut off with it; nothing: there is no `end`.
std::optional<std::string_view> take_until(std::string_view& rest, std::string_view end) {
  const std::size_t at = rest.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at + end.size());
  return taken;
}

}  // namespace

std::string written_name(std::string_view name) {
  std::string written = base::shown_line(name);
  for (std::size_t i = 0; i < written.size(); ++i) {
    const bool ends_name = written[i] == ' ' && i > 0 && written[i - 1] == ':';
    if (ends_name) written[i] = '_';
  }
  return written;
}

std::string task_line(const OutputSource& source, bool to_stderr, const OutputLine& line) {
  std::string text = source.future.empty() ? "-" : source.future + "#" + std::to_string(source.attempt);
  text += to_stderr ? " err" : " out";
  text += line.whole ? " " : "+ ";
  return text + written_name(source.name) + std::string(kNameEnd) + line.text;
}

std::optional<TaskLine> parse_task_line(std::string_view line) {
  if (line.size() < kTimeBytes) return std::nullopt;
  line.remove_prefix(kTimeBytes);
  const auto who = take_until(line, " ");
  const auto stream = take_until(line, " ");
  const auto name = take_until(line, kNameEnd);
  if (!who || !stream || !name) return std::nullopt;
  TaskLine parsed;
  if (*who != "-") {
    const std::size_t mark = who->find('#');
    if (mark == std::string_view::npos) return std::nullopt;
    parsed.future = who->substr(0, mark);
    const std::string_view digits = who->substr(mark + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.attempt);
    if (error != std::errc() || end != digits.data() + digits.size() || parsed.future.empty()) return std::nullopt;
  }
  parsed.whole = !stream->ends_with('+');
  const std::string_view kind = stream->substr(0, stream->size() - (parsed.whole ? 0 : 1));
  if (kind != "out" && kind != "err") return std::nullopt;
  parsed.to_stderr = kind == "err";
  parsed.name = *name;
  parsed.text = line;
  return parsed;
}

}  // namespace morrow::worker
