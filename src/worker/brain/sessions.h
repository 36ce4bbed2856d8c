// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>

#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// For how long a session's submits wait for room in the store, unless its driver says otherwise.
inline constexpr Time kStorePatience = 60'000'000'000;

/// A session whose driver came to this worker last, as far as is known here.
struct SessionState {
  control::SessionId id = 0;
  std::uint64_t attachment = 0;
  ClientId client = 0;  ///< 0: the connection has ended
  std::string program;
  Time store_patience = kStorePatience;
  bool ending = false;                       ///< its driver is about to ask for its end
  std::set<std::string> told_unschedulable;  ///< requirements of which the driver was told that nobody has so much
};

/// The sessions of this worker, and which connection is whose: a session has one connection at most, and a connection
/// one session. Not thread-safe.
class Sessions {
 public:
  /// The driver came by this connection; an earlier one of the session counts no more.
  SessionState& open(control::SessionId id, ClientId client, std::uint64_t attachment, const std::string& program);
  /// Null: not here.
  SessionState* find(control::SessionId id);
  /// With this attachment, which a later one replaces. Null: not here.
  SessionState* find(control::SessionId id, std::uint64_t attachment);
  /// Null: the connection has no session.
  const SessionState* of_client(ClientId client) const;
  /// The connection has ended.
  void drop_client(ClientId client);
  /// It has ended, or moved to another worker.
  void close(control::SessionId id);

  auto begin() const { return sessions_.begin(); }
  auto end() const { return sessions_.end(); }

 private:
  std::unordered_map<control::SessionId, SessionState> sessions_;
  std::unordered_map<ClientId, control::SessionId> clients_;
};

}  // namespace morrow::worker
