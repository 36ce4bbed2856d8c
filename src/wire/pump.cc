#include "wire/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

namespace morrow::wire {

namespace {

constexpr std::size_t kRoom = 256 << 10;
constexpr int kLookMs = 500;

/// Bytes on their way in one direction.
struct Flow {
  std::vector<std::byte> bytes = std::vector<std::byte>(kRoom);
  std::size_t begin = 0;
  std::size_t end = 0;
  bool empty() const { return begin == end; }
  std::span<std::byte> room() {
    if (empty()) begin = end = 0;
    return std::span(bytes).subspan(end);
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
  const auto blocked = [] { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; };
  while (!stop) {
    // What there is goes on; an end is passed on once all before it is.
    if (!network_open && in.empty()) return;
    if (!local_open && out.empty()) return;
    std::array<pollfd, 2> polled{{{network.fd(), 0, 0}, {local.get(), 0, 0}}};
    // A record of TLS may ask for either; so both are looked at while anything is under way.
    if (network_open && !in.room().empty()) polled[0].events |= POLLIN;
    if (!out.empty()) polled[0].events |= POLLOUT;
    if (local_open && !out.room().empty()) polled[1].events |= POLLIN;
    if (!in.empty()) polled[1].events |= POLLOUT;
    const bool more = network_open && network.has_buffered() && !in.room().empty();
    if (poll(polled.data(), polled.size(), more ? 0 : kLookMs) < 0 && errno != EINTR) return;
    bool again = false;
    if (network_open && !in.room().empty() && (more || (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)) {
      const std::size_t got = network.read_some(in.room(), again);
      in.end += got;
      if (got == 0 && !again) network_open = false;
    }
    if (!in.empty()) {
      const auto bytes = in.waiting();
      const ssize_t put = send(local.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put > 0) in.begin += static_cast<std::size_t>(put);
      if (put < 0 && !blocked()) return;
    }
    if (local_open && !out.room().empty() && (polled[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const auto room = out.room();
      const ssize_t got = recv(local.get(), room.data(), room.size(), 0);
      if (got > 0) out.end += static_cast<std::size_t>(got);
      if (got == 0 || (got < 0 && !blocked())) local_open = false;
    }
    if (!out.empty()) out.begin += network.write_some(out.waiting(), again);
  }
}

}  // namespace morrow::wire
