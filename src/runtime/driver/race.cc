// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/race.h"

#include <algorithm>
#include <utility>

#include "wire/remote_session.h"

namespace morrow::runtime {

namespace {

constexpr std::chrono::milliseconds kNextAddressAfter{250};

}  // namespace

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
  begin(endpoint, "", std::chrono::milliseconds(0));
}

void Race::begin(const wire::Endpoint& endpoint, const std::string& address, std::chrono::milliseconds delay) {
  Attempt& attempt = attempts_.emplace_back();
  attempt.endpoint = endpoint;
  attempt.address = address;
  attempt.delay = delay;
  attempt.thread = std::thread([this, &attempt] { run(attempt); });
}

void Race::run(Attempt& attempt) {
  Outcome outcome;
  outcome.endpoint = attempt.endpoint;
  try {
    outcome.stream.emplace(reach(attempt));
  } catch (...) {
    outcome.error = std::current_exception();
  }
  const base::MutexLock lock(mutex_);
  attempt.outcome = std::move(outcome);
  changed_.notify_all();
}

wire::NetStream Race::reach(Attempt& attempt) {
  wire::Endpoint at = attempt.endpoint;
  if (attempt.address.empty()) {
    at.host = find_address(attempt);
  } else {
    at.host = attempt.address;
    const base::MutexLock lock(mutex_);
    const auto start = Clock::now() + attempt.delay;
    changed_.wait_until(mutex_, start, [&]() REQUIRES(mutex_) { return !attempt.wanted; });
    if (!attempt.wanted) throw wire::NetworkError("another worker answered first");
  }
  return wire::open_remote_session(at, patience_);
}

/// The first address; for the others attempts of their own begin, each a moment later.
std::string Race::find_address(Attempt& attempt) {
  const std::vector<std::string> addresses = resolve_(attempt.endpoint.host);
  if (addresses.empty()) return attempt.endpoint.host;
  const base::MutexLock lock(mutex_);
  for (std::size_t i = 1; attempt.wanted && i < addresses.size(); ++i)
    begin(attempt.endpoint, addresses[i], kNextAddressAfter * static_cast<int>(i));
  return addresses.front();
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
    changed_.wait_until(lock, until, [&]() REQUIRES(mutex_) {
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
    changed_.notify_all();
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
