// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "wire/frame.h"
#include "wire/socket.h"
#include "wire/spin.h"

namespace morrow::runtime {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;
using Lock = std::unique_lock<std::mutex>;

/// A thread that waits on a Link.
struct Waiting {
  std::condition_variable changed;
  bool hosts = false;       ///< tasks may run on top of its stack meanwhile
  bool background = false;  ///< gives way when another thread wants to read
};

/// A connection shared by the threads of this process. There is no thread of its own: the first thread that waits reads
/// the socket for all of them; when it has what it wants the next one takes over. So a value goes from the socket to
/// the thread that asked without a hop between. All members but `mutex` want the mutex held; it is held in calls of the
/// Handler too.
class Link {
 public:
  /// What the link tells its owner, and asks it.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_frame(wire::FrameType type, std::string_view payload) = 0;
    /// The connection broke; `why` is empty when the other side closed it.
    virtual void on_lost(const std::string& why) = 0;
    /// Throws when nothing that is waited for can come any more.
    virtual void check() const {}
    /// Whether a task is there to be run on top of a thread that waits, and to run it (unlocks meanwhile).
    virtual bool has_guest() const { return false; }
    virtual void run_guest(Lock&) {}
    /// No thread reads now, and none waits.
    virtual void on_reader_left() {}
    /// What was to be written did not go out whole, or the connection is broken for writing.
    virtual void on_stuck() {}
    /// Whether what comes next is likely to come at once.
    virtual bool expects_soon() const { return false; }
  };

  explicit Link(Handler& handler);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  std::mutex& mutex() { return mutex_; }

  /// Uses this connection from now on; `frames` may hold bytes that were read from it already, delivered at once.
  void attach(wire::Fd socket, wire::FrameReader frames, std::string out);
  void close() { socket_.reset(); }
  /// The connection itself, for the last words of somebody else: none when not all is written.
  wire::Fd take_socket();
  bool connected() const { return static_cast<bool>(socket_); }

  /// Queues a frame; nothing when there is no connection.
  void send(wire::FrameType type, const google::protobuf::MessageLite& message);
  void send(std::string_view frame);
  std::size_t unsent() const { return out_.size() - sent_; }
  /// Writes what is queued, as far as it goes without blocking.
  void write();

  /// Reads and waits until `done`; false when the deadline passed first. \throws what Handler::check throws
  bool wait(Lock& lock, Waiting& me, const std::function<bool()>& done, const Deadline& deadline);
  /// The background thread's turn: reads until something came, or another thread wants to, or `interrupt`.
  void read_in_background(Lock& lock, Waiting& me);
  void interrupt_background();
  bool has_foreground_reader() const { return reader_ != nullptr && !reader_->background; }

  /// Has all waiting threads look again.
  void wake_all();

 private:
  bool may_read(const Waiting& me);
  void leave(Waiting& me);
  void pump(Lock& lock, Waiting& me, const Deadline& deadline);
  void read_once();
  void deliver();
  void lose(const std::string& why);

  Handler& handler_;
  std::mutex mutex_;
  wire::Fd socket_;
  wire::FrameReader frames_;
  std::string out_;
  std::size_t sent_ = 0;
  wire::Fd wake_;             // makes the reader look at what is to be written
  wire::Fd background_wake_;  // takes the background thread away from the socket
  wire::Spin spin_;           // of the thread that reads
  Waiting* reader_ = nullptr;
  bool polls_output_ = false;
  bool polling_ = false;
  std::deque<Waiting*> followers_;
};

}  // namespace morrow::runtime
