// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "wire/http.h"
#include "wire/socket.h"

namespace morrow::wire {

/// The worker does not take this token.
class WrongToken : public NetworkError {
 public:
  using NetworkError::NetworkError;
};

/// A session with a worker on another host, as a local socket: a thread carries the bytes to it and back. One at a
/// time; not thread-safe.
class RemoteSession {
 public:
  RemoteSession() = default;
  /// Ends the connection.
  ~RemoteSession() { close(); }
  RemoteSession(const RemoteSession&) = delete;
  RemoteSession& operator=(const RemoteSession&) = delete;

  /// Connects by an upgrade on the worker's port; ends the connection that was there. \throws NetworkError, WrongToken
  Fd connect(const Endpoint& endpoint, std::chrono::milliseconds patience);
  /// Carries a session that was opened already; ends the connection that was there.
  Fd carry(NetStream stream);
  void close();

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// Connects by an upgrade on the worker's port: from here on the stream carries frames. \throws NetworkError,
/// WrongToken
NetStream open_remote_session(const Endpoint& endpoint, std::chrono::milliseconds patience);

/// \throws WrongToken, Busy or NetworkError unless `response` has the status
void expect_status(const HttpResponse& response, int status, const Endpoint& endpoint);

}  // namespace morrow::wire
