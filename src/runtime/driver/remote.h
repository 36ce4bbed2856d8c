// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <morrow/detail/core.h>

#include "base/mutex.h"
#include "runtime/client/link.h"
#include "wire/http_pool.h"
#include "wire/join_url.h"
#include "wire/messages.pb.h"
#include "wire/remote_session.h"

namespace morrow::runtime {

/// A cluster on other hosts: connections to its workers' ports. `fetch` and `put` may be called by any thread, the rest
/// by one.
class Remote {
 public:
  explicit Remote(const wire::JoinUrl& url);

  /// A session with any of its workers; the last one first. \throws SessionError when none is left to try and the token
  /// is wrong, or, the first time, nobody can be trusted; nothing when nobody can be reached now.
  std::optional<wire::Fd> connect(Clock::time_point deadline);
  /// Why nobody could be reached.
  const std::string& why() const { return why_; }
  /// Other workers of the cluster, as a WELCOME tells them.
  void learn(const wire::Welcome& welcome);

  /// The bytes of an object that the worker of the session has, or can get. \throws wire::NetworkError
  detail::Value fetch(std::uint64_t object, std::uint64_t size);
  /// Carries a value to the worker of the session; its number. \throws ObjectMemoryError, wire::NetworkError
  std::uint64_t put(std::uint64_t session, std::span<const std::byte> bytes);

 private:
  wire::Endpoint current();

  base::Mutex mutex_;
  std::vector<wire::Endpoint> endpoints_ GUARDED_BY(mutex_);  ///< the first is that of the session
  wire::RemoteSession session_;
  wire::HttpPool connections_;
  std::string why_;
  bool met_ = false;  ///< a worker of the cluster
};

}  // namespace morrow::runtime
