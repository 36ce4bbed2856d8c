// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/logs.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/mutex.h"
#include "base/shown.h"

namespace morrow::worker {

namespace {

// A file that is full is put aside; kOldFiles of them are kept.
constexpr std::size_t kWorkerLogBytes = 5 << 20;
constexpr std::size_t kTasksLogBytes = 20 << 20;
constexpr std::size_t kOldFiles = 3;
constexpr std::chrono::minutes kBetweenComplaints{1};

/// A log that can't be written, on a full disk say, must hold up nobody, and is said where it still can be.
void complain_on_stderr(spdlog::logger& logger, const std::string& folder) {
  using Clock = std::chrono::steady_clock;
  struct Told {
    base::Mutex mutex;
    std::optional<Clock::time_point> last GUARDED_BY(mutex);
  };
  logger.set_error_handler([folder, told = std::make_shared<Told>()](const std::string& problem) {
    const base::MutexLock lock(told->mutex);
    if (told->last && Clock::now() - *told->last < kBetweenComplaints) return;
    told->last = Clock::now();
    std::fprintf(stderr, "morrow: the log in %s can't be written, and lines of it are lost: %s\n", folder.c_str(),
                 problem.c_str());
  });
}

}  // namespace

void LineCutter::cut(std::string_view text, std::vector<OutputLine>& lines) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, end);
    if (partial_.size() + piece.size() > kMaxLine) {
      const std::size_t room = kMaxLine - partial_.size();
      partial_.append(piece.substr(0, room));
      text.remove_prefix(room);
      const std::size_t whole = base::whole_characters(partial_);
      lines.push_back({partial_.substr(0, whole), false});
      partial_.erase(0, whole);
      continue;
    }
    partial_.append(piece);
    if (end == std::string_view::npos) return;
    lines.push_back({std::move(partial_), true});
    partial_.clear();
    text.remove_prefix(end + 1);
  }
}

bool LineCutter::rest(OutputLine& line) {
  if (partial_.empty()) return false;
  line = {std::move(partial_), false};
  partial_.clear();
  return true;
}

Logs::Logs(const Options& options) : folder_(options.folder) {
  auto console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  console->set_pattern("morrow: %v");
  console->set_level(options.quiet ? spdlog::level::warn : spdlog::level::info);
  std::vector<spdlog::sink_ptr> sinks{console};
  if (!options.folder.empty()) {
    try {
      std::filesystem::create_directories(options.folder);
      auto file = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(options.folder + "/worker.log",
                                                                         kWorkerLogBytes, kOldFiles);
      file->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %v");
      sinks.push_back(file);
      tasks_ = std::make_shared<spdlog::logger>("tasks", std::make_shared<spdlog::sinks::rotating_file_sink_st>(
                                                             options.folder + "/tasks.log", kTasksLogBytes, kOldFiles));
      tasks_->set_pattern("%Y-%m-%d %H:%M:%S.%e %v");
      complain_on_stderr(*tasks_, options.folder);
    } catch (const std::exception& error) {
      throw std::runtime_error("can't write logs in " + options.folder + ": " + error.what());
    }
  }
  worker_ = std::make_shared<spdlog::logger>("worker", sinks.begin(), sinks.end());
  complain_on_stderr(*worker_, options.folder);
  worker_->set_level(spdlog::level::debug);
  worker_->flush_on(spdlog::level::info);
}

Logs::~Logs() { flush(); }

void Logs::note(const std::string& sentence) { worker_->debug("{}", base::shown_text(sentence)); }

void Logs::say(const std::string& sentence) { worker_->info("{}", base::shown_text(sentence)); }

void Logs::warn(const std::string& sentence) { worker_->warn("{}", base::shown_text(sentence)); }

void Logs::task_lines(const OutputSource& source, bool to_stderr, const std::vector<OutputLine>& lines) {
  if (!tasks_ || lines.empty()) return;
  has_task_lines_ = true;
  std::string whole;
  std::string piece;  // is seldom needed
  for (const OutputLine& line : lines) {
    std::string& begin = line.whole ? whole : piece;
    if (begin.empty()) begin = task_line(source, to_stderr, {"", line.whole});
    tasks_->info("{}{}", begin, line.text);
  }
}

void Logs::flush() {
  worker_->flush();
  if (tasks_) tasks_->flush();
}

}  // namespace morrow::worker
