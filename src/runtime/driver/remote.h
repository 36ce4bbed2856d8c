// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <morrow/detail/core.h>

#include "base/mutex.h"
#include "runtime/client/link.h"
#include "runtime/driver/race.h"
#include "wire/http_pool.h"
#include "wire/join_url.h"
#include "wire/messages.pb.h"
#include "wire/remote_session.h"

namespace morrow::runtime {

/// A cluster on other hosts: connections to its workers' ports, of which it learns more and more. `fetch`, `put` and
/// `learn` may be called by any thread, the rest by one.
class Remote {
 public:
  explicit Remote(const wire::JoinUrl& url);

  /// A connection to the first of its workers that answers; all that it ever heard of are tried side by side, the last
  /// one first. Nothing when nobody can be reached now: what is under way goes on until the next call. \throws
  /// SessionError when nobody is left to try since the token is wrong, or, the first time, nobody can be trusted
  std::optional<wire::Fd> connect(Clock::time_point deadline);
  /// The worker of the last connection did not take the session: for a moment the others are tried without it.
  void avoid_last();
  /// The worker of the last connection has the session.
  void taken();
  /// Why nobody could be reached.
  const std::string& why() const { return why_; }
  /// HOST:PORT of other workers of the cluster, as they are told by the worker of the session.
  void learn(const google::protobuf::RepeatedPtrField<std::string>& addresses) EXCLUDES(mutex_);

  /// The bytes of an object that the worker of the session has, or can get. \throws wire::NetworkError
  detail::Value fetch(std::uint64_t object, std::uint64_t size);
  /// Carries a value to the worker of the session; its number. \throws ObjectMemoryError, wire::NetworkError
  std::uint64_t put(std::uint64_t session, std::span<const std::byte> bytes);

 private:
  /// A worker that is known of.
  struct Place {
    wire::Endpoint endpoint;
    std::uint64_t heard = 0;            ///< counts what was learned; the higher, the later it was told of
    Clock::time_point not_before = {};  ///< when to try it again
    std::string refused;                ///< why it is not to be tried again; empty: it may be
  };

  wire::Endpoint current() EXCLUDES(mutex_);
  Place* find(const wire::Endpoint& endpoint) REQUIRES(mutex_);
  std::optional<wire::Endpoint> next_to_try() EXCLUDES(mutex_);
  void failed(const Race::Outcome& outcome) EXCLUDES(mutex_);
  wire::Fd won(Race::Outcome outcome) EXCLUDES(mutex_);
  void throw_if_hopeless() EXCLUDES(mutex_);

  base::Mutex mutex_;
  std::vector<Place> places_ GUARDED_BY(mutex_);  ///< the first is that of the session
  std::uint64_t heard_ GUARDED_BY(mutex_) = 0;
  const wire::Endpoint line_;  ///< what the line to join with names
  Race race_;
  wire::RemoteSession session_;
  wire::HttpPool connections_;
  std::string why_;
  bool met_ = false;  ///< a worker of the cluster
};

}  // namespace morrow::runtime
