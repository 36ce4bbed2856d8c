// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// Whose program is at the other end of a TCP connection to this machine. A port belongs to nobody: any user may listen
/// where a worker has died, and would be told the cluster's token.
namespace morrow::wire {

/// One end of a TCP connection.
struct TcpEnd {
  std::array<std::uint8_t, 16> address{};  ///< of IPv6, in network order; an IPv4 one is mapped (::ffff:a.b.c.d)
  std::uint16_t port = 0;
  bool operator==(const TcpEnd&) const = default;
};

/// A socket, as /proc/net/tcp and /proc/net/tcp6 show it.
struct TcpSocket {
  TcpEnd local;
  TcpEnd remote;
  bool listens = false;
  uid_t user = 0;
  std::uint64_t inode = 0;  ///< 0: no process has it
};

/// A line of these files; nothing when it is none, as their first one. `ipv6` is which file it is of.
std::optional<TcpSocket> parse_tcp_socket(std::string_view line, bool ipv6);

/// All TCP sockets of this machine, as far as these files show them.
std::vector<TcpSocket> sockets_of_machine();

/// The users who can read what is sent to `theirs` on the connection between these two ends of one machine: the one who
/// has accepted it, else all who might. None when that is not known.
std::vector<uid_t> users_at(std::span<const TcpSocket> sockets, const TcpEnd& ours, const TcpEnd& theirs);

/// To be called on a connection that was just made, before a secret is sent on it in the clear. \throws NotTrusted with
/// a sentence about `where` when it leads to this machine, and not surely to a program of this user or root
void refuse_strangers(int socket, const std::string& where);

}  // namespace morrow::wire
