// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/task_output.h"

#include <utility>

#include "wire/frame.h"

namespace morrow::worker {

namespace {

/// A driver that does not read what its tasks write loses lines, not the worker its memory.
constexpr std::size_t kMaxUnsentLogBytes = 4 << 20;

OutputSource logged(const TaskOutput::Source& source) {
  if (!source.is_task) return {"(no task)", "", 0};
  if (source.future == control::FutureId{}) return {source.name, "", 0};
  return {source.name, control::text_of(source.future), source.attempt};
}

/// A driver shows lines on its own terminal, and gives them ends of its own.
std::string_view shown(const OutputLine& line) {
  const std::string_view text = line.text;
  return line.whole && text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

TaskOutput::TaskOutput(Means means, std::string worker, bool private_worker)
    : means_(std::move(means)), worker_(std::move(worker)), private_worker_(private_worker) {}

void TaskOutput::program_wrote(const std::string& program, std::string_view text) {
  std::vector<OutputLine> lines;
  starting_[program].cut(text, lines);
  means_.log_lines({"(the start of a program)", "", 0}, false, lines);
}

void TaskOutput::wrote(ExecutorId executor, bool to_stderr, std::string_view text) {
  Streams& streams = cutters_[executor];
  std::vector<OutputLine> lines;
  (to_stderr ? streams.err : streams.out).cut(text, lines);
  tell(executor, to_stderr, lines);
}

void TaskOutput::end_lines(ExecutorId executor) {
  const auto found = cutters_.find(executor);
  if (found == cutters_.end()) return;
  Streams& streams = found->second;
  if (streams.out.empty() && streams.err.empty()) return;
  std::vector<OutputLine> line(1);
  if (streams.out.rest(line.front())) tell(executor, false, line);
  if (streams.err.rest(line.front())) tell(executor, true, line);
}

void TaskOutput::tell(ExecutorId executor, bool to_stderr, const std::vector<OutputLine>& lines) {
  if (lines.empty()) return;
  const Source source = means_.source_of(executor);
  means_.log_lines(logged(source), to_stderr, lines);
  const auto log_of = [&] {
    wire::Log log;
    log.set_task(source.name);
    log.set_worker(worker_);
    log.set_to_stderr(to_stderr);
    for (const OutputLine& line : lines) log.add_lines(std::string(shown(line)));
    return log;
  };
  const Reader reader = means_.reader_of(source.session);
  if (reader.client == 0) {
    if (source.session == 0 || private_worker_ || reader.attached) return;
    wire::Log log = log_of();
    return means_.relay(source.session, log);
  }
  if (!reader.wants_log) return;
  if (means_.unsent_bytes(reader.client) > kMaxUnsentLogBytes) {
    dropped_lines_[reader.client] += lines.size();
    return;
  }
  tell_dropped(reader.client);
  means_.send(reader.client, wire::LOG, log_of());
}

void TaskOutput::tell_dropped(ClientId client) {
  const auto dropped = dropped_lines_.find(client);
  if (dropped == dropped_lines_.end()) return;
  wire::Notice notice;
  notice.set_text(std::to_string(dropped->second) +
                  " lines of tasks were left out here, since they came faster than they were read; " +
                  "the worker's tasks.log has them");
  dropped_lines_.erase(dropped);
  means_.send(client, wire::NOTICE, notice);
}

void TaskOutput::relayed(std::string_view payload) {
  wire::Log log;
  wire::parse(log, payload);
  const Reader reader = means_.reader_of(log.session());
  if (reader.client == 0 || !reader.wants_log || means_.unsent_bytes(reader.client) > kMaxUnsentLogBytes) return;
  means_.send(reader.client, wire::LOG, log);
}

}  // namespace morrow::worker
