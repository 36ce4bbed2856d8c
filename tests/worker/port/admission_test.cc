// SPDX-License-Identifier: Apache-2.0
#include "worker/port/admission.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace morrow::worker {
namespace {

using std::chrono::milliseconds;
using Id = Admission::Id;
using Entry = Admission::Entry;

constexpr Admission::Limits kSmall{.strangers = 6, .each = 3, .holders = 2, .enter_within = milliseconds(1000)};

Admission::Time at(int ms) { return Admission::Time() + milliseconds(ms); }

Source source(const char* text) {
  sockaddr_storage address{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&address, &v4, sizeof v4);
  } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    std::memcpy(&address, &v6, sizeof v6);
  }
  return source_of(address);
}

TEST(Source, AShareIsThatOfAnAddressOrOfANetworkOfIPv6) {
  EXPECT_EQ(source("10.1.2.3").address, "10.1.2.3");
  EXPECT_EQ(source("10.1.2.3").network, "10.1.2.3");
  EXPECT_EQ(source("::ffff:10.1.2.3").network, "10.1.2.3");
  EXPECT_EQ(source("2001:db8:1:2::7").address, "2001:db8:1:2::7");
  EXPECT_EQ(source("2001:db8:1:2::7").network, source("2001:db8:1:2:ffff::1").network);
  EXPECT_NE(source("2001:db8:1:2::7").network, source("2001:db8:1:3::7").network);
}

TEST(Admission, OneAddressNeverHasMoreThanItsShareAndItsOldestGoes) {
  Admission admission(kSmall);
  const Id other = admission.come(at(0), "b").id;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(admission.come(at(i), "a").gone);
  Id oldest = other + 1;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(admission.come(at(i), "a").gone, oldest++);
    EXPECT_EQ(admission.strangers(), 4U);
  }
}

TEST(Admission, WhoIsSilentGoesBeforeWhoSpokeHoweverOld) {
  Admission admission(kSmall);
  const Id spoke = admission.come(at(0), "a").id;
  admission.spoke(spoke);
  const Id silent = admission.come(at(1), "a").id;
  const Id later = admission.come(at(2), "a").id;
  EXPECT_EQ(admission.come(at(3), "a").gone, silent);
  EXPECT_EQ(admission.come(at(4), "a").gone, later);
  EXPECT_EQ(admission.enter(spoke), Entry::kIn);
}

TEST(Admission, WhereAllIsTakenTheOldestSilentOneGoesWhereverItIsFrom) {
  Admission admission(kSmall);
  const Id spoke = admission.come(at(0), "a").id;
  admission.spoke(spoke);
  const Id silent = admission.come(at(1), "b").id;
  for (const char* network : {"a", "b", "c", "d"}) EXPECT_FALSE(admission.come(at(2), network).gone);
  EXPECT_EQ(admission.come(at(3), "e").gone, silent);
  EXPECT_EQ(admission.enter(spoke), Entry::kIn);
}

TEST(Admission, StrangersFromElsewhereCanNotPushOutThoseWhoseNeighbourShowedTheToken) {
  Admission admission(kSmall);
  const Id neighbour = admission.come(at(0), "known").id;
  const Id before = admission.come(at(0), "known").id;
  EXPECT_EQ(admission.enter(neighbour), Entry::kIn);
  const Id after = admission.come(at(0), "known").id;
  for (int i = 0; i < 100; ++i) {
    const Id loud = admission.come(at(1), std::to_string(i)).id;
    admission.spoke(loud);
  }
  EXPECT_EQ(admission.enter(before), Entry::kIn);
  EXPECT_EQ(admission.enter(after), Entry::kFull);
}

TEST(Admission, WhoHadToGoIsToldSoWhenItShowsTheTokenTooLate) {
  Admission admission(kSmall);
  const Id first = admission.come(at(0), "a").id;
  for (int i = 0; i < 3; ++i) admission.come(at(1), "a");
  EXPECT_EQ(admission.enter(first), Entry::kGone);
  admission.spoke(first);
  admission.leave(first);
  EXPECT_EQ(admission.holders(), 0U);
}

TEST(Admission, HoldersHaveRoomOfTheirOwnAndABound) {
  Admission admission(kSmall);
  const Id one = admission.come(at(0), "a").id;
  EXPECT_EQ(admission.enter(one), Entry::kIn);
  EXPECT_EQ(admission.enter(one), Entry::kIn);  // with each request
  EXPECT_EQ(admission.enter(admission.come(at(0), "a").id), Entry::kIn);
  const Id third = admission.come(at(0), "a").id;
  EXPECT_EQ(admission.enter(third), Entry::kFull);
  admission.leave(one);
  EXPECT_EQ(admission.enter(third), Entry::kIn);
  EXPECT_EQ(admission.holders(), 2U);
  EXPECT_EQ(admission.strangers(), 0U);
}

TEST(Admission, WhoShowsNoTokenInTimeIsLateAndHoldersNeverAre) {
  Admission admission(kSmall);
  const Id holder = admission.come(at(0), "a").id;
  admission.enter(holder);
  const Id slow = admission.come(at(0), "a").id;
  admission.spoke(slow);
  admission.come(at(500), "a");
  EXPECT_TRUE(admission.take_late(at(1000)).empty());
  EXPECT_EQ(admission.take_late(at(1001)), std::vector<Id>{slow});
  EXPECT_TRUE(admission.take_late(at(1001)).empty());
  EXPECT_EQ(admission.enter(slow), Entry::kGone);
  EXPECT_EQ(admission.strangers(), 1U);
}

TEST(Admission, RoomIsMadeAtTheCostOfStrangersOnly) {
  Admission admission(kSmall);
  const Id holder = admission.come(at(0), "a").id;
  admission.enter(holder);
  const Id stranger = admission.come(at(1), "a").id;
  EXPECT_EQ(admission.make_room(), stranger);
  EXPECT_EQ(admission.make_room(), std::nullopt);
  EXPECT_EQ(admission.holders(), 1U);
}

/// Strangers come again as soon as they are sent away, from so many addresses; 100 that have the token come among them,
/// all from one, and show it when some more have come.
struct Siege {
  int addresses;
  bool speak;         ///< the strangers say something, though not the token
  bool same_address;  ///< as the first stranger's
  int comers_until_token;
};

void expect_all_get_in(const Siege& siege) {
  constexpr int kHolders = 100;
  const Admission::Limits limits;
  Admission admission(limits);
  std::mt19937 random(static_cast<unsigned>(siege.addresses));
  const std::string holders = siege.same_address ? "10.0.0.0" : "10.1.0.0";
  std::map<std::string, std::size_t> of_network;
  std::map<Id, std::string> strangers;
  std::deque<std::pair<int, Id>> to_enter;  // by the turn in which the token comes
  const auto come = [&](const std::string& network) {
    const Admission::Arrival arrival = admission.come(at(0), network);
    if (arrival.gone) {
      --of_network[strangers.at(*arrival.gone)];
      strangers.erase(*arrival.gone);
    }
    strangers.emplace(arrival.id, network);
    EXPECT_LE(++of_network[network], limits.each);
    EXPECT_LE(strangers.size(), limits.strangers);
    return arrival.id;
  };
  int waiting = kHolders;
  int in = 0;
  int turn = 0;
  for (; in < kHolders && turn < 100'000; ++turn) {
    const Id stranger = come("10.0.0." + std::to_string(random() % static_cast<unsigned>(siege.addresses)));
    if (siege.speak) admission.spoke(stranger);
    if (waiting > 0 && turn % 3 == 0) {
      --waiting;
      const Id holder = come(holders);
      admission.spoke(holder);  // it sends its request with the connection
      to_enter.emplace_back(turn + siege.comers_until_token, holder);
    }
    while (!to_enter.empty() && to_enter.front().first <= turn) {
      const Id id = to_enter.front().second;
      to_enter.pop_front();
      if (admission.enter(id) == Entry::kGone) {
        ++waiting;  // it asks again
        continue;
      }
      --of_network[strangers.at(id)];
      strangers.erase(id);
      ++in;
    }
  }
  EXPECT_EQ(in, kHolders) << "after " << turn << " strangers";
  EXPECT_EQ(admission.holders(), static_cast<std::size_t>(kHolders));
}

TEST(Admission, StrangersOfOneAddressThatComeAgainAndAgainKeepNobodyOut) {
  expect_all_get_in({.addresses = 1, .speak = false, .same_address = false, .comers_until_token = 60});
  expect_all_get_in({.addresses = 1, .speak = true, .same_address = false, .comers_until_token = 60});
}

TEST(Admission, StrangersOfTheSameAddressKeepNobodyOut) {
  expect_all_get_in({.addresses = 1, .speak = false, .same_address = true, .comers_until_token = 60});
  expect_all_get_in({.addresses = 1, .speak = true, .same_address = true, .comers_until_token = 20});
}

TEST(Admission, StrangersOfAHundredAddressesThatComeAgainAndAgainKeepNobodyOut) {
  expect_all_get_in({.addresses = 100, .speak = false, .same_address = false, .comers_until_token = 60});
  expect_all_get_in({.addresses = 100, .speak = true, .same_address = false, .comers_until_token = 60});
}

}  // namespace
}  // namespace morrow::worker
