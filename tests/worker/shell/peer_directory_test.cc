// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/peer_directory.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

control::WorkerSeen worker(control::Incarnation incarnation, const std::string& address, bool dying = false) {
  control::WorkerSeen seen;
  seen.info.incarnation = incarnation;
  seen.info.name = "worker " + std::to_string(incarnation);
  seen.info.address = address;
  seen.dying = dying;
  return seen;
}

wire::TokenReply token_for(const PeerDirectory& peers, const std::string& address) {
  wire::TokenRequest request;
  request.set_address(address);
  return peers.token_for(request);
}

TEST(PeerDirectory, OthersThatLiveAndEncryptAsThisOneAreReached) {
  PeerDirectory peers({"c", 7, "http://127.0.0.1:1", false, false});
  peers.workers_seen({worker(7, "http://127.0.0.1:1"), worker(8, "http://10.0.0.2:2"), worker(9, "https://10.0.0.3:3"),
                      worker(10, "http://10.0.0.4:4", true), worker(11, "")});
  EXPECT_EQ(peers.addresses(), std::vector<std::string>{"10.0.0.2:2"});
  ASSERT_EQ(peers.reachable().size(), 1u);
  EXPECT_EQ(peers.reachable()[0].name, "worker 8");
  EXPECT_EQ(peers.reachable()[0].endpoint.port, 2);
  peers.workers_seen({});
  EXPECT_TRUE(peers.addresses().empty());
}

TEST(PeerDirectory, AChangeOfTheAddressesIsSeenAndNothingElseIsOne) {
  PeerDirectory peers({"c", 7, "", false, false});
  EXPECT_TRUE(peers.workers_seen({worker(8, "http://10.0.0.2:2")}));
  EXPECT_FALSE(peers.workers_seen({worker(8, "http://10.0.0.2:2"), worker(9, "")}));
  EXPECT_TRUE(peers.workers_seen({worker(8, "http://10.0.0.2:2"), worker(10, "http://10.0.0.4:4")}));
  EXPECT_TRUE(peers.workers_seen({}));
}

TEST(PeerDirectory, AnAddressWithoutASchemeOrPortIsNone) {
  const PeerDirectory peers({"c", 7, "", false, false});
  EXPECT_FALSE(peers.endpoint_of("10.0.0.2:2"));
  EXPECT_FALSE(peers.endpoint_of("http://10.0.0.2"));
  EXPECT_TRUE(peers.endpoint_of("http://10.0.0.2:2"));
}

TEST(PeerDirectory, AWorkerWithoutAPortGivesNoLineToJoinBy) {
  EXPECT_EQ(token_for(PeerDirectory({"c", 7, "", false, false}), "").error(), "this worker has no port");
  EXPECT_EQ(token_for(PeerDirectory({"c", 7, "http://127.0.0.1:1", false, true}), "").error(),
            "this worker has no port");
}

TEST(PeerDirectory, ALineForAnotherHostIsGivenOnlyWhereAWorkerListens) {
  PeerDirectory peers({"c", 7, "http://127.0.0.1:1", false, false});
  peers.set_secrets({"the-token", "", ""});
  EXPECT_NE(token_for(peers, "").line(), "");
  EXPECT_NE(token_for(peers, "10.9.9.9:5").error().find("start one with --address"), std::string::npos);
  peers.workers_seen({worker(8, "http://10.0.0.2:2")});
  EXPECT_NE(token_for(peers, "10.0.0.2:2").line().find("the-token"), std::string::npos);
}

}  // namespace
}  // namespace morrow::worker
