// SPDX-License-Identifier: Apache-2.0
#include "worker/port/port.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/invariant.h"
#include "worker/port/text.h"

// Connections of the port; answers.cc has the answers.
namespace morrow::worker {

namespace {

constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kMaxStrangers = 64;  // of them, without the token so far
constexpr std::chrono::seconds kIdle{60};  // then a connection that says nothing is closed: each costs a thread
constexpr std::chrono::seconds kParting{1};
constexpr std::chrono::minutes kComplainAgain{1};
constexpr int kLookMs = 500;   // for connections that have ended, whose threads are joined
constexpr int kPauseMs = 200;  // when there are no descriptors: to ask at once again would only burn time

/// Whether a connection that was to be encrypted begins as plain text: a handshake does not begin with a letter.
bool speaks_plain_http(const wire::NetStream& stream) {
  char first = 0;
  return recv(stream.fd(), &first, 1, MSG_PEEK) == 1 && first >= 'A' && first <= 'Z';
}

/// Reads on for a moment what the other side still sends: the answer to a request that was not read to its end would be
/// lost with the connection.
void part(wire::NetStream& stream) {
  stream.set_patience(kParting);
  stream.finish();
  const auto end = std::chrono::steady_clock::now() + kParting;
  std::array<std::byte, 16 << 10> room{};
  while (stream.read(room) != 0 && std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

Port::Port(wire::Fd listening, PortOptions options, PortHandlers handlers)
    : listening_(std::move(listening)), options_(std::move(options)), handlers_(std::move(handlers)) {
  full_.sentence = "the port has all the connections it takes (" + std::to_string(kMaxConnections) + ", " +
                   std::to_string(kMaxStrangers) + " of them without the token so far); more are sent away";
  no_thread_.sentence =
      "no thread for a connection of the port, which is closed; raise the limit of processes (ulimit -u) if it is that";
  no_descriptor_.sentence =
      "can't accept a connection of the port; raise the limit of open files (ulimit -n) if it is that";
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

void Port::accept_all() {
  while (!stop_) {
    pollfd polled{listening_.get(), POLLIN, 0};
    const int ready = poll(&polled, 1, kLookMs);
    clear_away();
    if (ready <= 0 || stop_) continue;
    wire::Fd socket(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) {
      take(std::move(socket));
    } else if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN && !stop_) {
      complain(no_descriptor_);
      pause();
    }
  }
}

/// Connections that have ended, and those that took too long to show the token: however slowly they speak.
void Port::clear_away() {
  const base::MutexLock lock(mutex_);
  const auto now = Clock::now();
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    if (connection->done) {
      MORROW_INVARIANT(connection->socket < 0, "a connection that has ended has no socket", connection->socket);
      connection->thread.join();
      connection = connections_.erase(connection);
      continue;
    }
    if (!connection->entered && connection->socket >= 0 && now - connection->since > options_.enter_within)
      shutdown(connection->socket, SHUT_RDWR);
    ++connection;
  }
}

void Port::take(wire::Fd socket) {
  const base::MutexLock lock(mutex_);
  const auto strangers = static_cast<std::size_t>(std::count_if(
      connections_.begin(), connections_.end(), [](const Connection& connection) { return !connection.entered; }));
  if (connections_.size() >= kMaxConnections || strangers >= kMaxStrangers) {
    complain(full_);
    if (options_.tls) return;
    const std::string busy = busy_answer();
    send(socket.get(), busy.data(), busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  Connection& connection = connections_.emplace_back(Clock::now());
  connection.socket = socket.get();
  MORROW_INVARIANT(connections_.size() <= kMaxConnections, "the port has no more connections than it takes");
  try {
    connection.thread = std::thread([this, &connection, fd = socket.get()] { serve(connection, wire::Fd(fd)); });
    socket.release();
  } catch (const std::system_error&) {
    connections_.pop_back();
    complain(no_thread_);
  }
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

void Port::serve(Connection& connection, wire::Fd socket) {
  wire::NetStream stream(std::move(socket));
  try {
    stream.set_patience(kIdle);
    talk(connection, stream);
  } catch (const std::exception&) {  // the other side's trouble, and it knows
  }
  {
    const base::MutexLock lock(mutex_);
    MORROW_INVARIANT(!connection.done && connection.socket == stream.fd(), "a connection is served once", stream.fd());
    connection.socket = -1;  // before it is closed: the number may be another connection's then
  }
  stream = wire::NetStream(wire::Fd());
  connection.done = true;
}

void Port::talk(Connection& connection, wire::NetStream& stream) {
  if (options_.tls) {
    if (speaks_plain_http(stream)) {
      say(stream, {}, 426, "this port speaks https\n", {{"connection", "close"}, {"upgrade", "TLS/1.2"}});
      return part(stream);
    }
    stream.accept(*options_.tls);
  }
  try {
    for (bool goes_on = true; goes_on;) {
      auto request = wire::read_request(stream);
      if (stop_ || !request) return;
      // What comes behind would be taken for the next request.
      if (brings_unread_body(*request)) request->keep_alive = false;
      const bool enters = may_enter(*request);
      if (enters) connection.entered = true;
      goes_on = enters ? answer(stream, *request) : refuse(stream, *request);
    }
  } catch (const wire::BadMessage& error) {
    say(stream, {}, 400, std::string(error.what()) + "\n", {{"connection", "close"}});
  }
  part(stream);
}

}  // namespace morrow::worker
