// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <array>
#include <utility>

#include "base/invariant.h"
#include "worker/port/port.h"
#include "worker/port/text.h"

// A connection of the port, in a thread of its own: from its first byte on. port.cc has those who come, answers.cc what
// is answered.
namespace morrow::worker {

namespace {

constexpr std::chrono::seconds kIdle{60};  // then a connection that says nothing is closed: each costs a thread
constexpr std::chrono::seconds kParting{1};

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
    admission_.leave(connection.id);
  }
  stream = wire::NetStream(wire::Fd());
  connection.done = true;
}

void Port::talk(Connection& connection, wire::NetStream& stream) {
  if (options_.tls && !encrypt(connection, stream)) return part(stream);
  try {
    hear_requests(connection, stream);
  } catch (const wire::BadMessage& error) {
    trace(Traces::Reason::kOdd, connection);
    say(stream, {}, error.status(), std::string(error.what()) + "\n", {{"connection", "close"}});
    return part(stream);
  } catch (const wire::NetworkError&) {
    if (!connection.sent_away) throw;
  }
  if (connection.sent_away) stream.write(busy_answer());
  part(stream);
}

/// False: the other side speaks plain HTTP, and is told.
bool Port::encrypt(Connection& connection, wire::NetStream& stream) {
  if (speaks_plain_http(stream)) {
    trace(Traces::Reason::kOdd, connection);
    say(stream, {}, 426, "this port speaks https\n", {{"connection", "close"}, {"upgrade", "TLS/1.2"}});
    return false;
  }
  try {
    stream.accept(*options_.tls);
  } catch (const wire::NetworkError&) {
    trace(Traces::Reason::kOdd, connection);
    throw;
  }
  connection.hears = true;
  return true;
}

/// Until nothing more comes on this connection.
void Port::hear_requests(Connection& connection, wire::NetStream& stream) {
  for (bool goes_on = true; goes_on && !connection.sent_away;) {
    auto request = wire::read_request(stream);
    if (stop_ || !request) return;
    // What comes behind would be taken for the next request.
    if (brings_unread_body(*request)) request->keep_alive = false;
    if (!may_enter(*request)) {
      trace(Traces::Reason::kToken, connection);
      goes_on = refuse(stream, *request);
    } else if (let_in(connection)) {
      goes_on = answer(connection, stream, *request);
    }
  }
}

/// It has shown the token. False: it is to be sent away all the same.
bool Port::let_in(Connection& connection) {
  const base::MutexLock lock(mutex_);
  const Admission::Entry entry = admission_.enter(connection.id);
  if (entry == Admission::Entry::kIn) return true;
  if (entry == Admission::Entry::kFull) traces_.add(Traces::Reason::kFull, connection.source.address);
  connection.sent_away = true;
  return false;
}

void Port::trace(Traces::Reason reason, const Connection& connection) {
  const base::MutexLock lock(mutex_);
  // What it was cut off in the middle of is not its mistake.
  if (!connection.leaves_by) traces_.add(reason, connection.source.address);
}

}  // namespace morrow::worker
