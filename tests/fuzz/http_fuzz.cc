// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <array>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "wire/http.h"
#include "wire/join_url.h"
#include "wire/socket.h"

// What strangers send to a worker's port, and what a stranger's port answers. The last byte says which.

namespace morrow::fuzz {

std::map<std::string, std::string> seeds() {
  const std::string get = wire::request_head("GET", "/object/4711", {{"range", "bytes=0-99"}, {"host", "a:1"}});
  const std::string put = wire::request_head("PUT", "/object", {{"content-length", "3"}}) + "abc";
  const std::string answer = wire::response_head(206, {{"morrow-checksum", "00ff00ff00ff00ff"}}, 5) + "hello";
  return {{"requests", get + put + get + '\0'},
          {"answer", answer + '\1'},
          {"range", std::string("bytes=3-\2")},
          {"url", "morrow://0123abcd@[::1]:7070/sort?ca=ffee\3"},
          {"address", "host.example:80\4"},
          {"chunks", wire::chunk_begin(5) + "hello" + std::string(wire::kChunkEnd) + wire::chunk_begin(0) +
                         std::string(wire::kChunkEnd) + '\5'}};
}

namespace {

/// A connection on which `bytes` come, and then the end.
wire::NetStream stream_of(std::string_view bytes) {
  auto [here, there] = wire::socket_pair(false);
  const int room = 1 << 20;
  setsockopt(there.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  while (!bytes.empty()) {
    const ssize_t put = send(there.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return wire::NetStream(std::move(here));
}

void requests(std::string_view bytes) {
  wire::NetStream stream = stream_of(bytes);
  while (const auto request = wire::read_request(stream)) {
    require(request->target.size() + request->method.size() < (32u << 10));
    // A server reads as much of a body as it wants to.
    std::array<std::byte, 3> body{};
    if (request->method == "PUT") stream.read_all(body);
  }
}

void answer(std::string_view bytes) {
  wire::NetStream stream = stream_of(bytes);
  const wire::HttpResponse response = wire::read_response(stream);
  std::array<std::byte, 64> body{};
  if (response.length <= body.size()) stream.read_all(std::span(body).first(response.length));
}

void chunks(std::string_view bytes) {
  wire::HttpConnection connection(stream_of(bytes));
  std::size_t got = 0;
  connection.read_chunks([&got](std::span<const std::byte> chunk) { got += chunk.size(); });
  require(got < bytes.size());
}

void range(const std::string& text) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{100}, ~std::uint64_t{0}}) {
    const auto found = wire::parse_range(text, size);
    if (found) require(found->size > 0 && found->begin < size && found->size <= size - found->begin);
  }
}

void url(const std::string& text) {
  const wire::JoinUrl found = wire::parse_join_url(text);
  require(!found.token.empty() && found.port != 0);
  const wire::JoinUrl again = wire::parse_join_url(found.text());
  require(again.token == found.token && again.host == found.host && again.cluster == found.cluster);
  require(wire::without_token(text).find("//" + found.token + "@") == std::string::npos);
}

}  // namespace
}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  fuzz::Input input(data, size);
  const std::uint8_t which = input.number();
  const std::string text(input.rest());
  try {
    switch (which % 6) {
      case 0:
        fuzz::requests(text);
        break;
      case 1:
        fuzz::answer(text);
        break;
      case 2:
        fuzz::range(text);
        break;
      case 3:
        fuzz::url(text);
        break;
      case 5:
        fuzz::chunks(text);
        break;
      default: {
        std::string host;
        std::uint16_t port = 0;
        wire::parse_address(text, host, port);
      }
    }
  } catch (const wire::NetworkError&) {
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
