// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

/// Unix sockets and descriptors. All descriptors are close-on-exec.
namespace morrow::wire {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Binds and listens on `path` with mode 0600, replacing a dead socket there. \throws std::system_error;
/// std::runtime_error when somebody lives there
Fd listen_unix(const std::string& path);

/// Connects; empty when nobody listens. Checks that the peer is the same user (SO_PEERCRED). A listener that takes
/// nothing any more, since it is stopped, is waited for, or, without `waits`, is nobody. \throws std::system_error
Fd connect_unix(const std::string& path, bool waits = true);
/// Somebody does, of this user or not, or it can't be known; also one that is stopped. Never waits. Thread-safe.
bool somebody_listens(const std::string& path);

/// A counter to wake a thread that polls it (eventfd), not blocking. \throws std::system_error
Fd make_event();

/// The user and process at the other end.
struct Peer {
  uid_t uid;
  pid_t pid;
};
Peer peer_of(int fd);

/// A connected pair of streams, or of SOCK_SEQPACKET when `packets`.
std::pair<Fd, Fd> socket_pair(bool packets);

/// Writes as much as goes into a stream without waiting, with a descriptor unless it is -1; returns as `send` does.
ssize_t send_some(int fd, std::string_view bytes, int descriptor);
/// Reads the bytes that are in a stream without waiting, and a descriptor that comes along; returns as `recv` does.
ssize_t receive_some(int fd, char* room, std::size_t size, Fd& descriptor);

/// Sends one packet with descriptors (SOCK_SEQPACKET). \throws std::system_error
void send_packet(int fd, std::string_view bytes, std::span<const int> descriptors = {});

/// Receives one packet and its descriptors; false at the end of the stream. Restarts after EINTR. \throws
/// std::system_error
bool receive_packet(int fd, std::string& bytes, std::vector<Fd>& descriptors);

}  // namespace morrow::wire
