// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/connect.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace morrow::runtime {

namespace {

constexpr std::size_t kGreetingBytes = 16 << 10;

// False when the deadline passed.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd polled{fd, events, 0};
    const int count = poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000)));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

std::optional<Connection> greet(wire::Fd socket, wire::Hello& hello, const wire::Program& program,
                                Clock::time_point deadline) {
  // A worker that stands still may find this in its buffers after we gave up, and must not take the session then.
  hello.set_opening(hello.opening() + 1);
  std::string out;
  wire::append_frame(out, wire::HELLO, hello);
  wire::append_frame(out, wire::PROGRAM, program);
  std::size_t sent = 0;
  Connection connection{std::move(socket), {}, {}, {}, {}};
  const int fd = connection.socket.get();
  for (;;) {
    // Whatever the socket holds is read first: a worker that refuses may close without reading all of ours.
    const ssize_t got =
        wire::receive_some(fd, connection.frames.room(kGreetingBytes), kGreetingBytes, connection.object_memory);
    if (got == 0 || (got < 0 && !would_block())) return std::nullopt;
    if (got > 0) {
      connection.frames.filled(static_cast<std::size_t>(got));
      if (const auto frame = connection.frames.next()) {
        if (frame->type != wire::WELCOME) throw wire::ProtocolError("the worker did not answer HELLO with WELCOME");
        wire::parse(connection.welcome, frame->payload);
        // It answers HELLO, maybe before it has read all of a long PROGRAM: many arguments, a large environment.
        connection.unsent = out.substr(sent);
        return connection;
      }
    }
    bool gone = false;
    while (sent < out.size()) {
      const ssize_t put = send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put >= 0) {
        sent += static_cast<std::size_t>(put);
        continue;
      }
      if (!would_block()) gone = true;
      if (errno != EINTR) break;
    }
    if (gone) sent = out.size();
    if (!wait_for(fd, static_cast<short>(sent < out.size() ? POLLIN | POLLOUT : POLLIN), deadline)) return std::nullopt;
  }
}

}  // namespace morrow::runtime
