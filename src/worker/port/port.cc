// SPDX-License-Identifier: Apache-2.0
//
// Who comes to the port. Anybody may, as often as he likes, and nobody says whether he has the token before he has
// sent it. So one thread takes all that come, at once, and decides quickly (admission.h); it never waits for any of
// them.
//
// A stranger that has said nothing costs a descriptor and no thread: the acceptor polls it together with the listening
// socket. With its first byte it gets a thread of its own (connections.cc), so that a handshake or a slow sender holds
// up itself alone. Such threads have a bound; beyond it one has to wait until another has ended, which is a matter of
// moments, since those that had to go are closed.
//
// Whoever has to go is told so (503), if it can be heard: a plain connection at once, an encrypted one when its
// handshake is done, and for that it has a moment. One that has not even begun a handshake asked for nothing. Its
// client, as all of Morrow's, takes a connection that was closed before any answer for the same as a 503.
#include "worker/port/port.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/invariant.h"
#include "worker/port/text.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMostUnheard = 192;  // threads of those who have not shown the token: some are about to end
constexpr int kAtOnce = 16;                // taken before it is looked who has spoken meanwhile
constexpr std::chrono::seconds kGoWithin{1};
constexpr std::chrono::minutes kComplainAgain{1};
constexpr int kLookMs = 500;    // for connections that have ended, whose threads are joined
constexpr int kNoThreadMs = 5;  // until a thread may have ended
constexpr int kPauseMs = 200;   // when there are no descriptors: to ask at once again would only burn time

/// What is to be read of a socket, at the most 1; 0: its end; -1: nothing so far.
ssize_t peek(int socket) {
  char first = 0;
  const ssize_t got = recv(socket, &first, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR ? 0 : got;
}

/// With what it has sent unread, the end of the connection would take the answer along.
void say_busy(int socket) {
  std::array<char, 4096> unread{};
  recv(socket, unread.data(), unread.size(), MSG_DONTWAIT);
  const std::string busy = busy_answer();
  send(socket, busy.data(), busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

Port::Port(wire::Fd listening, PortOptions options, PortHandlers handlers)
    : listening_(std::move(listening)),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      admission_(options_.limits) {
  no_thread_.sentence =
      "no thread for a connection of the port, which is closed; raise the limit of processes (ulimit -u) if it is that";
  no_descriptor_.sentence =
      "can't accept a connection of the port; raise the limit of open files (ulimit -n) if it is that";
  fcntl(listening_.get(), F_SETFL, fcntl(listening_.get(), F_GETFL) | O_NONBLOCK);
  acceptor_ = std::thread([this] { accept_all(); });
}

Port::~Port() {
  stop_ = true;
  {
    const base::MutexLock lock(waiting_->mutex);
    waiting_->stop = true;
  }
  waiting_->changed.notify_all();
  shutdown(listening_.get(), SHUT_RDWR);  // wakes the acceptor
  acceptor_.join();
  {
    const base::MutexLock lock(mutex_);
    for (const Connection& connection : connections_) {
      if (connection.socket >= 0) shutdown(connection.socket, SHUT_RDWR);
    }
  }
  for (Connection& connection : connections_) connection.thread.join();
}

PortUse Port::use() const {
  using Reason = Traces::Reason;
  const base::MutexLock lock(mutex_);
  PortUse use;
  use.holders = admission_.holders();
  use.strangers = admission_.strangers();
  for (const Reason reason : {Reason::kToken, Reason::kLate, Reason::kRoom, Reason::kOdd, Reason::kFull})
    use.turned_away.emplace_back(Traces::name_of(reason), traces_.count(reason));
  return use;
}

void Port::accept_all() {
  while (!stop_) {
    const Look look = wait_for_strangers();
    if (stop_) return;
    clear_away();
    // Those who spoke first: who is silent goes before them when others come.
    for (const Admission::Id id : look.spoke) hear(id);
    if (look.somebody_comes) accept_some();
    tell_traces();
  }
}

/// Until somebody comes or speaks, or it is time to look at the others.
Port::Look Port::wait_for_strangers() {
  std::vector<pollfd> polled{{listening_.get(), POLLIN, 0}};
  std::vector<Admission::Id> ids;
  const bool no_thread_is_free = has_all_threads();
  if (!no_thread_is_free) {
    for (const auto& [id, silent] : silent_) {
      polled.push_back({silent.socket.get(), POLLIN, 0});
      ids.push_back(id);
    }
  }
  Look look;
  if (poll(polled.data(), polled.size(), no_thread_is_free ? kNoThreadMs : kLookMs) <= 0) return look;
  look.somebody_comes = polled.front().revents != 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (polled[i + 1].revents != 0) look.spoke.push_back(ids[i]);
  }
  return look;
}

/// Whether as many threads as may be hear those who have not shown the token.
bool Port::has_all_threads() {
  const base::MutexLock lock(mutex_);
  return connections_.size() >= kMostUnheard + admission_.holders();
}

void Port::accept_some() {
  for (int i = 0; i < kAtOnce && !stop_; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    wire::Fd socket(accept4(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC));
    if (socket) {
      take(std::move(socket), source_of(address));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || stop_) return;
    complain(no_descriptor_);
    {
      // Strangers must not hold what others need.
      const base::MutexLock lock(mutex_);
      if (const auto gone = admission_.make_room()) send_away(*gone, Traces::Reason::kRoom);
    }
    return pause();
  }
}

void Port::take(wire::Fd socket, Source source) {
  Admission::Id id = 0;
  {
    const base::MutexLock lock(mutex_);
    const Admission::Arrival arrival = admission_.come(Clock::now(), source.network);
    if (arrival.gone) send_away(*arrival.gone, Traces::Reason::kRoom);
    id = arrival.id;
  }
  const bool spoke = peek(socket.get()) >= 0;
  silent_.emplace(id, Silent{std::move(socket), std::move(source)});
  if (spoke) hear(id);
}

/// It is not silent any more: it has said something, or has ended.
void Port::hear(Admission::Id id) {
  const auto found = silent_.find(id);
  if (found == silent_.end()) return;
  Silent& silent = found->second;
  const ssize_t got = peek(silent.socket.get());
  if (got < 0) return;
  if (got == 0) {
    const base::MutexLock lock(mutex_);
    admission_.leave(id);
    silent_.erase(found);
    return;
  }
  {
    const base::MutexLock lock(mutex_);
    admission_.spoke(id);
  }
  if (has_all_threads()) return;
  if (!start(id, silent)) {
    complain(no_thread_);
    if (!options_.tls) say_busy(silent.socket.get());
  }
  silent_.erase(found);
}

/// Its thread. False: there is none to have, and it is no stranger any more.
bool Port::start(Admission::Id id, Silent& silent) {
  const base::MutexLock lock(mutex_);
  Connection& connection = connections_.emplace_back(id, silent.source);
  connection.socket = silent.socket.get();
  connection.hears = options_.tls == nullptr;
  try {
    connection.thread = std::thread([this, &connection, fd = silent.socket.get()] { serve(connection, wire::Fd(fd)); });
    silent.socket.release();
    return true;
  } catch (const std::system_error&) {
    connections_.pop_back();
    admission_.leave(id);
    return false;
  }
}

/// One that admission_ counts no more.
void Port::send_away(Admission::Id id, Traces::Reason reason) {
  const bool busy = reason == Traces::Reason::kRoom;
  if (const auto silent = silent_.find(id); silent != silent_.end()) {
    traces_.add(reason, silent->second.source.address);
    if (busy && !options_.tls) say_busy(silent->second.socket.get());
    silent_.erase(silent);
    return;
  }
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [id](const Connection& connection) { return connection.id == id; });
  MORROW_INVARIANT(found != connections_.end(), "a stranger is silent, or has a thread", id);
  traces_.add(reason, found->source.address);
  found->sent_away = busy;
  if (found->socket < 0) return;
  if (!busy) {
    shutdown(found->socket, SHUT_RDWR);
  } else if (found->hears) {
    shutdown(found->socket, SHUT_RD);  // its thread says so
  }
  found->leaves_by = Clock::now() + kGoWithin;
}

/// Connections that have ended, those that took too long to show the token, however slowly they speak, and those that
/// had to go and did not.
void Port::clear_away() {
  const base::MutexLock lock(mutex_);
  const auto now = Clock::now();
  for (const Admission::Id id : admission_.take_late(now)) send_away(id, Traces::Reason::kLate);
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    if (connection->done) {
      MORROW_INVARIANT(connection->socket < 0, "a connection that has ended has no socket", connection->socket);
      connection->thread.join();
      connection = connections_.erase(connection);
      continue;
    }
    if (connection->leaves_by && now >= *connection->leaves_by && connection->socket >= 0)
      shutdown(connection->socket, SHUT_RDWR);
    ++connection;
  }
}

void Port::tell_traces() {
  std::vector<std::string> sentences;
  {
    const base::MutexLock lock(mutex_);
    sentences = traces_.take(Clock::now());
  }
  if (!options_.log) return;
  for (const std::string& sentence : sentences) options_.log(sentence);
}

void Port::complain(Complaint& about) {
  const auto now = Clock::now();
  if (about.last != Clock::time_point() && now - about.last < kComplainAgain) return;
  about.last = now;
  if (options_.log) options_.log(about.sentence);
}

void Port::pause() const {
  Waiting& waiting = *waiting_;
  const base::MutexLock lock(waiting.mutex);
  waiting.changed.wait_for(waiting.mutex, std::chrono::milliseconds(kPauseMs),
                           [&]() REQUIRES(waiting.mutex) { return waiting.stop; });
}

}  // namespace morrow::worker
