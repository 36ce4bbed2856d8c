// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "wire/http.h"

namespace morrow::wire {

/// Connections that are kept for the next request: a TLS handshake costs more than a small object. Thread-safe.
class HttpPool {
 public:
  explicit HttpPool(std::chrono::milliseconds patience) : patience_(patience) {}

  /// Returns the result of `ask` for a connection to `endpoint`, which is kept afterwards. `ask` is called once more,
  /// with a fresh connection, when a kept one turns out to be closed: nothing came on it any more. \throws
  /// NetworkError, and what `ask` throws
  template <class Ask>
  auto with(const Endpoint& endpoint, Ask ask) {
    if (auto kept = take(endpoint)) {
      const std::uint64_t before = kept->received();
      try {
        auto answer = call(*kept, ask);
        give(std::move(*kept));
        return answer;
      } catch (const TimedOut&) {
        throw;
      } catch (const NetworkError&) {  // it may just have been closed for standing idle
        if (kept->received() != before) throw;
      }
    }
    HttpConnection fresh(endpoint, patience_, std::min<std::chrono::milliseconds>(patience_, kConnectPatience));
    auto answer = call(fresh, ask);
    give(std::move(fresh));
    return answer;
  }

  /// Ends all that is under way, by a NetworkError: who waits does not want it from there any more.
  void interrupt() EXCLUDES(mutex_);
  /// Ends all that is under way and all that would begin, by a NetworkError.
  void stop() EXCLUDES(mutex_);

 private:
  static constexpr std::chrono::seconds kConnectPatience{3};
  /// A connection that `stop` has to end.
  class InUse {
   public:
    InUse(HttpPool& pool, int socket);
    ~InUse();
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

   private:
    HttpPool& pool_;
    const int socket_;
  };
  template <class Ask>
  auto call(HttpConnection& connection, Ask& ask) {
    const InUse used(*this, connection.fd());
    return ask(connection);
  }
  std::optional<HttpConnection> take(const Endpoint& endpoint) EXCLUDES(mutex_);
  void give(HttpConnection&& connection) EXCLUDES(mutex_);

  const std::chrono::milliseconds patience_;
  base::Mutex mutex_;
  std::deque<HttpConnection> idle_ GUARDED_BY(mutex_);  ///< the longest unused first
  std::set<int> used_ GUARDED_BY(mutex_);               ///< sockets
  bool stop_ GUARDED_BY(mutex_) = false;
};

}  // namespace morrow::wire
