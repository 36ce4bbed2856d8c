// SPDX-License-Identifier: Apache-2.0
//
// A connection that may be encrypted, whose other side may be gone, slow, or somebody else; a user's thread waits on
// it.
//
// Waiting is bounded: by the kernel's timeouts of a socket (SO_RCVTIMEO), which OpenSSL passes on as "want read"; the
// errno that is left then tells a timeout from a signal. Connecting is bounded as a whole, shared out over the
// addresses of the name, so that a dead first address leaves time for the second. A peer whose machine vanished sends
// no end: keep-alive probes and TCP_USER_TIMEOUT find that out.
//
// Trust is no matter of names. Workers come and go, and have no name that an official authority would sign. A cluster
// has its own authority, and the line by which one joins has its fingerprint: the chain that the other side shows must
// contain just that certificate, and be valid. What listens without encryption is refused when a fingerprint was given,
// and said to be the reason, since the handshake's own error would not help anyone. With no fingerprint the connection
// is plain; one to this machine must then lead to a program of this user or root (peer_owner.cc).
//
// TLS reads whole records, so bytes may be buffered while the socket shows nothing: has_buffered, for those that poll.
// Signals: a write to a closed connection must not raise SIGPIPE in a user's program (socket_bio in tls.cc).
//
// Read next: tls.h, http.h, pump.cc.
#include "wire/net_stream.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

#include "wire/find_addresses.h"
#include "wire/peer_owner.h"

namespace morrow::wire {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kListenQueue = 4096;  // the kernel takes less if it has to (net.core.somaxconn)
// A peer that is gone without a word: by what was sent to it, and by questions while nothing is.
constexpr int kUnansweredMs = 30'000;
constexpr int kAskAfterSeconds = 10;
constexpr int kAskEachSeconds = 5;
constexpr int kAskTimes = 4;

std::string error_text(int error) { return std::generic_category().message(error); }

std::string tls_text() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "the connection was closed" : reason;
}

void tune(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kAskAfterSeconds, sizeof kAskAfterSeconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kAskEachSeconds, sizeof kAskEachSeconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kAskTimes, sizeof kAskTimes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnansweredMs, sizeof kUnansweredMs);
}

bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd polled{fd, events, 0};
    const int count = poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(left, 1'000'000)));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
}

std::string listen_trouble(int error) {
  switch (error) {
    case EADDRNOTAVAIL:
      return "this machine does not have that address; `ip address` shows those that it has";
    case EADDRINUSE:
      return "somebody listens there already; choose another --port";
    case EACCES:
      return error_text(error) + "; choose a --port above 1023";
    default:
      return error_text(error);
  }
}

}  // namespace

/// The socket, its encryption, and the bytes that were read ahead.
struct NetStream::Impl {
  Fd socket;
  SSL* ssl = nullptr;
  std::string unread;
  std::size_t unread_at = 0;
  std::uint64_t received = 0;

  void speak_tls() {
    bio_st* const bio = socket_bio(socket.get());
    SSL_set_bio(ssl, bio, bio);
  }
  ~Impl() {
    if (ssl == nullptr) return;
    if ((SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) == 0) SSL_shutdown(ssl);
    SSL_free(ssl);
  }
};

NetStream::NetStream(Fd socket) : impl_(std::make_unique<Impl>()) {
  tune(socket.get());
  impl_->socket = std::move(socket);
}

void NetStream::accept(const TlsServer& tls) {
  impl_->ssl = SSL_new(tls.context());
  impl_->speak_tls();
  if (SSL_accept(impl_->ssl) != 1) throw NetworkError("a client did not speak TLS as it should: " + tls_text());
}

NetStream::~NetStream() = default;
NetStream::NetStream(NetStream&&) noexcept = default;
NetStream& NetStream::operator=(NetStream&&) noexcept = default;

NetStream NetStream::connect(const std::string& host, std::uint16_t port, const std::string& ca_fingerprint,
                             std::chrono::milliseconds patience) {
  const std::string where = host + ":" + std::to_string(port);
  const auto deadline = Clock::now() + patience;
  const FoundAddresses found = find_addresses(host, std::to_string(port).c_str());
  int left = 0;
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) ++left;
  std::exception_ptr trouble =
      std::make_exception_ptr(NetworkError("can't connect to " + where + ": it has no address"));
  bool distrust = false;
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    // One that does not answer leaves the others as much time.
    const auto share = std::chrono::ceil<std::chrono::milliseconds>((deadline - Clock::now()) / left--);
    if (share.count() <= 0) break;
    try {
      NetStream stream = connect_to(*at, where, share);
      if (ca_fingerprint.empty()) {
        refuse_strangers(stream.fd(), where);
      } else {
        stream.trust(where, ca_fingerprint);
      }
      stream.set_patience(patience);
      return stream;
    } catch (const NotTrusted&) {
      trouble = std::current_exception();
      distrust = true;
    } catch (const NetworkError&) {
      if (!distrust) trouble = std::current_exception();
    }
  }
  std::rethrow_exception(trouble);
}

NetStream NetStream::connect_to(const addrinfo& address, const std::string& where, std::chrono::milliseconds patience) {
  Fd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int error = socket && ::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    socklen_t size = sizeof error;
    if (!wait_for(socket.get(), POLLOUT, Clock::now() + patience)) {
      error = ETIMEDOUT;
    } else {
      getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error != 0) throw NetworkError("can't connect to " + where + ": " + error_text(error));
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  NetStream stream(std::move(socket));
  stream.set_patience(patience);
  return stream;
}

/// Encrypted from here on, as the client.
void NetStream::trust(const std::string& where, const std::string& ca_fingerprint) {
  impl_->ssl = SSL_new(client_context());
  impl_->speak_tls();
  ERR_clear_error();
  if (const int result = SSL_connect(impl_->ssl); result != 1) {
    const int kind = SSL_get_error(impl_->ssl, result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
      throw TimedOut("no encrypted connection to " + where + ": it said nothing for too long");
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER) {
      ERR_clear_error();
      throw NotTrusted("what listens at " + where +
                       " does not encrypt (worker --insecure, or no worker?), but the line asks for it by ca=...; "
                       "get a new line by: morrow token CLUSTER");
    }
    const bool closed =
        kind == SSL_ERROR_SYSCALL || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    const std::string sentence = "no encrypted connection to " + where + ": " + tls_text();
    if (closed) throw Busy(sentence);
    throw NetworkError(sentence);
  }
  if (const auto checked = check_authority(impl_->ssl, ca_fingerprint); !checked)
    throw NotTrusted("the worker at " + where + " is not of this cluster: " + checked.problem());
}

void NetStream::set_patience(std::chrono::milliseconds patience) {
  const timeval time{patience.count() / 1000, patience.count() % 1000 * 1000};
  setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(fd(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

std::size_t NetStream::read(std::span<std::byte> room) {
  for (;;) {
    bool again = false;
    const std::size_t got = read_some(room, again);
    if (!again) return got;
    throw TimedOut("the other side said nothing for too long");
  }
}

void NetStream::read_all(std::span<std::byte> room) {
  while (!room.empty()) {
    const std::size_t got = read(room);
    if (got == 0) throw NetworkError("the other side closed the connection in the middle");
    room = room.subspan(got);
  }
}

void NetStream::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    bool again = false;
    const std::size_t put = write_some(bytes, again);
    if (again) throw TimedOut("the other side read nothing for too long");
    bytes = bytes.subspan(put);
  }
}

void NetStream::unread(std::string_view bytes) {
  impl_->unread.assign(bytes);
  impl_->unread_at = 0;
}

void NetStream::finish() {
  if (impl_->ssl != nullptr) SSL_shutdown(impl_->ssl);
  shutdown(fd(), SHUT_WR);
}

std::uint64_t NetStream::received() const { return impl_->received; }

int NetStream::fd() const { return impl_->socket.get(); }

bool NetStream::has_buffered() const {
  return impl_->unread_at < impl_->unread.size() || (impl_->ssl != nullptr && SSL_has_pending(impl_->ssl) == 1);
}

void NetStream::set_nonblocking() {
  fcntl(fd(), F_SETFL, fcntl(fd(), F_GETFL) | O_NONBLOCK);
  if (impl_->ssl != nullptr)
    SSL_set_mode(impl_->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

std::size_t NetStream::read_some(std::span<std::byte> room, bool& again) {
  again = false;
  if (impl_->unread_at < impl_->unread.size()) {
    const std::size_t part = std::min(room.size(), impl_->unread.size() - impl_->unread_at);
    std::memcpy(room.data(), impl_->unread.data() + impl_->unread_at, part);
    impl_->unread_at += part;
    return part;
  }
  for (;;) {
    if (impl_->ssl == nullptr) {
      const ssize_t got = recv(fd(), room.data(), room.size(), 0);
      if (got >= 0) {
        impl_->received += static_cast<std::size_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        again = true;
        return 0;
      }
      throw NetworkError("the connection broke: " + error_text(errno));
    }
    ERR_clear_error();
    std::size_t got = 0;
    if (SSL_read_ex(impl_->ssl, room.data(), room.size(), &got) == 1) {
      impl_->received += got;
      return got;
    }
    switch (SSL_get_error(impl_->ssl, 0)) {
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        if (errno == EINTR) continue;
        again = true;
        return 0;
      default:
        throw NetworkError("the connection broke: " + tls_text());
    }
  }
}

std::size_t NetStream::write_some(std::span<const std::byte> bytes, bool& again) {
  again = false;
  for (;;) {
    if (impl_->ssl == nullptr) {
      const ssize_t put = send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put >= 0) return static_cast<std::size_t>(put);
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        again = true;
        return 0;
      }
      throw NetworkError("the connection broke: " + error_text(errno));
    }
    ERR_clear_error();
    std::size_t put = 0;
    if (SSL_write_ex(impl_->ssl, bytes.data(), bytes.size(), &put) == 1) return put;
    switch (SSL_get_error(impl_->ssl, 0)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        if (errno == EINTR) continue;
        again = true;
        return 0;
      default:
        throw NetworkError("the connection broke: " + tls_text());
    }
  }
}

Fd listen_tcp(const std::string& address, std::uint16_t port) {
  const std::string where = address + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  if (const int error = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &first); error != 0)
    throw std::runtime_error("can't listen on " + where + ": " + gai_strerror(error));
  const FoundAddresses found(first);
  Fd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!socket || bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(socket.get(), kListenQueue) != 0)
    throw std::runtime_error("can't listen on " + where + ": " + listen_trouble(errno));
  return socket;
}

std::string local_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(), port.data(), port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  const std::string name = host.data();
  return (name.find(':') == std::string::npos ? name : "[" + name + "]") + ":" + port.data();
}

}  // namespace morrow::wire
