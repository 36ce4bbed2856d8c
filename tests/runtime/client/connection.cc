// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/client/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace morrow::test {

namespace {

constexpr int kHangMs = 30'000;
constexpr int kMomentMs = 50;
constexpr std::size_t kReadBytes = 64 << 10;

}  // namespace

void await_readable(int fd, const char* what) {
  pollfd polled{fd, POLLIN, 0};
  if (poll(&polled, 1, kHangMs) <= 0) throw std::runtime_error(std::string(what) + " did not come");
}

std::optional<Connection::Received> Connection::next() {
  for (;;) {
    if (const auto frame = frames_.next()) return Received{frame->type, std::string(frame->payload)};
    await_readable(socket_.get(), "a frame");
    const ssize_t got = recv(socket_.get(), frames_.room(kReadBytes), kReadBytes, 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "recv");
    frames_.filled(static_cast<std::size_t>(got));
  }
}

bool Connection::is_quiet() {
  pollfd polled{socket_.get(), POLLIN, 0};
  return frames_.buffered() == 0 && poll(&polled, 1, kMomentMs) == 0;
}

std::string Connection::expect(wire::FrameType type) {
  auto frame = next();
  if (!frame)
    throw std::runtime_error("the stream ended where a frame of type " + std::to_string(type) + " should come");
  if (frame->type != type) {
    throw std::runtime_error("a frame of type " + std::to_string(frame->type) + " came where " + std::to_string(type) +
                             " should come");
  }
  return std::move(frame->payload);
}

void Connection::write(wire::FrameType type, const google::protobuf::MessageLite& message) {
  queue(type, message);
  std::string_view rest = queued_;
  while (!rest.empty()) {
    const ssize_t put = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put < 0) throw std::system_error(errno, std::generic_category(), "send");
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  queued_.clear();
}

}  // namespace morrow::test
