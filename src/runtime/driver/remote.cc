// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/remote.h"

#include <algorithm>
#include <utility>

#include <morrow/error.h>

#include "base/hex.h"
#include "data/blocks.h"
#include "data/checksum.h"
#include "wire/addresses.h"

namespace morrow::runtime {

namespace {

constexpr std::chrono::seconds kConnectPatience{5};
constexpr std::chrono::seconds kTransferPatience{60};
constexpr std::size_t kMaxSentence = 4096;

}  // namespace

Remote::Remote(const wire::JoinUrl& url)
    : endpoints_{{url.host, url.port, url.token, url.ca_fingerprint}}, connections_(kTransferPatience) {}

std::optional<wire::Fd> Remote::connect(Clock::time_point deadline) {
  std::vector<wire::Endpoint> endpoints;
  {
    const base::MutexLock lock(mutex_);
    endpoints = endpoints_;
  }
  std::string refused;
  bool left_to_try = false;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      left_to_try = true;
      break;
    }
    try {
      wire::Fd socket = session_.connect(endpoints[i], std::min<std::chrono::milliseconds>(left, kConnectPatience));
      const base::MutexLock lock(mutex_);
      std::rotate(endpoints_.begin(), endpoints_.begin() + static_cast<std::ptrdiff_t>(i), endpoints_.end());
      met_ = true;
      return socket;
    } catch (const wire::WrongToken& error) {
      refused = why_ = error.what();
    } catch (const wire::NotTrusted& error) {
      why_ = error.what();
      if (!met_) refused = why_;
      // Later: another program may have taken the port of a worker that died.
      left_to_try |= met_;
    } catch (const wire::NetworkError& error) {
      why_ = error.what();
      left_to_try = true;
    }
  }
  if (!refused.empty() && !left_to_try) throw SessionError(refused);
  return std::nullopt;
}

void Remote::learn(const wire::Welcome& welcome) {
  const base::MutexLock lock(mutex_);
  for (const std::string& address : welcome.addresses()) {
    wire::Endpoint endpoint = endpoints_.front();
    try {
      wire::parse_address(address, endpoint.host, endpoint.port);
    } catch (const std::invalid_argument&) {
      continue;
    }
    // The token goes openly to nobody on a network, nor to any listener on this machine where the worker is on its
    // own.
    if (endpoint.ca_fingerprint.empty() &&
        wire::is_loopback(endpoint.host) != wire::is_loopback(endpoints_.front().host))
      continue;
    const bool known = std::any_of(endpoints_.begin(), endpoints_.end(), [&](const wire::Endpoint& one) {
      return one.host == endpoint.host && one.port == endpoint.port;
    });
    if (!known) endpoints_.push_back(endpoint);
  }
}

wire::Endpoint Remote::current() {
  const base::MutexLock lock(mutex_);
  return endpoints_.front();
}

detail::Value Remote::fetch(std::uint64_t object, std::uint64_t size) {
  const wire::Endpoint endpoint = current();
  const detail::Room room = detail::heap_room(size);
  return connections_.with(endpoint, [&](wire::HttpConnection& connection) {
    const auto response =
        connection.get("/object/" + std::to_string(object), {{"morrow-part", "0"}, {"morrow-accept", "blocks"}});
    wire::expect_status(response, 200, endpoint);
    if (response.chunked) {
      data::BlockReader blocks(room.bytes);
      try {
        connection.read_chunks([&blocks](std::span<const std::byte> chunk) { blocks.feed(chunk); });
      } catch (const data::Damaged& damaged) {
        throw wire::NetworkError(std::string("a value came damaged: ") + damaged.what());
      }
      if (!blocks.done()) throw wire::NetworkError("a value came cut short");
    } else if (response.length == size) {
      connection.read_body(room.bytes);
    } else {
      throw wire::NetworkError("a value came with another size than it has");
    }
    const auto checksum = response.headers.find("morrow-checksum");
    if (checksum == response.headers.end() || checksum->second != base::hex_of(data::checksum(room.bytes)))
      throw wire::NetworkError("a value came with a wrong checksum");
    return detail::Value{room.bytes, room.owner};
  });
}

std::uint64_t Remote::put(std::uint64_t session, std::span<const std::byte> bytes) {
  const wire::Endpoint endpoint = current();
  wire::HttpHeaders headers{{"morrow-session", base::hex_of(session)},
                            {"morrow-checksum", base::hex_of(data::checksum(bytes))}};
  std::vector<std::byte> blocks;
  if (data::is_arrow(bytes)) {
    headers["morrow-encoding"] = "blocks";
    headers["morrow-size"] = std::to_string(bytes.size());
    blocks = data::blocks_of(bytes);
    bytes = blocks;
  }
  return connections_.with(endpoint, [&](wire::HttpConnection& connection) {
    const auto response = connection.put("/object", headers, bytes);
    const std::string text = connection.read_text(response, kMaxSentence);
    if (response.status == 507) throw ObjectMemoryError(text);
    wire::expect_status(response, 201, endpoint);
    return std::uint64_t{std::stoull(text)};
  });
}

}  // namespace morrow::runtime
