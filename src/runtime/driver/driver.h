// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <morrow/session.h>

#include "runtime/client/client.h"
#include "runtime/driver/connect.h"
#include "runtime/driver/private_worker.h"
#include "runtime/driver/remote.h"
#include "runtime/image/program.h"

namespace morrow::runtime {

/// The driver's end of a session: keeps what it asked for until it is committed, and carries it to another worker when
/// its own is lost. Calling threads read and write the socket themselves (see Link); a background thread does what must
/// go on while the program computes: writes what nobody flushed, reads acknowledgements and logs, uploads files,
/// reconnects.
class Driver : public Client {
 public:
  /// Connects. \throws SessionError
  static std::unique_ptr<Driver> open(const std::string& cluster, const SessionOptions& options);
  ~Driver() override;

  /// Ends the session and says on stderr what went wrong that nobody saw. Throws nothing.
  void end();

 private:
  /// On the program's stderr.
  static void say(const std::string& line);
  /// A change that is kept until the worker acknowledges it.
  struct Kept {
    std::uint64_t number;
    wire::FrameType type;
    std::size_t bytes;
  };
  /// What the background thread does.
  enum class Mode { kAwake, kSleeps, kReads };

  Driver(std::string cluster, const SessionOptions& options, wire::Program program,
         std::unique_ptr<PrivateWorker> worker, std::unique_ptr<Remote> remote);

  Asker asker() override;
  void post(Lock& lock, wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) override;
  void make_room(Lock& lock) override;
  void failure_seen(detail::FutureId id) override;
  void before_wait() override { ++activity_; }
  void check() const override;
  void on_frame(wire::FrameType type, std::string_view payload) override;
  void on_lost(const std::string& why) override;
  void on_reader_left() override;
  void on_stuck() override;
  bool expects_soon() const override { return true; }

  bool takes_objects() const override { return remote_ != nullptr; }
  detail::Value fetch_object(std::uint64_t object, std::uint64_t size) override;
  std::uint64_t put_object(detail::ByteView bytes) override;

  std::optional<Connection> connect(Clock::time_point deadline);
  std::optional<Connection> greet_first(const SessionOptions& options);
  void welcome(Connection connection);
  void acknowledged(std::uint64_t number);
  void print(const wire::Log& log);
  void tell_ending(const wire::SessionEnded& ended);

  void run_background();
  void reconnect(Lock& lock);
  void upload(Lock& lock);
  void rest(Lock& lock);
  void stir();

  const std::string cluster_;
  const std::uint64_t session_;
  wire::Program program_;
  wire::Hello hello_;
  std::unique_ptr<PrivateWorker> worker_;
  std::unique_ptr<Remote> remote_;  // of a cluster that is joined by its port
  std::string silent_;              // of a worker on this machine that does not answer, by the last try
  std::string worker_name_;

  std::uint64_t sequence_ = 0;
  std::deque<Kept> kept_;
  std::string kept_frames_;  // of kept_, from kept_begin_ on
  std::size_t kept_begin_ = 0;
  std::vector<Waiting*> wants_room_;
  std::vector<detail::FutureId> observed_;
  std::string fatal_;
  bool ended_ = false;
  wire::SessionEnded ending_;
  Waiting* waits_end_ = nullptr;
  std::deque<std::string> uploads_;  // hashes
  std::uint64_t upload_round_ = 0;

  std::uint64_t activity_ = 0;
  std::uint64_t seen_activity_ = 0;  // by the background thread
  Clock::time_point quiet_since_ = {};
  Mode mode_ = Mode::kAwake;
  bool stop_ = false;
  Waiting background_;
  std::thread thread_;
};

}  // namespace morrow::runtime
