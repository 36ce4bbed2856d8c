// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/types.h"
#include "wire/frame.h"
#include "worker/ids/ids.h"
#include "worker/logs/line_spool.h"
#include "worker/logs/logs.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Brings what tasks write, line by line, to the worker's log and to the driver of their session. Holds the ends of
/// lines that are not whole yet, and the lines of a driver that does not read, on disk. Main thread only.
class TaskOutput {
 public:
  /// What an executor works at.
  struct Source {
    std::string name;  ///< of the task, else of the program
    bool is_task = false;
    control::SessionId session = 0;  ///< 0: none
    control::FutureId future = {};   ///< of the task
    std::uint32_t attempt = 0;       ///< from 1
  };
  /// Where lines of a session go.
  struct Reader {
    bool attached = false;   ///< to this worker, though it may not be welcome yet
    ClientId client = 0;     ///< 0: it takes nothing now
    bool wants_log = false;  ///< of that client
  };
  /// What it acts with.
  struct Means {
    std::function<void(const OutputSource&, bool to_stderr, const std::vector<OutputLine>& lines)> log_lines;
    std::function<Source(ExecutorId)> source_of;
    std::function<Reader(control::SessionId)> reader_of;
    std::function<std::size_t(ClientId)> unsent_bytes;
    SendToClient send;
    /// To the worker that has the driver of this session.
    std::function<void(control::SessionId, wire::Log&)> relay;
    /// So many lines, which are in the file `place`, are not given to the driver of this session.
    std::function<void(control::SessionId, const std::string& place, std::uint64_t lines)> left_out;
    /// A driver is told that lines are in the log: it must stay there.
    std::function<void()> keep_logs;
  };
  /// Which worker this is.
  struct Options {
    std::string worker;           ///< its name
    std::string folder;           ///< of its logs
    std::string place;            ///< the file there that has all lines
    bool private_worker = false;  ///< it has one driver, and no other worker has it
  };
  TaskOutput(Means means, Options options);

  /// What an executor's process wrote, as it was read.
  void wrote(ExecutorId executor, bool to_stderr, std::string_view text);
  /// A task has ended: what stands there of a line is its last one.
  void end_lines(ExecutorId executor);
  void executor_gone(ExecutorId executor) { cutters_.erase(executor); }

  /// What a program prints before its Session line is nobody's task.
  void program_wrote(const std::string& program, std::string_view text);
  void program_retired(const std::string& program) { starting_.erase(program); }

  /// A LOG frame of another worker: lines of a task there, for a driver here. \throws wire::ProtocolError
  void relayed(std::string_view payload);
  /// The end of its session, behind all its lines.
  void end_session(ClientId client, const wire::SessionEnded& ended);
  /// It may be given more of those that it did not read before.
  void client_took_all(ClientId client);
  /// It was sent these frames, and has not got them. Its end follows.
  void client_missed(ClientId client, std::string_view frames);
  /// `session`: that it has; 0: none. What it was not given is counted for the end of that.
  void client_gone(ClientId client, control::SessionId session);
  /// The worker leaves: what came for drivers on their way here is counted.
  void stop();

 private:
  /// The lines of one executor that are not whole yet.
  struct Streams {
    LineCutter out;
    LineCutter err;
  };
  /// A driver that does not read what its tasks write.
  struct Behind {
    explicit Behind(const std::string& folder) : frames(folder) {}
    LineSpool frames;                               ///< LOG frames
    std::map<std::string, std::uint64_t> waiting;   ///< lines in them, by the file that has them
    wire::FrameReader reader;                       ///< what of these was read back
    std::map<std::string, std::uint64_t> left_out;  ///< lines that found no room, by the file that has them
    std::optional<wire::SessionEnded> ended;        ///< comes last
  };
  void tell(ExecutorId executor, bool to_stderr, const std::vector<OutputLine>& lines);
  void send(ClientId client, const wire::Log& log);
  Behind& behind(ClientId client);
  void catch_up(ClientId client, Behind& behind);
  void tell_left_out(ClientId client, const Behind& behind);

  Means means_;
  const Options options_;
  std::unordered_map<ExecutorId, Streams> cutters_;
  std::unordered_map<std::string, LineCutter> starting_;  ///< by program
  std::unordered_map<ClientId, Behind> behind_;
  std::unordered_map<control::SessionId, std::uint64_t>
      missed_;  ///< lines that came while its driver was on its way here
};

}  // namespace morrow::worker
