// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "wire/frame.h"
#include "wire/socket.h"
#include "wire/spin.h"

namespace morrow::runtime {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

/// None when it is too far away to be counted.
inline Deadline deadline_after(std::chrono::nanoseconds timeout) {
  const auto now = Clock::now();
  return timeout >= Clock::time_point::max() - now ? Deadline() : Deadline(now + timeout);
}

/// A thread that waits on a Link. Guarded by the mutex of the link.
struct Waiter {
  base::CondVar changed;
  bool hosts = false;       ///< tasks may run on top of its stack meanwhile
  bool background = false;  ///< gives way when another thread wants to read
};

/// A connection shared by the threads of this process. There is no thread of its own: the first thread that waits reads
/// the socket for all of them; when it has its answer the next one takes over. So a value goes from the socket to
/// the thread that asked without a hop between. Guarded by its mutex, which its user takes, and which is held in calls
/// of the Handler too.
class Link {
 public:
  /// Why a connection is lost whose descriptor the program has closed, or given to another file.
  static constexpr const char* kClosedByProgram = "this program has closed the descriptors of its Session";

  /// The user of a connection. Called with the mutex held.
  class Handler {
   public:
    virtual ~Handler() = default;
    /// The other side said this. May let go the mutex meanwhile: nobody else reads until it returns. \throws
    /// wire::ProtocolError when it can't be right: the connection is lost then
    virtual void on_frame(wire::FrameType type, std::string_view payload) = 0;
    /// The connection broke; `why` is empty when the other side closed it.
    virtual void on_lost(const std::string& why) = 0;
    /// Throws when nothing that is waited for can come any more.
    virtual void check() const = 0;
    /// Whether a task is there to be run on top of a thread that waits, and to run it (unlocks meanwhile).
    virtual bool has_guest() const { return false; }
    virtual void run_guest() {}
    /// No thread reads now, and none waits.
    virtual void on_reader_left() {}
    /// Not all that was queued went out, or the connection is broken for writing.
    virtual void on_stuck() {}
    /// Whether the next frame is likely to come at once.
    virtual bool expects_soon() const { return false; }
  };

  /// Without a connection at first. `handler` must outlive it. \throws std::system_error
  explicit Link(Handler& handler);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  base::Mutex& mutex() RETURN_CAPABILITY(mutex_) { return mutex_; }
  const base::Mutex& mutex() const RETURN_CAPABILITY(mutex_) { return mutex_; }

  /// Uses this connection from now on; `frames` may hold bytes that were read from it already, delivered at once.
  void attach(wire::Fd socket, wire::FrameReader frames, std::string out) REQUIRES(mutex_);
  void close() REQUIRES(mutex_) { socket_.reset(); }
  /// The connection itself, for the last words of somebody else: none when not all is written.
  wire::Fd take_socket() REQUIRES(mutex_);
  bool connected() const REQUIRES(mutex_) { return static_cast<bool>(socket_); }
  /// When the last connection broke.
  Clock::time_point lost_at() const REQUIRES(mutex_) { return lost_at_; }

  /// Queues a frame; nothing when there is no connection.
  void send(wire::FrameType type, const google::protobuf::MessageLite& message) REQUIRES(mutex_);
  /// The same for frames that are made already.
  void send(std::string_view frames) REQUIRES(mutex_);
  /// In bytes.
  std::size_t unsent() const REQUIRES(mutex_) { return out_.size() - sent_; }
  /// Writes all that is queued, as far as it goes without blocking.
  void write() REQUIRES(mutex_);

  /// Reads and waits until `done`, which is called with the mutex held; false when the deadline passed first. Unlocks
  /// meanwhile. \throws what Handler::check throws
  bool wait(Waiter& me, const std::function<bool()>& done, const Deadline& deadline) REQUIRES(mutex_);
  /// The background thread's turn: reads until something came, or another thread wants to, or `interrupt`. Unlocks
  /// meanwhile.
  void read_in_background(Waiter& me) REQUIRES(mutex_);
  void interrupt_background() REQUIRES(mutex_);
  bool has_foreground_reader() const REQUIRES(mutex_) { return reader_ != nullptr && !reader_->background; }

  /// Takes in what has come, when nobody reads. Never waits.
  void read_now() REQUIRES(mutex_);
  /// Numbers that change with what the other side sends, and with what is sent to it.
  std::uint64_t heard() const REQUIRES(mutex_) { return heard_; }
  std::uint64_t said() const REQUIRES(mutex_) { return said_; }
  /// A frame that came is being looked at, and nothing more is read until that is done.
  bool is_delivering() const REQUIRES(mutex_) { return delivering_; }
  /// Gives the connection up; whoever reads it finds its end, after the last frames that came.
  void give_up() REQUIRES(mutex_);

  /// Has all waiting threads look again.
  void wake_all() REQUIRES(mutex_);

 private:
  bool may_read(const Waiter& me) REQUIRES(mutex_);
  void leave(Waiter& me) REQUIRES(mutex_);
  void call_reader() REQUIRES(mutex_);
  void follow(Waiter& me, const Deadline& deadline) REQUIRES(mutex_);
  void pump(Waiter& me, const Deadline& deadline) REQUIRES(mutex_);
  void read_once() REQUIRES(mutex_);
  void deliver() REQUIRES(mutex_);
  void lose(const std::string& why) REQUIRES(mutex_);

  Handler& handler_;
  base::Mutex mutex_;
  wire::Fd socket_ GUARDED_BY(mutex_);
  wire::FrameReader frames_ GUARDED_BY(mutex_);
  std::string out_ GUARDED_BY(mutex_);
  std::size_t sent_ GUARDED_BY(mutex_) = 0;
  Clock::time_point lost_at_ GUARDED_BY(mutex_) = {};
  std::uint64_t heard_ GUARDED_BY(mutex_) = 0;  // times that bytes came
  std::uint64_t said_ GUARDED_BY(mutex_) = 0;   // times that bytes went
  const wire::Fd wake_;                         // makes the reader look at the queue for writing
  const wire::Fd background_wake_;              // takes the background thread away from the socket
  wire::Spin spin_;                             // of the thread that reads, which uses it unlocked
  Waiter* reader_ GUARDED_BY(mutex_) = nullptr;
  bool polls_output_ GUARDED_BY(mutex_) = false;
  bool polling_ GUARDED_BY(mutex_) = false;
  bool delivering_ GUARDED_BY(mutex_) = false;
  std::deque<Waiter*> followers_ GUARDED_BY(mutex_);
};

}  // namespace morrow::runtime
