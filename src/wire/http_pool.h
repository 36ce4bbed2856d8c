#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "wire/http.h"

namespace morrow::wire {

/// Connections that are kept for the next request: a TLS handshake costs more than a small object. Thread-safe.
class HttpPool {
 public:
  explicit HttpPool(std::chrono::milliseconds patience) : patience_(patience) {}

  /// What `ask` gives for a connection to `endpoint`, which is kept afterwards. `ask` is called once more, with a fresh
  /// connection, when a kept one turns out to be closed. \throws NetworkError, and what `ask` throws
  template <class Ask>
  auto with(const Endpoint& endpoint, Ask ask) {
    if (auto kept = take(endpoint)) {
      try {
        auto answer = ask(*kept);
        give(std::move(*kept));
        return answer;
      } catch (const NetworkError&) {  // it may just have been closed for standing idle
      }
    }
    HttpConnection fresh(endpoint, patience_);
    auto answer = ask(fresh);
    give(std::move(fresh));
    return answer;
  }

 private:
  std::optional<HttpConnection> take(const Endpoint& endpoint);
  void give(HttpConnection&& connection);

  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::deque<HttpConnection> idle_;  ///< the longest unused first
};

}  // namespace morrow::wire
