// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/remote.h"

#include <algorithm>
#include <utility>

#include <morrow/error.h>

#include "base/hex.h"
#include "base/random_id.h"
#include "base/shown.h"
#include "data/blocks.h"
#include "data/checksum.h"
#include "wire/addresses.h"

namespace morrow::runtime {

namespace {

constexpr std::chrono::seconds kConnectPatience{3};
constexpr std::chrono::milliseconds kNextDialAfter{250};   // the next attempt begins beside one that has no answer yet
constexpr std::chrono::milliseconds kDialAgainAfter{300};  // one that can't be reached
constexpr std::chrono::milliseconds kAvoidedFor{1'000};
constexpr std::chrono::seconds kTransferPatience{60};
constexpr std::size_t kMaxSentence = 4096;
constexpr std::size_t kMostPlaces = 64;  // of a cluster whose workers come and go; those told of last are kept

}  // namespace

Remote::Remote(const wire::JoinUrl& url)
    : line_{url.host, url.port, url.token, url.ca_fingerprint},
      race_(kConnectPatience),
      connections_(kTransferPatience) {
  const base::MutexLock lock(mutex_);
  places_.emplace_back().endpoint = line_;
}

// ---- reaching one of them ----

std::optional<wire::Fd> Remote::connect(Clock::time_point deadline) {
  for (;;) {
    if (const auto endpoint = next_to_try()) race_.start(*endpoint);
    if (!race_.is_trying_any()) break;
    auto outcome = race_.next(std::min(deadline, Clock::now() + kNextDialAfter));
    if (outcome && outcome->stream) return won(*std::move(outcome));
    if (outcome) failed(*outcome);
    if (Clock::now() >= deadline) return std::nullopt;
  }
  throw_if_hopeless();
  return std::nullopt;
}

/// The last one that had the session comes first, then those told of last.
std::optional<wire::Endpoint> Remote::next_to_try() {
  const base::MutexLock lock(mutex_);
  const auto now = Clock::now();
  const Place* best = nullptr;
  for (const Place& place : places_) {
    if (!place.refused.empty() || place.not_before > now || race_.is_trying(place.endpoint)) continue;
    if (best == nullptr || (best != &places_.front() && place.heard > best->heard)) best = &place;
  }
  return best == nullptr ? std::nullopt : std::optional(best->endpoint);
}

void Remote::failed(const Race::Outcome& outcome) {
  const base::MutexLock lock(mutex_);
  Place* const place = find(outcome.endpoint);
  // Not together with others that were sent away by a worker that is busy.
  const auto later = std::chrono::milliseconds(base::random_id() % kDialAgainAfter.count());
  if (place != nullptr) place->not_before = Clock::now() + kDialAgainAfter / 2 + later;
  try {
    std::rethrow_exception(outcome.error);
  } catch (const wire::WrongToken& error) {
    why_ = error.what();
    if (place != nullptr) place->refused = why_;
  } catch (const wire::NotTrusted& error) {
    why_ = error.what();
    // Later: another program may have taken the port of a worker that died.
    if (place != nullptr && !met_) place->refused = why_;
  } catch (const std::exception& error) {
    why_ = error.what();
  }
}

wire::Fd Remote::won(Race::Outcome outcome) {
  {
    const base::MutexLock lock(mutex_);
    if (Place* const place = find(outcome.endpoint))
      std::rotate(places_.begin(), places_.begin() + (place - places_.data()), places_.end());
  }
  met_ = true;
  connections_.interrupt();  // what the worker before does not send may come from this one
  return session_.carry(std::move(*outcome.stream));
}

void Remote::avoid_last() {
  const base::MutexLock lock(mutex_);
  places_.front().not_before = Clock::now() + kAvoidedFor;
}

void Remote::taken() { race_.clear(); }

void Remote::throw_if_hopeless() {
  const base::MutexLock lock(mutex_);
  if (std::all_of(places_.begin(), places_.end(), [](const Place& place) { return !place.refused.empty(); }))
    throw SessionError(places_.front().refused);
}

// ---- those that are known of ----

Remote::Place* Remote::find(const wire::Endpoint& endpoint) {
  const auto found = std::find_if(places_.begin(), places_.end(),
                                  [&](const Place& place) { return same_place(place.endpoint, endpoint); });
  return found == places_.end() ? nullptr : &*found;
}

void Remote::learn(const google::protobuf::RepeatedPtrField<std::string>& addresses) {
  const base::MutexLock lock(mutex_);
  ++heard_;
  for (const std::string& address : addresses) {
    wire::Endpoint endpoint = places_.front().endpoint;
    try {
      wire::parse_address(address, endpoint.host, endpoint.port);
    } catch (const std::invalid_argument&) {
      continue;
    }
    // The token goes openly to nobody on a network, nor to any listener on this machine where the worker is on its
    // own.
    if (endpoint.ca_fingerprint.empty() && wire::is_loopback(endpoint.host) != wire::is_loopback(line_.host)) continue;
    Place* place = find(endpoint);
    if (place == nullptr) {
      place = &places_.emplace_back();
      place->endpoint = endpoint;
    }
    place->heard = heard_;
    place->refused.clear();
  }
  while (places_.size() > kMostPlaces) {
    // Neither the one of the session, nor the line.
    const auto oldest = std::min_element(places_.begin() + 1, places_.end(), [this](const Place& a, const Place& b) {
      const bool a_is_line = same_place(a.endpoint, line_);
      return a_is_line == same_place(b.endpoint, line_) ? a.heard < b.heard : !a_is_line;
    });
    places_.erase(oldest);
  }
}

wire::Endpoint Remote::current() {
  const base::MutexLock lock(mutex_);
  return places_.front().endpoint;
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
    if (response.status == 507) throw ObjectMemoryError(base::shown_text(text));
    wire::expect_status(response, 201, endpoint);
    return std::uint64_t{std::stoull(text)};
  });
}

}  // namespace morrow::runtime
