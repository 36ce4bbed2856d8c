// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/cluster.h"
#include "control/types.h"
#include "wire/messages.pb.h"
#include "worker/brain/actions.h"
#include "worker/pool/program_seal.h"
#include "worker/shell/means.h"
#include "worker/shell/program_upload.h"
#include "worker/shell/store_actions.h"

namespace morrow::worker {

/// The clients of this worker and the sessions that they hold: their greeting or refusal, the upload of
/// programs, the end of a session. Holds one entry for each connection and one for each session that is attached here.
/// Knows no socket: it is given frames, and means to send them. Main thread only.
class DriverSessions {
 public:
  /// What it acts with.
  struct Means {
    PostToStore post;
    SendToClient send;
    /// Behind all lines of its tasks.
    std::function<void(ClientId, wire::SessionEnded&)> send_ended;
    /// Sends a Welcome that opens a session, with what the worker adds: its memory, or where others are.
    std::function<void(ClientId, wire::Welcome&, bool maps_objects)> send_welcome;
    std::function<void(ClientId)> close;  ///< `gone` follows, never from inside
    std::function<void(ClientId)> pause;  ///< reads nothing more of it, until `resume`
    std::function<void(ClientId)> resume;
    std::function<StoreActions::Rounds()> rounds;
  };
  /// A driver's wish to open a session, or to take it back.
  struct Opening {
    ClientId client = 0;
    control::SessionId session = 0;
    std::string program;
    bool resume = false;
    std::uint64_t grace_ms = 0;
    std::uint64_t number = 0;             ///< counts the connections of this session
    std::uint64_t store_patience_ms = 0;  ///< 0: the usual one
  };
  /// For the brain, and for the pool.
  struct Events {
    std::function<void(const Opening&)> opening;
    std::function<void(ClientId)> gone;
    std::function<void(ClientId)> ending;  ///< it asked for the end of its session, which comes after all it asked
    std::function<void(ClientId, std::uint64_t number)> end_session;
    std::function<void(const std::string& program, std::int64_t pid)> program_named;  ///< its driver runs it here
    Say warn;
  };
  /// What it is told of this worker once.
  struct Options {
    std::string cluster;
    std::string worker;  ///< this one's name
    control::Incarnation incarnation = 0;
    bool private_worker = false;                   ///< takes a driver of any cluster
    std::shared_ptr<const ProgramSeal> seal = {};  ///< of programs in the store; null: they stand there as they came
  };

  DriverSessions(Means means, Options options, Events events);

  // ---- connections ----
  /// \param from the address of one on another host; else empty
  void came(ClientId client, std::int64_t pid, const std::string& from = {});
  /// Takes a frame of a client. False: the client may say it, and it is for others (a change, what people ask, lines of
  /// tasks). \throws wire::ProtocolError to close the connection
  bool frame(ClientId client, wire::FrameType type, std::string_view payload);
  /// The connection has ended; `why` is empty for a plain end.
  void gone(ClientId client, const std::string& why);
  /// The worker leaves: sessions are not orphaned one by one any more.
  void stop() { stopping_ = true; }

  // ---- what the brain says ----
  void carry_out(action::Welcome& welcome);
  void carry_out(action::Refuse& refuse);
  void carry_out(action::SessionEnded& ended);
  void carry_out(action::Notice& notice);
  void carry_out(action::StoreRoom& room);
  void carry_out(action::Ack& ack);  ///< of a client
  /// The store has the session open. Its driver may be gone already.
  void opened(control::SessionId session, std::uint64_t attachment);
  /// Ends the sessions whose drivers asked for it, once all that they asked before is committed. To be called after
  /// each batch of actions.
  void end_sessions();

  /// The store has no room for the files of programs; a sentence. What drivers send of them meanwhile is asked for
  /// again.
  void uploads_wait(const std::string& sentence);

  // ---- to look at ----
  /// It is a driver whose session has not begun to end: what it asks is carried out.
  bool takes_changes(ClientId client) const;
  /// Of a driver: what its changes belong to. \pre takes_changes
  const std::string& program_of(ClientId client) const;
  control::SessionId session_of(ClientId client) const;
  /// The driver of a session that is open here; 0: none.
  ClientId client_of(control::SessionId session) const;
  /// A driver is here for this session, welcome or not yet.
  bool is_attached(control::SessionId session) const { return sessions_.contains(session); }
  /// Of the process at the other end; 0: it has gone.
  std::int64_t pid_of(ClientId client) const;
  /// It wants to see what its tasks write. \pre `client` is here
  bool wants_log(ClientId client) const;
  std::size_t sessions() const { return sessions_.size(); }

 private:
  /// As the HELLO says.
  enum class Kind : std::uint8_t { kUnknown, kDriver, kCommand, kWorker };
  /// How far the end of a session is.
  struct SessionEnd {
    std::uint64_t number = 0;  ///< of the EndSession; 0: it was not asked for
    std::uint64_t round = 0;   ///< that had begun then
    bool counts_failures = false;
    std::vector<control::FutureId> observed;  ///< failures that the driver has seen
    control::LooseEnds loose_ends;
  };
  /// A connection: of a driver, a command or another worker.
  struct Driver {
    std::int64_t pid = 0;
    std::string from;  ///< its address, when it is on another host
    Kind kind = Kind::kUnknown;
    bool greeted = false;
    bool welcome = false;
    bool log = true;
    bool maps_objects = false;  ///< it wants the object memory in its address space
    control::SessionId session = 0;
    std::uint64_t attachment = 0;
    std::string program;
    std::uint64_t acked = 0;
    std::string program_waits;            ///< the store has no room for its program; told with the welcome
    std::optional<wire::StoreRoom> room;  ///< the same of the store, for what it submits
    ProgramUpload upload;
    SessionEnd end;
  };

  Driver* find(ClientId client);
  const Driver& at(ClientId client) const;
  void hello(ClientId client, Driver& driver, std::string_view payload);
  void refuse(ClientId client, const std::string& sentence);
  void program(ClientId client, Driver& driver, std::string_view payload);
  void say_program_waits(ClientId client, const std::string& sentence);
  void send_need(ClientId client, Driver& driver);
  void blob_chunk(ClientId client, Driver& driver, std::string_view payload);
  void end_session(ClientId client, Driver& driver, std::string_view payload);
  void orphan(control::SessionId session, std::uint64_t attachment);

  Means means_;
  const Options options_;
  Events events_;
  std::unordered_map<ClientId, Driver> drivers_;
  std::unordered_map<control::SessionId, ClientId> sessions_;  ///< each names a driver that has this session
  std::size_t ending_ = 0;                                     ///< drivers whose session is to end
  bool stopping_ = false;
  wire::Ack ack_;
};

}  // namespace morrow::worker
