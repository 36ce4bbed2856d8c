// SPDX-License-Identifier: Apache-2.0
#include "wire/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <system_error>

namespace morrow::wire {

namespace {

constexpr std::size_t kMaxDescriptors = 16;
constexpr int kPacketBufferBytes = 4 << 20;  // asked for; the kernel gives what it allows
constexpr int kBacklog = 128;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) fail(ENAMETOOLONG, "the socket " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool bind_to(int fd, const sockaddr_un& address) {
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return true;
  if (errno == EADDRINUSE) return false;
  fail(errno, std::string("cannot make the socket ") + address.sun_path);
}

/// Memory for descriptors that travel along with a message.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> bytes{};
};

void attach(msghdr& message, Control& control, std::span<const int> descriptors) {
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
}

void detach(msghdr& message, std::vector<Fd>& descriptors) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(descriptor);
    }
  }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Fd listen_unix(const std::string& path) {
  const sockaddr_un address = address_of(path);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail(errno, "cannot make a socket");
  fchmod(fd.get(), 0600);  // before the bind: the file is never open to others
  if (!bind_to(fd.get(), address)) {
    if (connect_unix(path)) throw std::runtime_error("somebody listens on " + path + " already; use another name");
    if (unlink(path.c_str()) != 0 && errno != ENOENT) fail(errno, "cannot replace the socket " + path);
    if (!bind_to(fd.get(), address)) {
      throw std::runtime_error("somebody listens on " + path + " already; use another name");
    }
  }
  if (listen(fd.get(), kBacklog) != 0) fail(errno, "cannot listen on " + path);
  return fd;
}

Fd connect_unix(const std::string& path, bool waits) {
  const sockaddr_un address = address_of(path);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK), 0));
  if (!fd) fail(errno, "cannot make a socket");
  while (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return Fd();
    if (errno == EAGAIN && !waits) return Fd();
    fail(errno, "cannot connect to " + path);
  }
  if (peer_of(fd.get()).uid != geteuid()) fail(EACCES, "another user listens on " + path);
  if (!waits) fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  return fd;
}

bool somebody_listens(const std::string& path) {
  try {
    const sockaddr_un address = address_of(path);
    const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int result = 0;
    do {
      result = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    } while (result != 0 && errno == EINTR);
    return result == 0 || (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR);
  } catch (const std::exception&) {
    return true;  // a path that is too long
  }
}

Fd make_event() {
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) fail(errno, "can't make an eventfd");
  return event;
}

Peer peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    fail(errno, "cannot tell who is at the other end of a socket");
  }
  return {credentials.uid, credentials.pid};
}

std::pair<Fd, Fd> socket_pair(bool packets) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, (packets ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail(errno, "cannot make a pair of sockets");
  }
  std::pair<Fd, Fd> pair{Fd(ends[0]), Fd(ends[1])};
  if (packets) {  // a packet is sent whole or not at all, and a program's environment may be large
    for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kPacketBufferBytes, sizeof(kPacketBufferBytes));
  }
  return pair;
}

ssize_t send_some(int fd, std::string_view bytes, int descriptor) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) attach(message, control, {&descriptor, 1});
  return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t receive_some(int fd, char* room, std::size_t size, Fd& descriptor) {
  iovec part{room, size};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received >= 0) {
    std::vector<Fd> came;
    detach(message, came);
    if (!came.empty()) descriptor = std::move(came.front());
  }
  return received;
}

void send_packet(int fd, std::string_view bytes, std::span<const int> descriptors) {
  if (descriptors.size() > kMaxDescriptors) throw std::invalid_argument("too many descriptors for one packet");
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) attach(message, control, descriptors);
  while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) fail(errno, "cannot send a packet");
    pollfd writable{fd, POLLOUT, 0};
    poll(&writable, 1, -1);
  }
}

bool receive_packet(int fd, std::string& bytes, std::vector<Fd>& descriptors) {
  descriptors.clear();
  ssize_t size = 0;
  while ((size = recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC)) < 0) {
    if (errno == EINTR) continue;
    if (errno == ECONNRESET) return false;
    fail(errno, "cannot receive a packet");
  }
  bytes.resize(static_cast<std::size_t>(size));
  iovec part{bytes.data(), bytes.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t received = 0;
  while ((received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno == EINTR) continue;
    if (errno == ECONNRESET) return false;
    fail(errno, "cannot receive a packet");
  }
  detach(message, descriptors);
  bytes.resize(static_cast<std::size_t>(received));
  return received > 0;
}

}  // namespace morrow::wire
