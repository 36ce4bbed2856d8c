#include "worker/port.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>

#include "data/blocks.h"
#include "data/checksum.h"
#include "wire/http_pool.h"
#include "wire/join_url.h"
#include "worker/fetcher.h"

namespace morrow::worker {
namespace {

std::vector<std::byte> bytes_of(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::mt19937_64 random(size);
  for (std::byte& one : bytes) one = static_cast<std::byte>(random());
  return bytes;
}

/// A port with a few objects behind it.
class PortTest : public ::testing::Test {
 protected:
  PortTest() {
    objects_[7] = bytes_of(1000);
    objects_[8] = bytes_of(40 << 20);  // comes in two halves
    PortHandlers handlers;
    handlers.object = [this](std::uint64_t number, PortHandlers::Lend then) {
      const auto found = objects_.find(number);
      if (found == objects_.end()) return then(std::nullopt);
      ++lent_;
      const std::shared_ptr<const void> pin(&lent_, [this](const void*) { --lent_; });
      then(Objects::Lent{found->second, wrong_checksum_ ? 1 : data::checksum(found->second), pin});
    };
    handlers.receive = [this](std::uint64_t size, PortHandlers::Receive then) {
      if (size > 10'000) return then(std::nullopt, "no room for that");
      received_.resize(size);
      then(Objects::Incoming{99, received_}, "");
    };
    handlers.received = [this](std::uint64_t, std::uint64_t session, std::function<void(bool)> then) {
      kept_ = session == 5;
      then(kept_);
    };
    handlers.metrics = [](std::function<void(std::string)> then) { then("morrow_objects 2\n"); };
    handlers.objects = [](std::function<void(std::string)> then) { then("list"); };
    handlers.session = [](wire::Fd) {};
    wire::Fd listening = wire::listen_tcp("127.0.0.1", 0);
    wire::parse_address(wire::local_address(listening.get()), endpoint_.host, endpoint_.port);
    endpoint_.token = "right";
    port_ = std::make_unique<Port>(std::move(listening), PortOptions{"right", nullptr}, std::move(handlers));
  }

  wire::HttpResponse get(const std::string& target, wire::HttpHeaders headers = {}) {
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    return connection.get(target, std::move(headers));
  }
  Fetcher::End fetch(std::uint64_t number, std::vector<std::byte>& into) {
    Fetcher fetcher;
    std::promise<Fetcher::End> end;
    fetcher.fetch({endpoint_}, number, into, [&](Fetcher::End got, const std::string&) { end.set_value(got); });
    return end.get_future().get();
  }

  std::map<std::uint64_t, std::vector<std::byte>> objects_;
  std::atomic<int> lent_ = 0;
  std::atomic<bool> wrong_checksum_ = false;
  std::vector<std::byte> received_;
  std::atomic<bool> kept_ = false;
  wire::Endpoint endpoint_;
  std::unique_ptr<Port> port_;
};

TEST_F(PortTest, EveryPathNeedsTheToken) {
  for (const char* token : {"", "wrong", "righ", "rightt"}) {
    endpoint_.token = token;
    for (const char* target : {"/health", "/metrics", "/objects", "/object/7", "/session", "/nothing"})
      EXPECT_EQ(get(target).status, 401) << target;
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    EXPECT_EQ(connection.put("/object", {{"morrow-session", wire::hex_of(5)}}, objects_[7]).status, 401);
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
  EXPECT_EQ(whole.headers.at("morrow-checksum"), wire::hex_of(data::checksum(bytes)));
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
        .put("/object", {{"morrow-session", wire::hex_of(session)}, {"morrow-checksum", wire::hex_of(checksum)}}, bytes)
        .status;
  };
  const auto bytes = bytes_of(9000);
  EXPECT_EQ(put(5, bytes, data::checksum(bytes)), 201);
  EXPECT_EQ(received_, bytes);
  EXPECT_EQ(put(6, bytes, data::checksum(bytes)), 409);
  EXPECT_EQ(put(5, bytes_of(11'000), 0), 507);
  EXPECT_THROW(put(5, bytes, 1), wire::NetworkError);  // damaged on the way
  EXPECT_FALSE(kept_);
}

TEST_F(PortTest, AnObjectIsTakenInBlocksToo) {
  std::vector<std::byte> bytes(9'000, std::byte{7});
  auto blocks = data::blocks_of(bytes);
  EXPECT_LT(blocks.size(), bytes.size() / 10);
  const auto put = [&](std::size_t size) {
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    return connection
        .put("/object",
             {{"morrow-session", wire::hex_of(5)},
              {"morrow-checksum", wire::hex_of(data::checksum(bytes))},
              {"morrow-encoding", "blocks"},
              {"morrow-size", std::to_string(size)}},
             blocks)
        .status;
  };
  EXPECT_EQ(put(bytes.size()), 201);
  EXPECT_EQ(received_, bytes);
  EXPECT_THROW(put(bytes.size() + 1), wire::NetworkError);
  EXPECT_THROW(put(bytes.size() - 1), wire::NetworkError);
  blocks[blocks.size() / 2] ^= std::byte{1};
  EXPECT_THROW(put(bytes.size()), wire::NetworkError);
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
