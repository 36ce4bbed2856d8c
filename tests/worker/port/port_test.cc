// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "base/hex.h"
#include "data/blocks.h"
#include "tests/worker/port/port_fixture.h"

namespace morrow::worker {
namespace {

TEST_F(PortTest, EveryPathNeedsTheToken) {
  for (const char* token : {"", "wrong", "righ", "rightt"}) {
    endpoint_.token = token;
    for (const char* target : {"/health", "/metrics", "/objects", "/object/7", "/session", "/nothing"})
      EXPECT_EQ(get(target).status, 401) << target;
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    EXPECT_EQ(connection.put("/object", {{"morrow-session", base::hex_of(5)}}, objects_[7]).status, 401);
  }
  EXPECT_FALSE(kept_);
}

TEST_F(PortTest, ObjectsAreGivenWholeAndInRanges) {
  wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
  const auto whole = connection.get("/object/7");
  EXPECT_EQ(whole.status, 200);
  std::vector<std::byte> bytes(whole.length);
  connection.read_body(bytes);
  EXPECT_EQ(bytes, objects_[7]);
  EXPECT_EQ(whole.headers.at("morrow-checksum"), base::hex_of(data::checksum(bytes)));
  const auto part = connection.get("/object/7", {{"range", "bytes=990-"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.headers.at("content-range"), "bytes 990-999/1000");
  std::vector<std::byte> rest(part.length);
  connection.read_body(rest);
  EXPECT_EQ(rest.size(), 10U);
  EXPECT_EQ(get("/object/7", {{"range", "bytes=1000-"}}).status, 416);
  EXPECT_EQ(get("/object/6").status, 404);
  EXPECT_EQ(get("/object/7x").status, 404);
  EXPECT_EQ(get("/object/99999999999999999999999").status, 404);
}

TEST_F(PortTest, AFetchBringsEveryByteWhateverTheSize) {
  for (const std::uint64_t number : {7, 8}) {
    std::vector<std::byte> into(objects_[number].size());
    EXPECT_EQ(fetch(number, into), Fetcher::End::kWhole);
    EXPECT_EQ(into, objects_[number]);
  }
  std::vector<std::byte> into(10);
  EXPECT_EQ(fetch(6, into), Fetcher::End::kAbsent);
  EXPECT_EQ(fetch(7, into), Fetcher::End::kFailed);  // another size than it has
}

TEST_F(PortTest, AWorkerThatIsAskedToHoldAValueTooSaysWhetherItDoes) {
  Fetcher fetcher;
  const auto ask = [&](std::uint64_t size) {
    std::promise<std::pair<Fetcher::Copied, std::string>> answer;
    fetcher.have_copied(endpoint_, {{5, 6}, 7, size}, [&](Fetcher::Copied copied, std::string sentence) {
      answer.set_value({copied, std::move(sentence)});
    });
    return answer.get_future().get();
  };
  EXPECT_EQ(ask(1000).first, Fetcher::Copied::kHere);
  EXPECT_EQ(copied_.future, (control::FutureId{5, 6}));
  EXPECT_EQ(copied_.number, 7U);
  EXPECT_EQ(copied_.size, 1000U);
  EXPECT_EQ(ask(1'000'000), std::pair(Fetcher::Copied::kRefused, std::string("no room for that")));
  port_.reset();
  EXPECT_EQ(ask(1000).first, Fetcher::Copied::kUnknown);
}

TEST_F(PortTest, AFlippedBitOnTheWayIsFound) {
  wrong_checksum_ = true;
  std::vector<std::byte> into(objects_[7].size());
  EXPECT_EQ(fetch(7, into), Fetcher::End::kFailed);
}

TEST_F(PortTest, ArrowDataComesCompressed) {
  std::vector<std::byte> table(5 << 20);
  std::memcpy(table.data() + data::kArrowMarkAt, data::kArrowMark.data(), data::kArrowMark.size());
  objects_[9] = table;
  wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
  const auto response = connection.get("/object/9", {{"morrow-accept", "blocks"}});
  ASSERT_TRUE(response.chunked);
  std::size_t travelled = 0;
  connection.read_chunks([&](std::span<const std::byte> chunk) { travelled += chunk.size(); });
  EXPECT_LT(travelled, table.size() / 10);
  std::vector<std::byte> into(table.size(), std::byte{1});
  EXPECT_EQ(fetch(9, into), Fetcher::End::kWhole);
  EXPECT_EQ(into, table);
}

TEST_F(PortTest, WhoWantsWhatTwoOthersGetIsSentAway) {
  wire::HttpConnection one(endpoint_, std::chrono::seconds(10));
  wire::HttpConnection two(endpoint_, std::chrono::seconds(10));
  EXPECT_EQ(one.get("/object/8").status, 200);  // and is not read: more than the sockets take
  EXPECT_EQ(two.get("/object/8").status, 200);
  EXPECT_EQ(get("/object/8").status, 503);
  EXPECT_EQ(get("/object/7").status, 200);
}

TEST_F(PortTest, AnObjectIsTakenForAnOpenSessionOnly) {
  const auto put = [&](std::uint64_t session, const std::vector<std::byte>& bytes, std::uint64_t checksum) {
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    return connection
        .put("/object", {{"morrow-session", base::hex_of(session)}, {"morrow-checksum", base::hex_of(checksum)}}, bytes)
        .status;
  };
  const auto bytes = bytes_of(9000);
  EXPECT_EQ(put(5, bytes, data::checksum(bytes)), 201);
  EXPECT_EQ(received_, bytes);
  EXPECT_EQ(put(6, bytes, data::checksum(bytes)), 409);
  EXPECT_EQ(put(5, bytes_of(11'000), 0), 507);
  EXPECT_EQ(put(5, bytes, 1), 422);  // damaged on the way
  EXPECT_FALSE(kept_);
  EXPECT_TRUE(given_back());
}

TEST_F(PortTest, AnObjectIsTakenInBlocksToo) {
  std::vector<std::byte> bytes(9'000, std::byte{7});
  auto blocks = data::blocks_of(bytes);
  EXPECT_LT(blocks.size(), bytes.size() / 10);
  const auto put = [&](std::size_t size) {
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    return connection
        .put("/object",
             {{"morrow-session", base::hex_of(5)},
              {"morrow-checksum", base::hex_of(data::checksum(bytes))},
              {"morrow-encoding", "blocks"},
              {"morrow-size", std::to_string(size)}},
             blocks)
        .status;
  };
  EXPECT_EQ(put(bytes.size()), 201);
  EXPECT_EQ(received_, bytes);
  EXPECT_EQ(put(bytes.size() + 1), 422);
  EXPECT_EQ(put(bytes.size() - 1), 422);
  blocks[blocks.size() / 2] ^= std::byte{1};
  EXPECT_EQ(put(bytes.size()), 422);
}

TEST_F(PortTest, RubbishEndsTheConnectionAndNothingElse) {
  for (const std::string& rubbish :
       {std::string(100'000, '\xff'), std::string("GET / HTTP/9.9\r\n\r\n"), std::string()}) {
    wire::NetStream stream = wire::NetStream::connect(endpoint_.host, endpoint_.port, "", std::chrono::seconds(5));
    try {
      stream.write(rubbish);
    } catch (const wire::NetworkError&) {
    }
  }
  EXPECT_EQ(get("/health").status, 200);
}

}  // namespace
}  // namespace morrow::worker
