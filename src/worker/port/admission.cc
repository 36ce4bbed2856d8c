// SPDX-License-Identifier: Apache-2.0
//
// A stranger costs nothing to make, and a thousand of them can come again as fast as they are closed. Whoever counts
// them with those who have the token, or sends newcomers away when there are many, shuts the port for everybody. And
// those who have the token are strangers too, until their request is read.
//
// So a newcomer always comes in, and another stranger goes in its place. The one that goes is
// - of the newcomer's own network, when that has its share already: one address never takes more than its share;
// - one of a network that never showed the token before one of a network that did: as soon as one of many that have it
//   is in, strangers from elsewhere can't push out the others;
// - one that is silent before one that spoke: who has the token sends it at once;
// - the oldest of these: who has the token needs the shortest time.
// Who is pushed out all the same asks again a moment later (wire::Busy). A token that was shown makes a holder, which
// strangers can't push out. That the network with most strangers has to go first would be no good rule: of a hundred
// addresses with one or two each and one with many, that one may be where all have the token.
#include "worker/port/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMostKnown = 1024;

std::string address_text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> room{};
  return inet_ntop(family, address, room.data(), room.size()) == nullptr ? "an unknown address" : room.data();
}

}  // namespace

Source source_of(const sockaddr_storage& address) {
  constexpr std::size_t kMappedAt = 12;
  constexpr std::size_t kNetworkBytes = 8;
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    const std::string text = address_text(AF_INET, &v4.sin_addr);
    return {text, text};
  }
  if (address.ss_family != AF_INET6) return {"an unknown address", ""};
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0) {
    const std::string text = address_text(AF_INET, v6.sin6_addr.s6_addr + kMappedAt);
    return {text, text};
  }
  in6_addr network{};
  std::copy_n(v6.sin6_addr.s6_addr, kNetworkBytes, network.s6_addr);
  return {address_text(AF_INET6, &v6.sin6_addr), address_text(AF_INET6, &network) + "/64"};
}

Admission::Arrival Admission::come(Time now, const std::string& network) {
  Arrival arrival;
  const auto own = networks_.find(network);
  if (own != networks_.end() && own->second >= limits_.each) {
    arrival.gone = next_to_go(&network);
  } else if (strangers_.size() >= limits_.strangers) {
    arrival.gone = next_to_go(nullptr);
  }
  if (arrival.gone) forget(*arrival.gone);
  arrival.id = ++last_;
  strangers_.emplace(arrival.id, Stranger{now, network, known_.contains(network)});
  const std::size_t of_network = ++networks_[network];
  MORROW_INVARIANT(strangers_.size() <= limits_.strangers, "strangers have no more than their room", strangers_.size());
  MORROW_INVARIANT(of_network <= limits_.each, "no network has more than its share", of_network);
  return arrival;
}

void Admission::spoke(Id id) {
  const auto found = strangers_.find(id);
  if (found != strangers_.end()) found->second.spoke = true;
}

Admission::Entry Admission::enter(Id id) {
  if (holders_.contains(id)) return Entry::kIn;
  const auto found = strangers_.find(id);
  if (found == strangers_.end()) return Entry::kGone;
  if (holders_.size() >= limits_.holders) return Entry::kFull;
  know(found->second.network, id);
  forget(id);
  holders_.insert(id);
  return Entry::kIn;
}

void Admission::leave(Id id) {
  if (strangers_.contains(id)) forget(id);
  holders_.erase(id);
}

std::optional<Admission::Id> Admission::make_room() {
  const auto gone = next_to_go(nullptr);
  if (gone) forget(*gone);
  return gone;
}

std::vector<Admission::Id> Admission::take_late(Time now) {
  std::vector<Id> late;
  for (const auto& [id, stranger] : strangers_) {
    if (now - stranger.since > limits_.enter_within) late.push_back(id);
  }
  for (const Id id : late) forget(id);
  return late;
}

/// Of all, or of one network.
std::optional<Admission::Id> Admission::next_to_go(const std::string* network) const {
  const auto stays_longer = [](const Stranger& one, const Stranger& other) {
    return std::tie(one.known, one.spoke) > std::tie(other.known, other.spoke);
  };
  auto best = strangers_.end();
  for (auto one = strangers_.begin(); one != strangers_.end(); ++one) {
    if (network != nullptr && one->second.network != *network) continue;
    if (best == strangers_.end() || stays_longer(best->second, one->second)) best = one;
  }
  return best == strangers_.end() ? std::nullopt : std::optional(best->first);
}

/// Only who has the token adds to them; the last ones are kept.
void Admission::know(const std::string& network, Id id) {
  if (!known_.contains(network)) {
    for (auto& [stranger_id, stranger] : strangers_) stranger.known |= stranger.network == network;
  }
  known_[network] = id;
  if (known_.size() <= kMostKnown) return;
  known_.erase(std::min_element(known_.begin(), known_.end(),
                                [](const auto& one, const auto& other) { return one.second < other.second; }));
}

void Admission::forget(Id id) {
  const Stranger& stranger = base::must_find(strangers_, id, "a stranger that goes has come");
  const auto network = networks_.find(stranger.network);
  MORROW_INVARIANT(network != networks_.end() && network->second > 0, "the strangers of a network are counted", id);
  if (--network->second == 0) networks_.erase(network);
  strangers_.erase(id);
}

}  // namespace morrow::worker
