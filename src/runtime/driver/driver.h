// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include <morrow/session.h>

#include "runtime/client/client.h"
#include "runtime/driver/dialer.h"
#include "runtime/driver/unacknowledged_changes.h"
#include "wire/signs_of_life.h"

namespace morrow::runtime {

/// The driver's end of a session: keeps the changes that it asked for until they are committed, and carries them to
/// another worker when its own is lost. Calling threads read and write the socket themselves (see Link); a background
/// thread does the rest while the program computes: writes frames that nobody flushed, reads acknowledgements and logs,
/// uploads files, reconnects. Another one shows the worker that the driver lives, and finds a worker that does not.
/// Thread-safe.
class Driver : public Client {
 public:
  /// Connects. \throws SessionError
  static std::unique_ptr<Driver> open(const std::string& where, const SessionOptions& options);
  /// The connection is closed, and a private worker waited for.
  ~Driver() override;

  std::uint64_t task_seed() override;

  /// Ends the session and names on stderr a failure that nobody looked at. Throws nothing.
  void end() override EXCLUDES(link_.mutex());

 private:
  /// What the background thread does now.
  enum class Mode { kAwake, kSleeps, kReads };
  /// When it rests.
  struct Rest {
    std::uint64_t activity = 0;       ///< counts what the program asks for
    std::uint64_t seen_activity = 0;  ///< by the background thread
    Clock::time_point quiet_since = {};
    Mode mode = Mode::kAwake;
  };
  /// How the session ended.
  struct End {
    std::string fatal;                       ///< why it can't go on; empty: it can
    std::optional<wire::SessionEnded> told;  ///< by the worker
    Waiter* waiter = nullptr;                ///< waits for that
    bool over = false;                       ///< no call waits any more
  };
  /// Files that the worker asked for.
  struct Uploads {
    std::deque<std::string> hashes;
    std::uint64_t round = 0;        ///< counts the workers
    std::uint64_t ahead_bytes = 0;  ///< so far this one lets us be ahead; 0: any
    std::uint64_t sent_bytes = 0;   ///< to it
    std::uint64_t taken_bytes = 0;  ///< of these, as it has said

    bool is_ahead() const { return ahead_bytes != 0 && sent_bytes >= taken_bytes + ahead_bytes; }
  };

  /// How long the program waits before people are told.
  struct Patience {
    std::chrono::milliseconds store{0};  ///< submits, while the store is full
    std::chrono::milliseconds any{0};    ///< any call; zero: it is never told of
  };

  Driver(std::unique_ptr<Dialer> dialer, std::uint64_t session, Patience patience);

  Asker outer_asker() override REQUIRES(link_.mutex());
  void post(wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) override
      REQUIRES(link_.mutex());
  void throttle() override REQUIRES(link_.mutex());
  void failure_seen(detail::FutureId id) override REQUIRES(link_.mutex());
  void before_wait() override REQUIRES(link_.mutex()) { ++rest_.activity; }
  void check() const override REQUIRES(link_.mutex());
  void on_frame(wire::FrameType type, std::string_view payload) override REQUIRES(link_.mutex());
  void on_lost(const std::string& why) override REQUIRES(link_.mutex());
  void on_reader_left() override REQUIRES(link_.mutex());
  void on_stuck() override REQUIRES(link_.mutex());
  bool expects_soon() const override { return true; }

  bool takes_objects() const override { return dialer_->remote() != nullptr; }
  detail::Value fetch_object(std::uint64_t object, std::uint64_t size) override;
  std::uint64_t put_object(detail::ByteView bytes) override;

  void welcome(Connection connection) REQUIRES(link_.mutex());
  void store_room(const wire::StoreRoom& room) REQUIRES(link_.mutex());
  void ask_why() REQUIRES(link_.mutex());
  void tell_why(const wire::WhyReply& reply) REQUIRES(link_.mutex());
  void acknowledged(std::uint64_t number) REQUIRES(link_.mutex());
  static void print(const wire::Log& log);

  void run_background() EXCLUDES(link_.mutex());
  void run_life() EXCLUDES(link_.mutex());
  void prove_life() REQUIRES(link_.mutex());
  void worker_is_silent() REQUIRES(link_.mutex());
  void worker_is_back() REQUIRES(link_.mutex());
  void reconnect() REQUIRES(link_.mutex());
  std::optional<Connection> connect_unlocked() REQUIRES(link_.mutex());
  void upload() REQUIRES(link_.mutex());
  bool send_piece(const wire::BlobChunk& piece, std::uint64_t round) REQUIRES(link_.mutex());
  void rest() REQUIRES(link_.mutex());
  void stir() REQUIRES(link_.mutex());

  const std::unique_ptr<Dialer> dialer_;
  const std::uint64_t session_;
  const Patience patience_;
  std::string worker_name_ GUARDED_BY(link_.mutex());

  std::uint64_t sequence_ GUARDED_BY(link_.mutex()) = 0;  // of futures that belong to the session itself
  UnacknowledgedChanges unacknowledged_ GUARDED_BY(link_.mutex());
  std::vector<Waiter*> throttled_ GUARDED_BY(link_.mutex());
  std::string store_full_ GUARDED_BY(link_.mutex());  // the sentence of the store; empty: it has room
  std::unordered_set<detail::FutureId, HashId> observed_ GUARDED_BY(link_.mutex());
  std::uint64_t printed_lines_ GUARDED_BY(link_.mutex()) = 0;  // of tasks
  End end_ GUARDED_BY(link_.mutex());
  Uploads uploads_ GUARDED_BY(link_.mutex());

  wire::SignsOfLife signs_ GUARDED_BY(link_.mutex());  // of the worker
  base::CondVar life_changed_;
  bool said_silent_ GUARDED_BY(link_.mutex()) = false;

  Rest rest_ GUARDED_BY(link_.mutex());
  bool stop_ GUARDED_BY(link_.mutex()) = false;
  Waiter background_ GUARDED_BY(link_.mutex());
  std::thread thread_;       // of the one that opens and destroys the driver
  std::thread life_thread_;  // of the same
};

}  // namespace morrow::runtime
