// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "worker/logs/task_lines.h"

namespace spdlog {
class logger;
}

namespace morrow::worker {

/// Cuts the output of a task into lines; no byte gets lost. A line longer than kMaxLine is cut, but never
/// inside a character. Not thread-safe.
class LineCutter {
 public:
  static constexpr std::size_t kMaxLine = 16 << 10;

  /// The lines that `text` completes, appended to `lines`.
  void cut(std::string_view text, std::vector<OutputLine>& lines);
  /// Gives the rest, a line without an end; false when there is none.
  bool rest(OutputLine& line);
  bool empty() const { return partial_.empty(); }

 private:
  std::string partial_;
};

/// The files of a worker's log folder: `worker.log` (news of the worker, on standard error too) and `tasks.log`
/// (the output of tasks). Both are rotated. `say`, `note` and `warn` may be called on any thread, all else on the main
/// thread.
class Logs {
 public:
  /// Where the lines go.
  struct Options {
    std::string folder;  ///< made when absent; empty: no files
    bool quiet = false;  ///< only warnings go to standard error
  };
  /// \throws std::runtime_error when the folder can't be written
  explicit Logs(const Options& options);
  ~Logs();

  void say(const std::string& sentence);
  /// In the file only.
  void note(const std::string& sentence);
  void warn(const std::string& sentence);
  /// Lines of a task, one stream.
  void task_lines(const OutputSource& source, bool to_stderr, const std::vector<OutputLine>& lines);
  /// Writes all that is buffered to the files.
  void flush();
  /// Where the files are; empty: there are none.
  const std::string& folder() const { return folder_; }
  /// The file that has what tasks wrote; empty: there is none.
  std::string tasks_file() const { return folder_.empty() ? "" : folder_ + "/tasks.log"; }
  bool has_task_lines() const { return has_task_lines_; }

  /// Of a private worker, whose folder is removed at its end: the files are to stay, since somebody was told of them.
  void keep() { kept_ = true; }
  bool kept() const { return kept_; }

 private:
  std::string folder_;
  bool has_task_lines_ = false;
  bool kept_ = false;
  std::shared_ptr<spdlog::logger> worker_;
  std::shared_ptr<spdlog::logger> tasks_;
};

}  // namespace morrow::worker
