// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/race.h"

#include <algorithm>
#include <utility>

#include "wire/remote_session.h"

namespace morrow::runtime {

bool same_place(const wire::Endpoint& a, const wire::Endpoint& b) { return a.host == b.host && a.port == b.port; }

Race::~Race() {
  clear();
  std::list<Attempt> left;
  {
    const base::MutexLock lock(mutex_);
    // Moved as a list: the attempts stay where their threads know them.
    left.splice(left.end(), attempts_);
  }
  for (Attempt& attempt : left) attempt.thread.join();
}

void Race::start(const wire::Endpoint& endpoint) {
  sweep();
  const base::MutexLock lock(mutex_);
  Attempt& attempt = attempts_.emplace_back();
  attempt.endpoint = endpoint;
  attempt.thread = std::thread([this, &attempt] { run(attempt); });
}

void Race::run(Attempt& attempt) {
  Outcome outcome;
  outcome.endpoint = attempt.endpoint;
  try {
    outcome.stream.emplace(wire::open_remote_session(attempt.endpoint, patience_));
  } catch (...) {
    outcome.error = std::current_exception();
  }
  const base::MutexLock lock(mutex_);
  attempt.outcome = std::move(outcome);
  ended_.notify_all();
}

bool Race::is_trying(const wire::Endpoint& endpoint) {
  const base::MutexLock lock(mutex_);
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [&](const Attempt& one) { return one.wanted && same_place(one.endpoint, endpoint); });
}

bool Race::is_trying_any() {
  const base::MutexLock lock(mutex_);
  return std::any_of(attempts_.begin(), attempts_.end(), [](const Attempt& one) { return one.wanted; });
}

std::optional<Race::Outcome> Race::next(Clock::time_point until) {
  std::list<Attempt> told;
  {
    base::MutexLock lock(mutex_);
    const auto ended = [](const Attempt& one) { return one.wanted && one.outcome; };
    auto found = attempts_.end();
    ended_.wait_until(lock, until, [&]() REQUIRES(mutex_) {
      found = std::find_if(attempts_.begin(), attempts_.end(), ended);
      return found != attempts_.end();
    });
    if (found == attempts_.end()) return std::nullopt;
    told.splice(told.end(), attempts_, found);
  }
  told.front().thread.join();
  return std::move(told.front().outcome);
}

void Race::clear() {
  {
    const base::MutexLock lock(mutex_);
    for (Attempt& attempt : attempts_) attempt.wanted = false;
  }
  sweep();
}

/// Buries attempts that ended and are not wanted.
void Race::sweep() {
  std::list<Attempt> ended;
  {
    const base::MutexLock lock(mutex_);
    for (auto one = attempts_.begin(); one != attempts_.end();) {
      const auto next = std::next(one);
      if (!one->wanted && one->outcome) ended.splice(ended.end(), attempts_, one);
      one = next;
    }
  }
  for (Attempt& attempt : ended) attempt.thread.join();
}

}  // namespace morrow::runtime
