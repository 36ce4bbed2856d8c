// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

struct sockaddr_storage;

namespace morrow::worker {

/// Where a connection comes from.
struct Source {
  std::string address;  ///< for people
  std::string network;  ///< of what one share is given to: an IPv4 address, or the /64 of an IPv6 one
};
/// IPv4 in the clothes of IPv6 is IPv4.
Source source_of(const sockaddr_storage& address);

/// Who may stay at the port. One who has not shown the token is a stranger. Strangers have room of their own, and so
/// have those who showed it: whatever strangers do, it takes nothing from the others. No clock, no socket. Not
/// thread-safe.
class Admission {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Id = std::uint64_t;  ///< counts the connections; never 0

  /// How many of each there may be, all at least 1.
  struct Limits {
    std::size_t strangers = 256;
    std::size_t each = 32;  ///< strangers of one network
    std::size_t holders = 1024;
    std::chrono::milliseconds enter_within{5'000};  ///< until a stranger has shown the token
  };
  explicit Admission(Limits limits) : limits_(limits) {}

  /// One that has come, and one that has to go for it, which is none of the strangers any more.
  struct Arrival {
    Id id = 0;
    std::optional<Id> gone;
  };
  /// A stranger comes, and always stays: where there is no room, another one goes.
  Arrival come(Time now, const std::string& network);
  /// Bytes of a stranger came: it goes later than those that are silent. No stranger any more: nothing happens.
  void spoke(Id id);
  /// What became of one that showed the token.
  enum class Entry {
    kIn,
    kFull,  ///< there are as many holders as may be; it stays a stranger
    kGone,  ///< it had to go before
  };
  Entry enter(Id id);
  /// The connection has ended, or is not wanted any more. One that is known no more may leave too.
  void leave(Id id);
  /// Has the one go that would go next, as no further connection can be held; nothing when there are no strangers.
  std::optional<Id> make_room();
  /// Those that did not show the token in time, which are none of the strangers any more.
  std::vector<Id> take_late(Time now);

  std::size_t strangers() const { return strangers_.size(); }
  std::size_t holders() const { return holders_.size(); }

 private:
  /// A connection that has not shown the token.
  struct Stranger {
    Time since;
    std::string network;
    bool known = false;  ///< others of the network have shown the token
    bool spoke = false;
  };
  std::optional<Id> next_to_go(const std::string* network) const;
  void forget(Id id);
  void know(const std::string& network, Id id);

  const Limits limits_;
  Id last_ = 0;
  std::map<Id, Stranger> strangers_;             ///< the oldest first
  std::map<std::string, std::size_t> networks_;  ///< how many strangers each has; at least 1
  std::set<Id> holders_;
  std::map<std::string, Id> known_;  ///< networks that showed the token, and the last that did
};

}  // namespace morrow::worker
