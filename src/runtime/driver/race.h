// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "runtime/client/link.h"
#include "wire/addresses.h"
#include "wire/http.h"

namespace morrow::runtime {

/// Attempts to reach workers on other hosts, side by side: each has a thread, since names, handshakes and answers are
/// waited for. A name that has several addresses is tried at all of them. All functions are for one thread.
class Race {
 public:
  /// How an attempt ended.
  struct Outcome {
    wire::Endpoint endpoint;
    std::optional<wire::NetStream> stream;  ///< the session begins there; none: see `error`
    std::exception_ptr error;
  };

  /// The addresses of a host by its name. \throws wire::NetworkError
  using Resolve = std::function<std::vector<std::string>(const std::string& host)>;

  explicit Race(std::chrono::milliseconds patience, Resolve resolve = wire::addresses_of)
      : patience_(patience), resolve_(std::move(resolve)) {}
  /// Waits for the attempts that are under way, each for the patience at the most.
  ~Race();
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  /// Begins an attempt, which ends within the patience.
  void start(const wire::Endpoint& endpoint) EXCLUDES(mutex_);
  bool is_trying(const wire::Endpoint& endpoint) EXCLUDES(mutex_);
  bool is_trying_any() EXCLUDES(mutex_);
  /// An attempt that has ended and was not told yet; waits for one until then.
  std::optional<Outcome> next(Clock::time_point until) EXCLUDES(mutex_);
  /// What is under way is not wanted any more: streams are closed as they come.
  void clear() EXCLUDES(mutex_);

 private:
  /// One attempt, from its start until it is told.
  struct Attempt {
    wire::Endpoint endpoint;
    std::string address;  ///< of the endpoint's host; empty: not known yet
    std::chrono::milliseconds delay{0};
    std::thread thread;
    std::optional<Outcome> outcome;  ///< it has ended
    bool wanted = true;
  };

  void begin(const wire::Endpoint& endpoint, const std::string& address, std::chrono::milliseconds delay)
      REQUIRES(mutex_);
  void run(Attempt& attempt) EXCLUDES(mutex_);
  wire::NetStream reach(Attempt& attempt) EXCLUDES(mutex_);
  std::string find_address(Attempt& attempt) EXCLUDES(mutex_);
  void sweep() EXCLUDES(mutex_);

  const std::chrono::milliseconds patience_;
  const Resolve resolve_;
  base::Mutex mutex_;
  base::CondVar changed_;  // one has ended, or is not wanted any more
  std::list<Attempt> attempts_ GUARDED_BY(mutex_);
};

/// Whether they are the same port.
bool same_place(const wire::Endpoint& a, const wire::Endpoint& b);

}  // namespace morrow::runtime
