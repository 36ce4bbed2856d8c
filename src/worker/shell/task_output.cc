// SPDX-License-Identifier: Apache-2.0
//
// The problem: tasks may write faster than their driver reads: its output is a pipe that somebody looks at page by
// page, say. The worker must not hold all of it in memory, no task may wait for a reader, and no line may get lost in
// silence.
//
// So what the driver has not read goes to a file when it is much (LineSpool), and from there to the driver, piece by
// piece, when it has taken what was sent before. The end of its session waits behind the lines: until then the driver
// lives and reads. Only what finds no room in that file is left out, and counted by the log that has it; the driver is
// told how many, and where.
#include "worker/shell/task_output.h"

#include <utility>

#include "wire/frame.h"
#include "worker/logs/log_frames.h"

namespace morrow::worker {

namespace {

/// Of a driver that does not read what its tasks write: more waits on disk.
constexpr std::size_t kMaxUnsentLogBytes = 4 << 20;
constexpr std::size_t kPieceBytes = 1 << 20;  // that is read back at once
constexpr std::size_t kMaxMissed = 10'000;    // sessions whose drivers are on their way

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

std::uint64_t lines_in(const wire::Log& log) { return static_cast<std::uint64_t>(log.lines_size()); }

}  // namespace

TaskOutput::TaskOutput(Means means, Options options) : means_(std::move(means)), options_(std::move(options)) {}

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
  const Reader reader = means_.reader_of(source.session);
  const bool elsewhere = reader.client == 0 && source.session != 0 && !options_.private_worker && !reader.attached;
  if (reader.client == 0 && reader.attached) {
    if (missed_.size() >= kMaxMissed) missed_.clear();
    missed_[source.session] += lines.size();
  }
  const auto missed = reader.client != 0 ? missed_.extract(source.session) : decltype(missed_)::node_type();
  if (!elsewhere && !reader.wants_log) return;
  wire::Log log;
  log.set_task(source.name);
  log.set_worker(options_.worker);
  log.set_to_stderr(to_stderr);
  for (const OutputLine& line : lines) log.add_lines(std::string(shown(line)));
  log.set_place(options_.place);
  if (elsewhere) return means_.relay(source.session, log);
  if (missed) behind(reader.client).left_out[options_.place] += missed.mapped();
  send(reader.client, log);
}

void TaskOutput::relayed(std::string_view payload) {
  wire::Log log;
  wire::parse(log, payload);
  const Reader reader = means_.reader_of(log.session());
  if (reader.client == 0 || !reader.wants_log) return;
  send(reader.client, log);
}

// ---- a driver that does not read ----

/// At once, or behind those that wait.
void TaskOutput::send(ClientId client, const wire::Log& log) {
  const auto found = behind_.find(client);
  if (found == behind_.end() && means_.unsent_bytes(client) <= kMaxUnsentLogBytes)
    return means_.send(client, wire::LOG, log);
  Behind& behind = found == behind_.end() ? this->behind(client) : found->second;
  std::string frame;
  wire::append_frame(frame, wire::LOG, log);
  (behind.frames.add(frame) ? behind.waiting : behind.left_out)[log.place()] += lines_in(log);
  if (means_.unsent_bytes(client) == 0) catch_up(client, behind);
}

TaskOutput::Behind& TaskOutput::behind(ClientId client) {
  return behind_.try_emplace(client, options_.folder).first->second;
}

void TaskOutput::end_session(ClientId client, const wire::SessionEnded& ended) {
  const auto found = behind_.find(client);
  if (found == behind_.end()) return means_.send(client, wire::SESSION_ENDED, ended);
  found->second.ended = ended;
  if (means_.unsent_bytes(client) == 0) catch_up(client, found->second);
}

void TaskOutput::client_took_all(ClientId client) {
  const auto found = behind_.find(client);
  if (found != behind_.end()) catch_up(client, found->second);
}

/// A piece of what waits; when it was the last, what was left out and the end of the session.
void TaskOutput::catch_up(ClientId client, Behind& behind) {
  behind.reader.append(behind.frames.take(kPieceBytes));
  while (const auto frame = behind.reader.next()) {
    wire::Log log;
    wire::parse(log, frame->payload);
    behind.waiting[log.place()] -= lines_in(log);
    means_.send(client, wire::LOG, log);
  }
  if (!behind.frames.empty()) return;
  tell_left_out(client, behind);
  if (behind.ended) means_.send(client, wire::SESSION_ENDED, *behind.ended);
  behind_.erase(client);
}

void TaskOutput::tell_left_out(ClientId client, const Behind& behind) {
  for (const auto& [place, lines] : behind.left_out) {
    wire::Notice notice;
    notice.set_text(std::to_string(lines) + (lines == 1 ? " line" : " lines") +
                    " of tasks were left out here, since they came faster than they were read; all lines are in " +
                    place);
    means_.send(client, wire::NOTICE, notice);
    if (place == options_.place) means_.keep_logs();
  }
}

// ---- a driver that will not read ----

void TaskOutput::client_missed(ClientId client, std::string_view frames) {
  for_each_log(frames, [&](const wire::Log& log) { behind(client).left_out[log.place()] += lines_in(log); });
}

void TaskOutput::client_gone(ClientId client, control::SessionId session) {
  const auto found = behind_.extract(client);
  if (!found || session == 0 || options_.private_worker) return;
  auto left_out = found.mapped().left_out;
  for (const auto& [place, lines] : found.mapped().waiting) left_out[place] += lines;
  for (const auto& [place, lines] : left_out) means_.left_out(session, place, lines);
}

void TaskOutput::stop() {
  for (const auto& [session, lines] : missed_) means_.left_out(session, options_.place, lines);
  missed_.clear();
}

}  // namespace morrow::worker
