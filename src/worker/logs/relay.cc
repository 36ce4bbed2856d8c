// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/relay.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/monotonic_clock.h"
#include "control/cluster.h"
#include "wire/frame.h"
#include "wire/socket.h"
#include "worker/logs/log_frames.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxWaiting = 4 << 20;       // of a session whose worker is being looked up
constexpr std::size_t kMaxUnsentLogs = 4 << 20;    // to a worker that does not read
constexpr std::size_t kMaxRoutes = 10'000;         // then all are forgotten, and looked up again
constexpr std::uint64_t kRouteNs = 5'000'000'000;  // sessions move

/// Never waits: a worker that stands still must not hold up this one.
wire::Fd connect_now(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  wire::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

}  // namespace

/// A connection to another worker of this machine, which has the driver.
struct LogRelay::Peer {
  Peer(boost::asio::io_context& io, wire::Fd connected, std::string path)
      : socket(io, connected.release()), name(std::move(path)) {}
  boost::asio::posix::stream_descriptor socket;
  std::string name;
  std::string out;  // from the beginning of a frame
  std::size_t sent = 0;
  bool waits = false;
};

LogRelay::LogRelay(boost::asio::io_context& io, StoreThread& store, Options options)
    : io_(io), store_(store), options_(std::move(options)) {}

LogRelay::~LogRelay() = default;

void LogRelay::send(control::SessionId session, wire::Log& log) {
  if (routes_.size() > kMaxRoutes) forget_routes();
  Route& route = routes_[session];
  log.set_session(session);
  log.set_place(options_.place);
  std::string frame;
  wire::append_frame(frame, wire::LOG, log);
  if (route.known && base::monotonic_ns() < route.until) {
    if (!deliver(route.socket, frame)) leave_out(frame);
    return;
  }
  const bool asked = !route.known && route.until != 0;
  route.known = false;
  if (route.waiting.size() + frame.size() <= kMaxWaiting) {
    route.waiting += frame;
  } else {
    leave_out(frame);
  }
  if (asked) return;
  route.until = 1;
  look_up(session);
}

void LogRelay::look_up(control::SessionId session) {
  auto socket = std::make_shared<std::string>();
  store_.post(
      StoreThread::Lane::kUpkeep,
      [socket, session](store::Store& store) { *socket = control::socket_of_session(store, session); },
      [this, socket, session] {
        Route& route = routes_[session];
        route.known = true;
        route.socket = *socket;
        route.until = base::monotonic_ns() + kRouteNs;
        const std::string waiting = std::exchange(route.waiting, {});
        if (!deliver(route.socket, waiting)) leave_out(waiting);
      });
}

bool LogRelay::deliver(const std::string& socket, std::string_view frames) {
  if (frames.empty()) return true;
  if (socket.empty()) return false;
  auto& peer = peers_[socket];
  if (!peer) {
    wire::Fd connected = connect_now(socket);
    if (!connected) {
      peers_.erase(socket);
      return false;
    }
    peer = std::make_shared<Peer>(io_, std::move(connected), socket);
    wire::Hello hello;
    hello.set_version(wire::kProtocolVersion);
    hello.set_kind(wire::Hello::WORKER);
    hello.set_cluster(options_.cluster);
    wire::append_frame(peer->out, wire::HELLO, hello);
  }
  const bool has_room = peer->out.size() - peer->sent + frames.size() <= kMaxUnsentLogs;
  if (has_room) peer->out += frames;
  if (!peer->waits) write(std::shared_ptr<Peer>(peer));
  return has_room;
}

void LogRelay::write(const std::shared_ptr<Peer>& peer) {
  while (peer->sent < peer->out.size()) {
    const ssize_t put = ::send(peer->socket.native_handle(), peer->out.data() + peer->sent,
                               peer->out.size() - peer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put >= 0) {
      peer->sent += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return forget(*peer);
    }
  }
  const std::size_t whole = wire::frame_begin(peer->out, peer->sent);
  peer->out.erase(0, whole);
  peer->sent -= whole;
  if (peer->out.empty()) return;
  peer->waits = true;
  peer->socket.async_wait(peer->socket.wait_write, [this, weak = std::weak_ptr(peer)](const auto& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->waits = false;
    write(self);
  });
}

/// That worker is gone: the next lines find where the session went.
void LogRelay::forget(const Peer& peer) {
  std::erase_if(routes_, [&](const auto& route) { return route.second.socket == peer.name; });
  leave_out(std::string_view(peer.out).substr(wire::frame_begin(peer.out, peer.sent)));
  peers_.erase(peer.name);
}

void LogRelay::leave_out(std::string_view frames) {
  for_each_log(frames, [this](const wire::Log& log) {
    options_.left_out(log.session(), static_cast<std::uint64_t>(log.lines_size()));
  });
}

void LogRelay::forget_routes() {
  for (const auto& [session, route] : routes_) leave_out(route.waiting);
  routes_.clear();
}

void LogRelay::stop() {
  while (!peers_.empty()) forget(*std::shared_ptr<Peer>(peers_.begin()->second));
  forget_routes();
}

}  // namespace morrow::worker
