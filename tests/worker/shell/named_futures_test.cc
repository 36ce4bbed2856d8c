// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/named_futures.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

TEST(NamedFutures, WhoAsksForANameThatNobodyHasIsToldSo) {
  FakeStore store;
  std::vector<SentFrame> sent;
  NamedFutures names(
      {store.post(), [&](const Waiter& to, wire::FrameType type, const google::protobuf::MessageLite& message) {
         sent.push_back({to.client, type, message.SerializeAsString()});
       }});
  wire::Find find;
  find.set_token(7);
  find.set_name(std::string("no\0body\xff", 8));
  names.find(Waiter{3, 0}, find.SerializeAsString());
  EXPECT_TRUE(sent.empty());
  store.run();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].client, 3U);
  EXPECT_EQ(sent[0].type, wire::FOUND);
  EXPECT_EQ(sent[0].as<wire::Found>().token(), 7U);
  EXPECT_FALSE(sent[0].as<wire::Found>().has_id());
  EXPECT_THROW(names.find(Waiter{3, 0}, "\xff\xff"), wire::ProtocolError);
}

}  // namespace
}  // namespace morrow::worker
