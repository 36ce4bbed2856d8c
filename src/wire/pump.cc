// SPDX-License-Identifier: Apache-2.0
#include "wire/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/invariant.h"

namespace morrow::wire {

namespace {

constexpr std::size_t kRoomBytes = 256 << 10;  // in each direction
constexpr int kLookMs = 500;                   // whether to stop

/// Bytes on their way in one direction.
struct Flow {
  std::vector<std::byte> bytes = std::vector<std::byte>(kRoomBytes);
  std::size_t begin = 0;
  std::size_t end = 0;
  bool empty() const { return begin == end; }
  std::span<std::byte> room() {
    if (empty()) begin = end = 0;
    return std::span(bytes).subspan(end);
  }
  void came(std::size_t count) {
    end += count;
    MORROW_INVARIANT(begin <= end && end <= bytes.size(), "what came had room", begin, end, count);
  }
  void went(std::size_t count) {
    begin += count;
    MORROW_INVARIANT(begin <= end, "what goes on has come", begin, end, count);
  }
  std::span<const std::byte> waiting() const { return std::span(bytes).subspan(begin, end - begin); }
};

}  // namespace

void pump(NetStream& network, Fd local, const std::atomic<bool>& stop) {
  network.set_nonblocking();
  fcntl(local.get(), F_SETFL, fcntl(local.get(), F_GETFL) | O_NONBLOCK);
  Flow in;   // from the network
  Flow out;  // to it
  bool network_open = true;
  bool local_open = true;
  bool more = true;  // the network may have bytes that its socket does not show: they were read from that already
  const auto blocked = [] { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; };
  while (!stop) {
    // What there is goes on; an end is passed on once all before it is.
    if (!network_open && in.empty()) return;
    if (!local_open && out.empty()) return;
    std::array<pollfd, 2> polled{{{network.fd(), 0, 0}, {local.get(), 0, 0}}};
    if (network_open && !in.room().empty()) polled[0].events |= POLLIN;
    if (network_open && !out.empty()) polled[0].events |= POLLOUT;
    if (local_open && !out.room().empty()) polled[1].events |= POLLIN;
    if (local_open && !in.empty()) polled[1].events |= POLLOUT;
    // Where there is nothing to wait for, the end of a connection is no news: it would be told again and again.
    for (pollfd& one : polled) {
      if (one.events == 0) one.fd = -1;
    }
    const bool look = more && network_open && !in.room().empty();
    if (poll(polled.data(), polled.size(), look ? 0 : kLookMs) < 0 && errno != EINTR) return;
    bool again = false;
    if (network_open && !in.room().empty() && (look || (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)) {
      const std::size_t got = network.read_some(in.room(), again);
      in.came(got);
      // Half a record is buffered too, and gives nothing until the other half shows at the socket.
      more = got != 0 && network.has_buffered();
      if (got == 0 && !again) network_open = false;
    }
    if (local_open && !in.empty()) {
      const auto bytes = in.waiting();
      const ssize_t put = send(local.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put > 0) in.went(static_cast<std::size_t>(put));
      if (put < 0 && !blocked()) local_open = false;
    }
    if (local_open && !out.room().empty() && (polled[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const auto room = out.room();
      const ssize_t got = recv(local.get(), room.data(), room.size(), 0);
      if (got > 0) out.came(static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && !blocked())) local_open = false;
    }
    if (network_open && !out.empty()) out.went(network.write_some(out.waiting(), again));
  }
}

}  // namespace morrow::wire
