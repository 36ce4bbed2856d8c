// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/clients.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <boost/asio/post.hpp>

namespace morrow::worker {

namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::size_t kReadBytes = 128 << 10;
constexpr std::size_t kKeepBytes = 1 << 20;
/// A client that does not read gets no more work done for it until it does.
constexpr std::size_t kMaxUnsent = 32 << 20;

}  // namespace

/// A connection, and the frames that wait to be written to it.
struct Clients::Client {
  Client(boost::asio::io_context& io, int fd, ClientId number) : id(number), socket(io, fd) {}

  ClientId id;
  stream_descriptor socket;
  wire::FrameReader reader;
  std::string out;
  std::size_t written = 0;
  std::uint64_t came = 0;   ///< bytes, in all
  std::uint64_t taken = 0;  ///< bytes, in all
  int descriptor = -1;      ///< goes with the byte at `descriptor_at`
  std::size_t descriptor_at = 0;
  std::uint32_t pauses = 0;
  bool gone = false;
  bool closing = false;  ///< gone when `out` is written
  bool dirty = false;    ///< stands in unflushed_
  bool waits_write = false;
  bool waits_read = false;
  bool delivering = false;
  bool choked = false;  ///< one of the pauses is for its unsent bytes
};

Clients::Clients(boost::asio::io_context& io, ClientEvents& events, std::function<void(const std::string&)> log,
                 ClientId last)
    : io_(io), events_(events), log_(std::move(log)), accept_again_(io), last_(last) {}

Clients::~Clients() {
  for (auto& [id, client] : clients_) {
    client->gone = true;
    boost::system::error_code ignored;
    client->socket.close(ignored);
  }
}

void Clients::listen(wire::Fd socket) {
  listener_ = std::make_unique<stream_descriptor>(io_, socket.release());
  boost::system::error_code ignored;
  listener_->native_non_blocking(true, ignored);
  wait_for_connection();
}

void Clients::stop_listening() {
  accept_again_.cancel();
  listener_.reset();
}

void Clients::wait_for_connection() {
  listener_->async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error || !listener_) return;
    accept_all();
  });
}

void Clients::accept_all() {
  for (;;) {
    wire::Fd socket(accept4(listener_->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      log_(std::string("can't accept a connection: ") + std::strerror(errno) +
           "; raise the limit of open files (ulimit -n) if it is that");
      accept_again_.expires_after(std::chrono::milliseconds(200));
      accept_again_.async_wait([this](const boost::system::error_code& error) {
        if (!error && listener_) accept_all();
      });
      return;
    }
    const wire::Peer peer = wire::peer_of(socket.get());
    if (peer.uid != getuid()) {
      log_("refused a connection of another user (uid " + std::to_string(peer.uid) + ")");
      continue;
    }
    adopt(std::move(socket), peer.pid);
  }
  wait_for_connection();
}

ClientId Clients::adopt(wire::Fd socket, pid_t pid, const std::string& from) {
  auto client = std::make_shared<Client>(io_, socket.release(), ++last_);
  boost::system::error_code ignored;
  client->socket.native_non_blocking(true, ignored);
  clients_.emplace(client->id, client);
  events_.client_came(client->id, pid, from);
  wait_readable(client);
  return client->id;
}

Clients::ClientPtr Clients::find(ClientId client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? nullptr : found->second;
}

// ---- reading ----

void Clients::wait_readable(const ClientPtr& client) {
  if (client->waits_read || client->gone || client->closing || client->pauses != 0 || !reading_) return;
  client->waits_read = true;
  client->socket.async_wait(stream_descriptor::wait_read, [this, client](const boost::system::error_code& error) {
    if (client->gone) return;
    client->waits_read = false;
    if (!error) readable(client);
  });
}

void Clients::readable(const ClientPtr& client) {
  if (client->pauses != 0 || client->closing || !reading_) return;
  char* room = client->reader.room(kReadBytes);
  const ssize_t got = recv(client->socket.native_handle(), room, kReadBytes, 0);
  if (got == 0) return drop(client, "");
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) return drop(client, errno == ECONNRESET ? "" : std::strerror(errno));
    return wait_readable(client);
  }
  read_this_turn_ += static_cast<std::size_t>(got);
  client->came += static_cast<std::size_t>(got);
  client->reader.filled(static_cast<std::size_t>(got));
  deliver(client);
  if (!client->gone) wait_readable(client);
}

void Clients::deliver(const ClientPtr& client) {
  client->delivering = true;
  try {
    while (!client->gone && !client->closing && client->pauses == 0) {
      const auto frame = client->reader.next();
      if (!frame) break;
      events_.client_frame(client->id, frame->type, frame->payload);
    }
    client->delivering = false;
  } catch (const wire::ProtocolError& error) {
    client->delivering = false;
    say_why(client, error.what());
    drop(client, error.what());
  }
}

/// If it takes that at once.
void Clients::say_why(const ClientPtr& client, const std::string& why) {
  if (client->gone || client->written < client->out.size()) return;
  wire::Notice notice;
  notice.set_text("the worker closes this connection: " + why);
  std::string frame;
  wire::append_frame(frame, wire::NOTICE, notice);
  ::send(client->socket.native_handle(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Clients::pause(ClientId id) {
  if (const ClientPtr client = find(id)) ++client->pauses;
}

void Clients::resume(ClientId id) {
  const ClientPtr client = find(id);
  if (!client || client->pauses == 0 || --client->pauses != 0) return;
  // Frames that were read before the pause come first, and not from inside the caller.
  boost::asio::post(io_, [this, client] {
    if (client->gone || client->closing || client->pauses != 0 || client->delivering || !reading_) return;
    deliver(client);
    if (!client->gone) wait_readable(client);
  });
}

void Clients::stop_reading() { reading_ = false; }

// ---- writing ----

void Clients::send(ClientId id, wire::FrameType type, const google::protobuf::MessageLite& message, int descriptor) {
  const ClientPtr client = find(id);
  if (!client) return;
  if (descriptor >= 0) {
    client->descriptor = descriptor;
    client->descriptor_at = client->out.size();
  }
  try {
    wire::append_frame(client->out, type, message);
  } catch (const wire::ProtocolError& error) {
    // Whatever it asked for: the worker goes on.
    log_(fmt::format("closed the connection of client {}, whose answer is too large: {}", id, error.what()));
    return close(id);
  }
  if (!client->choked && client->out.size() - client->written > kMaxUnsent) {
    client->choked = true;
    ++client->pauses;
  }
  if (client->dirty || client->waits_write) return;
  client->dirty = true;
  unflushed_.push_back(client);
}

void Clients::flush() {
  // What is sent while a connection turns out to be gone is written too.
  while (!unflushed_.empty()) {
    flushing_.swap(unflushed_);
    for (const ClientPtr& client : flushing_) {
      client->dirty = false;
      if (!client->gone && !client->waits_write) write(client);
    }
    flushing_.clear();
  }
}

void Clients::write(const ClientPtr& client) {
  while (client->written < client->out.size()) {
    const bool before = client->descriptor >= 0 && client->written < client->descriptor_at;
    const std::size_t end = before ? client->descriptor_at : client->out.size();
    const std::string_view bytes(client->out.data() + client->written, end - client->written);
    const int descriptor = before ? -1 : client->descriptor;
    const ssize_t put = wire::send_some(client->socket.native_handle(), bytes, descriptor);
    if (put >= 0) {
      client->written += static_cast<std::size_t>(put);
      client->taken += static_cast<std::size_t>(put);
      if (descriptor >= 0) client->descriptor = -1;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    return drop(client, "");
  }
  if (client->choked && client->out.size() - client->written < kMaxUnsent / 2) {
    client->choked = false;
    resume(client->id);
  }
  if (client->written < client->out.size()) {
    if (client->written > kKeepBytes) {
      const std::size_t whole = wire::frame_begin(client->out, client->written);
      client->out.erase(0, whole);
      client->descriptor_at -= std::min(client->descriptor_at, whole);
      client->written -= whole;
    }
    client->waits_write = true;
    client->socket.async_wait(stream_descriptor::wait_write, [this, client](const boost::system::error_code& error) {
      if (client->gone) return;
      client->waits_write = false;
      if (error) return;
      write(client);
      flush();  // what it was sent since it took all
    });
    return;
  }
  client->out.clear();
  client->written = 0;
  if (client->out.capacity() > kKeepBytes) client->out.shrink_to_fit();
  if (client->closing) return drop(client, "");
  events_.client_took_all(client->id);
}

std::size_t Clients::unsent(ClientId id) const {
  const ClientPtr client = find(id);
  return client ? client->out.size() - client->written : 0;
}

Clients::Traffic Clients::traffic(ClientId id) const {
  const ClientPtr client = find(id);
  if (!client) return {};
  return {client->came, client->taken, client->out.size() - client->written, client->pauses != 0, client->choked};
}

void Clients::cut(ClientId id) {
  if (const ClientPtr client = find(id)) drop(client, "");
}

void Clients::close(ClientId id) {
  const ClientPtr client = find(id);
  if (!client || client->closing) return;
  client->closing = true;
  // Written and dropped by the next flush, never inside the caller's own handling of this client.
  if (!client->dirty && !client->waits_write) {
    client->dirty = true;
    unflushed_.push_back(client);
  }
}

std::vector<ClientId> Clients::all() const {
  std::vector<ClientId> all;
  all.reserve(clients_.size());
  for (const auto& [id, client] : clients_) all.push_back(id);
  return all;
}

void Clients::close_all() {
  for (const ClientId id : all()) close(id);
}

void Clients::cut_all() {
  for (const ClientId id : all()) cut(id);
}

void Clients::drop(const ClientPtr& client, const std::string& why) {
  if (client->gone) return;
  client->gone = true;
  boost::system::error_code ignored;
  client->socket.close(ignored);
  clients_.erase(client->id);
  const std::string_view out = client->out;
  if (client->written < out.size())
    events_.client_missed(client->id, out.substr(wire::frame_begin(out, client->written)));
  events_.client_gone(client->id, why);
}

}  // namespace morrow::worker
