// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <list>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "runtime/client/link.h"
#include "wire/http.h"

namespace morrow::runtime {

/// Attempts to reach workers on other hosts, side by side: each has a thread, since names, handshakes and answers are
/// waited for. All functions are for one thread.
class Race {
 public:
  /// How an attempt ended.
  struct Outcome {
    wire::Endpoint endpoint;
    std::optional<wire::NetStream> stream;  ///< the session begins there; none: see `error`
    std::exception_ptr error;
  };

  explicit Race(std::chrono::milliseconds patience) : patience_(patience) {}
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
    std::thread thread;
    std::optional<Outcome> outcome;  ///< it has ended
    bool wanted = true;
  };

  void run(Attempt& attempt) EXCLUDES(mutex_);
  void sweep() EXCLUDES(mutex_);

  const std::chrono::milliseconds patience_;
  base::Mutex mutex_;
  base::CondVar ended_;
  std::list<Attempt> attempts_ GUARDED_BY(mutex_);
};

/// Whether they are the same port.
bool same_place(const wire::Endpoint& a, const wire::Endpoint& b);

}  // namespace morrow::runtime
