// SPDX-License-Identifier: Apache-2.0
//
// TCP does not tell who is at the other end, as a unix socket does. When that is on this machine the kernel knows. It
// can be asked for one socket by its ends (man 7 sock_diag), which takes some microseconds. Where that is not allowed
// or not built in, all sockets and their users stand in /proc/net/tcp and tcp6, which takes 10 ms and more, since the
// kernel walks a large table for it:
//
//     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//      0: 0100007F:C351 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41325 1 ...
//
// An address is written as numbers of 32 bits, each in the order of this machine. The other end of a connection is the
// socket whose ends are ours, exchanged. Three things can mislead:
//
// - Until a program accepts it, the connection is the kernel's own, and shows user 0 and inode 0. So does one whose
//   program is gone. Then the listeners count, on that address or on all; these must all be ours, whichever of them
//   will get it.
// - A socket of IPv6 serves IPv4 too, and is in the other file.
// - The file is no snapshot: while connections come and go a line may be missed. So it is read again for a moment.
//
// A connection that is not found there is refused: the kernel may hand it on (to a container, say), to a program that
// it does not show here. An address of another host is not looked up: a line that says ?insecure asks for that.
#include "wire/peer_owner.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>

#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::wire {

namespace {

constexpr unsigned kListens = 0x0A;  // TCP_LISTEN
constexpr int kMostReads = 5;
constexpr std::chrono::milliseconds kReadAgainAfter{5};
constexpr std::size_t kMappedAt = 12;  // in an address of IPv6, where that of IPv4 begins

/// Takes the next word off the front; empty at the end.
std::string_view next_word(std::string_view& rest) {
  const std::size_t begin = std::min(rest.find_first_not_of(" \t\n"), rest.size());
  const std::size_t end = std::min(rest.find_first_of(" \t\n", begin), rest.size());
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

template <class T>
std::optional<T> whole_number(std::string_view text, int base) {
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

TcpEnd mapped(std::uint32_t in_network_order, std::uint16_t port) {
  TcpEnd end{.port = port};
  end.address[kMappedAt - 2] = end.address[kMappedAt - 1] = 0xff;
  std::memcpy(end.address.data() + kMappedAt, &in_network_order, sizeof in_network_order);
  return end;
}

std::optional<TcpEnd> parse_end(std::string_view text, bool ipv6) {
  constexpr std::size_t kDigits = 8;  // of 32 bits
  constexpr std::size_t kPortDigits = 4;
  const std::size_t numbers = ipv6 ? 4 : 1;
  if (text.size() != numbers * kDigits + 1 + kPortDigits || text[numbers * kDigits] != ':') return std::nullopt;
  const auto port = whole_number<std::uint16_t>(text.substr(numbers * kDigits + 1), 16);
  if (!port) return std::nullopt;
  TcpEnd end{.port = *port};
  for (std::size_t i = 0; i < numbers; ++i) {
    const auto number = whole_number<std::uint32_t>(text.substr(i * kDigits, kDigits), 16);
    if (!number) return std::nullopt;
    if (!ipv6) return mapped(*number, *port);
    std::memcpy(end.address.data() + i * sizeof *number, &*number, sizeof *number);
  }
  return end;
}

std::optional<TcpEnd> end_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address);
    return mapped(v4.sin_addr.s_addr, ntohs(v4.sin_port));
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(address);
  TcpEnd end{.port = ntohs(v6.sin6_port)};
  std::memcpy(end.address.data(), &v6.sin6_addr, end.address.size());
  return end;
}

bool is_any(const TcpEnd& end) { return end == TcpEnd{.port = end.port} || end == mapped(0, end.port); }

bool is_mapped(const TcpEnd& end) {
  const TcpEnd any = mapped(0, 0);
  return std::equal(any.address.begin(), any.address.begin() + kMappedAt, end.address.begin());
}

bool is_on_loopback(const TcpEnd& end) {
  constexpr std::uint8_t kLoopbackNet = 127;
  if (is_mapped(end)) return end.address[kMappedAt] == kLoopbackNet;
  return std::memcmp(end.address.data(), &in6addr_loopback, end.address.size()) == 0;
}

bool is_of_this_machine(const TcpEnd& end) {
  if (is_on_loopback(end)) return true;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return true;  // not known: it has to be found among the sockets
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> frees(all, freeifaddrs);
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    const auto own = end_of(at->ifa_addr);
    if (own && own->address == end.address) return true;
  }
  return false;
}

/// A question for one socket.
struct Question {
  nlmsghdr head{};
  inet_diag_req_v2 body{};
};

void put_address(const TcpEnd& end, bool ipv6, std::uint32_t* into) {
  const std::size_t from = ipv6 ? 0 : kMappedAt;
  std::memcpy(into, end.address.data() + from, end.address.size() - from);
}

TcpEnd end_in(const std::uint32_t* address, std::uint16_t port_in_network_order, bool ipv6) {
  const std::uint16_t port = ntohs(port_in_network_order);
  if (!ipv6) return mapped(*address, port);
  TcpEnd end{.port = port};
  std::memcpy(end.address.data(), address, end.address.size());
  return end;
}

/// The socket with these ends, as the kernel names it when asked; else one that listens at `local`, for a connection
/// from anywhere.
std::optional<TcpSocket> asked_for(int netlink, const TcpEnd& local, const TcpEnd& remote) {
  const bool ipv6 = !is_mapped(local);
  Question question;
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = ipv6 ? AF_INET6 : AF_INET;
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0U;
  question.body.id.idiag_sport = htons(local.port);
  question.body.id.idiag_dport = htons(remote.port);
  put_address(local, ipv6, question.body.id.idiag_src);
  put_address(remote, ipv6, question.body.id.idiag_dst);
  question.body.id.idiag_cookie[0] = question.body.id.idiag_cookie[1] = ~0U;  // any
  if (send(netlink, &question, sizeof question, 0) != sizeof question) return std::nullopt;
  alignas(nlmsghdr) std::array<std::byte, 4096> answer{};
  sockaddr_nl from{};
  socklen_t from_size = sizeof from;
  // It is there when the question was taken.
  const ssize_t size =
      recvfrom(netlink, answer.data(), answer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &from_size);
  nlmsghdr head{};
  inet_diag_msg body{};
  if (from.nl_pid != 0 || size < static_cast<ssize_t>(NLMSG_HDRLEN + sizeof body)) return std::nullopt;
  std::memcpy(&head, answer.data(), sizeof head);
  if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || head.nlmsg_len < NLMSG_HDRLEN + sizeof body) return std::nullopt;
  std::memcpy(&body, answer.data() + NLMSG_HDRLEN, sizeof body);
  const bool is_v6 = body.idiag_family == AF_INET6;
  return TcpSocket{end_in(body.id.idiag_src, body.id.idiag_sport, is_v6),
                   end_in(body.id.idiag_dst, body.id.idiag_dport, is_v6), body.idiag_state == kListens, body.idiag_uid,
                   body.idiag_inode};
}

/// The other end, and who listens there as long as nobody has it.
std::vector<TcpSocket> sockets_asked_for(const TcpEnd& ours, const TcpEnd& theirs) {
  std::vector<TcpSocket> sockets;
  const Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (!netlink || connect(netlink.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0) return {};
  if (const auto other = asked_for(netlink.get(), theirs, ours)) sockets.push_back(*other);
  if (!sockets.empty() && (sockets[0].listens || sockets[0].inode != 0)) return sockets;
  const TcpEnd anybody = is_mapped(theirs) ? mapped(0, 0) : TcpEnd{};
  if (const auto listening = asked_for(netlink.get(), theirs, anybody)) sockets.push_back(*listening);
  return sockets;
}

bool is_closed(int socket) {
  char byte = 0;
  const ssize_t got = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

using NameOf = int (*)(int, sockaddr*, socklen_t*);

std::optional<TcpEnd> end_by(NameOf name_of, int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (name_of(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return end_of(reinterpret_cast<const sockaddr*>(&address));
}

}  // namespace

std::optional<TcpSocket> parse_tcp_socket(std::string_view line, bool ipv6) {
  const std::string_view number = next_word(line);
  if (!number.ends_with(':')) return std::nullopt;
  const auto local = parse_end(next_word(line), ipv6);
  const auto remote = parse_end(next_word(line), ipv6);
  const auto state = whole_number<unsigned>(next_word(line), 16);
  for (int queues_timer_and_retries = 0; queues_timer_and_retries < 3; ++queues_timer_and_retries) next_word(line);
  const auto user = whole_number<uid_t>(next_word(line), 10);
  next_word(line);  // timeouts
  const auto inode = whole_number<std::uint64_t>(next_word(line), 10);
  if (!local || !remote || !state || !user || !inode) return std::nullopt;
  return TcpSocket{*local, *remote, *state == kListens, *user, *inode};
}

std::vector<TcpSocket> sockets_of_machine() {
  std::vector<TcpSocket> sockets;
  for (const bool ipv6 : {false, true}) {
    std::ifstream file(ipv6 ? "/proc/net/tcp6" : "/proc/net/tcp");
    for (std::string line; std::getline(file, line);) {
      if (const auto socket = parse_tcp_socket(line, ipv6)) sockets.push_back(*socket);
    }
  }
  return sockets;
}

std::vector<uid_t> users_at(std::span<const TcpSocket> sockets, const TcpEnd& ours, const TcpEnd& theirs) {
  std::vector<uid_t> listening;
  for (const TcpSocket& socket : sockets) {
    if (!socket.listens && socket.inode != 0 && socket.local == theirs && socket.remote == ours) return {socket.user};
    const bool may_get_it =
        socket.listens && socket.local.port == theirs.port && (socket.local == theirs || is_any(socket.local));
    if (may_get_it) listening.push_back(socket.user);
  }
  return listening;
}

void refuse_strangers(int socket, const std::string& where) {
  const auto ours = end_by(getsockname, socket);
  const auto theirs = end_by(getpeername, socket);
  if (!ours || !theirs) throw NetworkError("can't connect to " + where + ": the connection is gone");
  if (!is_of_this_machine(*theirs)) return;
  std::vector<uid_t> users = users_at(sockets_asked_for(*ours, *theirs), *ours, *theirs);
  for (int read = 0; users.empty() && read < kMostReads; ++read) {
    if (read != 0) std::this_thread::sleep_for(kReadAgainAfter);
    users = users_at(sockets_of_machine(), *ours, *theirs);
  }
  constexpr const char* kSafeWay =
      "; a worker that listens on an address of the network (--address) can be joined safely: get its line by: morrow "
      "token CLUSTER";
  if (users.empty() && is_closed(socket)) throw NetworkError("can't connect to " + where + ": it was closed at once");
  if (users.empty())
    throw NotTrusted("whose program listens at " + where +
                     " can't be found out, so the cluster's token is not sent there unencrypted" + kSafeWay);
  const auto stranger =
      std::find_if(users.begin(), users.end(), [](uid_t user) { return user != geteuid() && user != 0; });
  if (stranger == users.end()) return;
  throw NotTrusted("what listens at " + where + " is a program of user " + std::to_string(*stranger) +
                   ", to whom the cluster's token is not sent unencrypted" + kSafeWay);
}

}  // namespace morrow::wire
