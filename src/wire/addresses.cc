// SPDX-License-Identifier: Apache-2.0
#include "wire/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "wire/find_addresses.h"
#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::wire {

namespace {

constexpr std::uint16_t kAnyPort = 9;
constexpr std::array<std::string_view, 9> kContainers{"docker", "br-", "veth",    "virbr", "cni",
                                                      "podman", "lxc", "flannel", "cali"};

std::string text_of(const sockaddr* address) {
  std::array<char, NI_MAXHOST> host{};
  const socklen_t size = address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (getnameinfo(address, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return host.data();
}

bool is_of_containers(std::string_view interface) {
  return std::any_of(kContainers.begin(), kContainers.end(),
                     [interface](std::string_view name) { return interface.starts_with(name); });
}

bool reaches_others(const ifaddrs& interface, int family) {
  if (interface.ifa_addr == nullptr || interface.ifa_addr->sa_family != family) return false;
  if ((interface.ifa_flags & IFF_LOOPBACK) != 0 || (interface.ifa_flags & IFF_UP) == 0) return false;
  return family == AF_INET ||
         !IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr)->sin6_addr);
}

/// The address that packets to the world are sent from. Nothing is sent: the addresses are those of documents.
std::string of_default_route(int family) {
  const Fd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
  socklen_t size = family == AF_INET ? sizeof *v4 : sizeof *v6;
  address.ss_family = static_cast<sa_family_t>(family);
  (family == AF_INET ? v4->sin_port : v6->sin6_port) = htons(kAnyPort);
  if (family == AF_INET) {
    inet_pton(AF_INET, "192.0.2.1", &v4->sin_addr);
  } else {
    inet_pton(AF_INET6, "2001:db8::1", &v6->sin6_addr);
  }
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (!socket || connect(socket.get(), any, size) != 0 || getsockname(socket.get(), any, &size) != 0) return {};
  const std::string own = text_of(any);
  return is_loopback(own) ? "" : own;
}

std::string of_family(int family) {
  if (std::string own = of_default_route(family); !own.empty()) return own;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> frees(all, freeifaddrs);
  std::string spare;
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (!reaches_others(*at, family)) continue;
    if (!is_of_containers(at->ifa_name)) return text_of(at->ifa_addr);
    if (spare.empty()) spare = text_of(at->ifa_addr);
  }
  return spare;
}

}  // namespace

bool is_loopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (address == "localhost") return true;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

FoundAddresses find_addresses(const std::string& host, const char* port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port, &hints, &first); error != 0)
    throw NetworkError("the host " + host + " is not known: " + gai_strerror(error));
  return FoundAddresses(first);
}

std::vector<std::string> addresses_of(const std::string& host) {
  const FoundAddresses found = find_addresses(host, nullptr);
  std::vector<std::string> addresses;
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    if (std::string text = text_of(at->ai_addr); !text.empty()) addresses.push_back(std::move(text));
  }
  return addresses;
}

std::string reachable_address(const std::string& address) {
  if (address != "0.0.0.0" && address != "::") return address;
  std::string own = of_family(AF_INET);
  if (own.empty() && address == "::") own = of_family(AF_INET6);
  return own.empty() ? address : own;
}

}  // namespace morrow::wire
