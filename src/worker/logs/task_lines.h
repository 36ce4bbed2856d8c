// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// How the output of tasks stands in tasks.log: a line of the file for each line of a task, so that people can read it
/// and programs can give a task's bytes back as they were.
namespace morrow::worker {

/// A line that a task wrote, or a piece of one.
struct OutputLine {
  std::string text;   ///< without its end
  bool whole = true;  ///< it has an end, '\n'
  bool operator==(const OutputLine&) const = default;
};

/// Who wrote a line.
struct OutputSource {
  std::string name;           ///< of the task; else what it is
  std::string future;         ///< as people write it; empty: no task's
  std::uint32_t attempt = 0;  ///< from 1
  bool operator==(const OutputSource&) const = default;
};

/// "0123456789abcdef/5#1 out NAME: TEXT": what stands in the file, behind the time. "out+" and "err+" are pieces that
/// have no end, "-" is no task's. A name is written as
/// people are shown it, and a little differently when it would not end there; the text as it is, byte by byte.
std::string task_line(const OutputSource& source, bool to_stderr, const OutputLine& line);

/// What such a line of the file says.
struct TaskLine {
  std::string_view future;  ///< empty: no task's
  std::uint32_t attempt = 0;
  bool to_stderr = false;
  bool whole = true;
  std::string_view name;
  std::string_view text;
};
/// Of a line of the file with its time and without its end; nothing: it is none.
std::optional<TaskLine> parse_task_line(std::string_view line);

/// The name as it stands in the file.
std::string written_name(std::string_view name);

}  // namespace morrow::worker
