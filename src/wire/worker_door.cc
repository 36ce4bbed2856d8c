// SPDX-License-Identifier: Apache-2.0
#include "wire/worker_door.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace morrow::wire {

namespace {

constexpr int kBacklog = 128;

/// An abstract address, and how much of it counts.
struct Address {
  sockaddr_un bytes{};
  socklen_t size = 0;
};

// Numbers of processes belong to a namespace of the kernel, which socket addresses don't know.
Address address_of(pid_t worker) {
  struct stat numbers {};
  stat("/proc/self/ns/pid", &numbers);
  const std::string name = "morrow-worker-" + std::to_string(numbers.st_ino) + "-" + std::to_string(worker);
  Address address;
  address.bytes.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.bytes.sun_path + 1);  // after a zero: it is no file
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

Fd make_socket() { return Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)); }

}  // namespace

Fd listen_for_descendants() {
  Fd socket = make_socket();
  const Address address = address_of(getpid());
  if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) != 0 ||
      listen(socket.get(), kBacklog) != 0)
    return {};
  return socket;
}

Fd connect_to_ancestor(pid_t ancestor) {
  Fd socket = make_socket();
  const Address address = address_of(ancestor);
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) != 0) return {};
  const Peer peer = peer_of(socket.get());
  return peer.pid == ancestor && peer.uid == geteuid() ? std::move(socket) : Fd();
}

}  // namespace morrow::wire
