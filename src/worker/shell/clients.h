// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <google/protobuf/message_lite.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "wire/frame.h"
#include "wire/socket.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// What clients say. Called on the main thread from inside the io_context.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  /// \param from the address of one on another host; else empty
  virtual void client_came(ClientId client, pid_t pid, const std::string& from) = 0;
  /// \throws wire::ProtocolError to close the connection
  virtual void client_frame(ClientId client, wire::FrameType type, std::string_view payload) = 0;
  /// These frames, at least in part, had not been sent when its connection ended. `client_gone` follows.
  virtual void client_missed(ClientId /*client*/, std::string_view /*frames*/) {}
  /// The connection ended, from whichever side: the last word about it. `why` is empty for a plain end.
  virtual void client_gone(ClientId client, const std::string& why) = 0;
  /// It took all that was sent.
  virtual void client_took_all(ClientId client) = 0;
};

/// The connections of drivers and commands: accepts, reads, cuts into frames, writes. Knows nothing of what the frames
/// mean. What is sent is written by `flush`, once for each connection. Main thread only.
class Clients {
 public:
  /// No client gets a number up to `last`.
  Clients(boost::asio::io_context& io, ClientEvents& events, std::function<void(const std::string&)> log,
          ClientId last = 0);
  ~Clients();

  /// Accepts connections of this user on a listening socket.
  void listen(wire::Fd socket);
  void stop_listening();
  /// Takes over a connected socket; `from` as in client_came.
  ClientId adopt(wire::Fd socket, pid_t pid, const std::string& from = {});

  /// Queues a frame; unknown clients are ignored.
  /// With `descriptor`, that one goes along with the frame.
  void send(ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message, int descriptor = -1);
  void flush();
  /// Bytes that the client did not take yet.
  std::size_t unsent(ClientId client) const;
  /// What went over a connection so far, in bytes.
  struct Traffic {
    std::uint64_t came = 0;
    std::uint64_t taken = 0;
    std::uint64_t unsent = 0;
    bool paused = false;  ///< nothing is read now
    bool choked = false;  ///< since too much is unsent
  };
  Traffic traffic(ClientId client) const;

  /// Closes the connection when all that was sent is written (or the other side went away). Nothing more is read.
  /// `client_gone` follows.
  void close(ClientId client);
  void close_all();

  /// Ends the connection now, whatever is unsent. `client_gone` follows from inside.
  void cut(ClientId client);
  void cut_all();

  /// Stops and starts reading from one client, for back-pressure. Pauses count: as many resumes must follow.
  void pause(ClientId client);
  void resume(ClientId client);
  /// Reads from nobody any more.
  void stop_reading();

  /// Bytes that came since `begin_turn`.
  void begin_turn() { read_this_turn_ = 0; }
  std::size_t read_this_turn() const { return read_this_turn_; }

  std::size_t size() const { return clients_.size(); }
  /// The number of the last that came.
  ClientId last() const { return last_; }

 private:
  struct Client;
  using ClientPtr = std::shared_ptr<Client>;
  ClientPtr find(ClientId client) const;
  std::vector<ClientId> all() const;
  void wait_for_connection();
  void accept_all();
  void wait_readable(const ClientPtr& client);
  void readable(const ClientPtr& client);
  void deliver(const ClientPtr& client);
  void say_why(const ClientPtr& client, const std::string& why);
  void write(const ClientPtr& client);
  void drop(const ClientPtr& client, const std::string& why);

  boost::asio::io_context& io_;
  ClientEvents& events_;
  std::function<void(const std::string&)> log_;
  std::unique_ptr<boost::asio::posix::stream_descriptor> listener_;
  boost::asio::steady_timer accept_again_;
  std::unordered_map<ClientId, ClientPtr> clients_;
  std::vector<ClientPtr> unflushed_;
  std::vector<ClientPtr> flushing_;
  ClientId last_;
  std::size_t read_this_turn_ = 0;
  bool reading_ = true;
};

}  // namespace morrow::worker
