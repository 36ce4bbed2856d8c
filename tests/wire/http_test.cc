// SPDX-License-Identifier: Apache-2.0
#include "wire/http.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "wire/http_pool.h"
#include "wire/join_url.h"

namespace morrow::wire {
namespace {

/// A connection on which `bytes` come, and then the end.
NetStream stream_of(const std::string& bytes) {
  auto [here, there] = socket_pair(false);
  EXPECT_EQ(send(there.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  return NetStream(std::move(here));
}

TEST(Http, RequestsAreReadOneAfterAnother) {
  NetStream stream = stream_of(request_head("GET", "/object/7", {{"Range", "bytes=1-2"}}) + "PUT /object HTTP/1.1\r\n" +
                               "content-length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n");
  const auto get = read_request(stream);
  ASSERT_TRUE(get);
  EXPECT_EQ(get->method + " " + get->target, "GET /object/7");
  EXPECT_EQ(get->headers.at("range"), "bytes=1-2");
  EXPECT_TRUE(get->keep_alive);
  const auto put = read_request(stream);
  ASSERT_TRUE(put);
  std::string body(3, ' ');
  stream.read_all(std::as_writable_bytes(std::span(body)));
  EXPECT_EQ(body, "abc");
  const auto last = read_request(stream);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->keep_alive);
  EXPECT_FALSE(read_request(stream));
}

TEST(Http, AHeadWithoutEndOrOfRubbishIsRefused) {
  for (const std::string& bytes : {std::string(20'000, 'a'), "GET / HTTP/1.1\r\nx: " + std::string(20'000, 'y'),
                                   std::string("\x16\x03\x01\x02\x00\x01", 6), std::string("GET /\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nhalf")}) {
    NetStream stream = stream_of(bytes);
    EXPECT_THROW(read_request(stream), NetworkError) << bytes.substr(0, 20);
  }
}

TEST(Http, RangesAreThoseThatMakeSense) {
  EXPECT_EQ(parse_range("bytes=0-9", 100)->size, 10U);
  EXPECT_EQ(parse_range("bytes=90-", 100)->size, 10U);
  EXPECT_EQ(parse_range("bytes=90-1000", 100)->size, 10U);
  for (const char* text :
       {"bytes=100-", "bytes=5-4", "bytes=-5", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5", "bytes=", ""})
    EXPECT_FALSE(parse_range(text, 100)) << text;
  EXPECT_FALSE(parse_range("bytes=0-", 0));
}

/// Answers each connection's requests with "ok" and "cut" in turn, and closes the connection after `each`.
class Server {
 public:
  explicit Server(int each) : listening_(listen_tcp("127.0.0.1", 0)) {
    thread_ = std::thread([this, each] {
      for (int answer = 0;;) {
        Fd socket(accept(listening_.get(), nullptr, nullptr));
        if (!socket) return;
        ++connections;
        NetStream stream(std::move(socket));
        try {
          for (int i = 0; i != each && read_request(stream); ++i) {
            if (++answer % 2 == 0) {
              stream.write(chunked_head(200, {}) + chunk_begin(3) + "cut" + std::string(kChunkEnd) + chunk_begin(0) +
                           std::string(kChunkEnd));
            } else {
              stream.write(response_head(200, {}, 2) + "ok");
            }
          }
        } catch (const NetworkError&) {
        }
      }
    });
  }
  ~Server() {
    shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  Endpoint endpoint() const {
    Endpoint endpoint;
    parse_address(local_address(listening_.get()), endpoint.host, endpoint.port);
    return endpoint;
  }
  std::atomic<int> connections = 0;

 private:
  Fd listening_;
  std::thread thread_;
};

TEST(HttpPool, AConnectionIsUsedAgainAndAnotherOneMadeWhenItIsClosed) {
  Server server(3);
  HttpPool pool(std::chrono::seconds(5));
  std::string all;
  for (int i = 0; i < 5; ++i) {
    all += pool.with(server.endpoint(), [](HttpConnection& connection) {
      const HttpResponse response = connection.get("/");
      if (!response.chunked) return connection.read_text(response, 100);
      std::string text;
      connection.read_chunks([&](std::span<const std::byte> chunk) {
        text.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
      });
      return text;
    });
  }
  EXPECT_EQ(all, "okcutokcutok");
  EXPECT_EQ(server.connections, 2);
}

TEST(HttpPool, WhatBreaksOffInTheMiddleOfAnAnswerIsNotAskedForAgain) {
  Server server(4);
  HttpPool pool(std::chrono::seconds(5));
  int asked = 0;
  const auto get = [&](HttpConnection& connection) {
    ++asked;
    const HttpResponse response = connection.get("/");
    if (!response.chunked) return connection.read_text(response, 100);
    connection.read_chunks([](std::span<const std::byte>) { throw NetworkError("it broke off"); });
    return std::string();
  };
  EXPECT_EQ(pool.with(server.endpoint(), get), "ok");
  EXPECT_THROW(pool.with(server.endpoint(), get), NetworkError);
  EXPECT_EQ(asked, 2);
}

TEST(HttpPool, StoppedItEndsWhatIsUnderWayAndBeginsNothing) {
  Server server(-1);
  HttpPool pool(std::chrono::seconds(60));
  std::thread stops([&] {
    while (server.connections == 0) std::this_thread::yield();
    pool.stop();
  });
  const auto get = [](HttpConnection& connection) {
    std::array<std::byte, 1> byte{};
    connection.read_body(byte);  // nothing comes
    return 0;
  };
  EXPECT_THROW(pool.with(server.endpoint(), get), NetworkError);
  stops.join();
  EXPECT_THROW(pool.with(server.endpoint(), get), NetworkError);
}

TEST(HttpPool, AnAnswerThatIsLongerThanItMayBeIsNotRead) {
  Server server(1);
  HttpConnection connection(server.endpoint(), std::chrono::seconds(5));
  const HttpResponse response = connection.get("/");
  EXPECT_THROW(connection.read_text(response, 1), NetworkError);
  EXPECT_FALSE(connection.whole());
}

}  // namespace
}  // namespace morrow::wire
