// SPDX-License-Identifier: Apache-2.0
#include "wire/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

namespace morrow::wire {

namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxHeadBytes = 16 << 10;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

/// Feeds the parser until it has the whole head; the bytes behind it are given back to the stream. False at an end
/// before the first byte.
template <class Parser>
bool read_head(NetStream& stream, Parser& parser) {
  parser.header_limit(kMaxHeadBytes);
  parser.body_limit(boost::none);  // the reader of a body looks at its length first
  parser.eager(false);
  std::string bytes;
  while (!parser.is_header_done()) {
    std::array<std::byte, 4096> room{};
    const std::size_t got = stream.read(room);
    if (got == 0) {
      if (bytes.empty()) return false;
      throw NetworkError("the other side closed the connection in the middle");
    }
    bytes.append(reinterpret_cast<const char*>(room.data()), got);
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
    constexpr int kTooLong = 431;
    if (error == http::error::header_limit) throw BadMessage("the head of a message is too long", kTooLong);
    if (error && error != http::error::need_more)
      throw BadMessage("the other side does not speak HTTP: " + error.message());
    if (used != 0) bytes.erase(0, used);
    if (bytes.size() > kMaxHeadBytes) throw BadMessage("the head of a message is too long", kTooLong);
  }
  stream.unread(bytes);
  return true;
}

template <class Message>
HttpHeaders headers_of(const Message& message) {
  HttpHeaders headers;
  for (const auto& field : message) {
    const auto name = field.name_string();  // the class of it depends on the version of Boost
    headers[lower({name.data(), name.size()})] = std::string(field.value());
  }
  return headers;
}

std::string head(const std::string& first, const HttpHeaders& headers) {
  std::string text = first + "\r\n";
  for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
  return text + "\r\n";
}

std::string host_text(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace

std::optional<HttpRequest> read_request(NetStream& stream) {
  http::request_parser<http::empty_body> parser;
  if (!read_head(stream, parser)) return std::nullopt;
  const auto& message = parser.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.headers = headers_of(message);
  request.keep_alive = message.keep_alive();
  return request;
}

HttpResponse read_response(NetStream& stream) {
  http::response_parser<http::empty_body> parser;
  const std::uint64_t before = stream.received();
  bool came = false;
  try {
    came = read_head(stream, parser);
  } catch (const TimedOut&) {
    throw;
  } catch (const NetworkError& error) {
    if (stream.received() != before) throw;
    throw Busy(error.what());
  }
  if (!came) throw Busy("the other side closed the connection without an answer");
  HttpResponse response;
  response.status = static_cast<int>(parser.get().result_int());
  response.headers = headers_of(parser.get());
  if (const auto length = parser.content_length()) response.length = *length;
  response.chunked = parser.chunked();
  response.keep_alive = parser.get().keep_alive();
  return response;
}

std::string response_head(int status, const HttpHeaders& headers, std::uint64_t length) {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  HttpHeaders all = headers;
  if (status >= 200) all["content-length"] = std::to_string(length);
  return head("HTTP/1.1 " + std::to_string(status) + " " + std::string(reason), all);
}

std::string chunked_head(int status, const HttpHeaders& headers) {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  HttpHeaders all = headers;
  all["transfer-encoding"] = "chunked";
  return head("HTTP/1.1 " + std::to_string(status) + " " + std::string(reason), all);
}

std::string chunk_begin(std::size_t size) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%zx\r\n", size);
  return text.data();
}

std::string request_head(const std::string& method, const std::string& target, const HttpHeaders& headers) {
  return head(method + " " + target + " HTTP/1.1", headers);
}

std::optional<ByteRange> parse_range(const std::string& text, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!text.starts_with(kUnit)) return std::nullopt;
  const char* const end = text.data() + text.size();
  std::uint64_t first = 0;
  std::uint64_t last = size - 1;
  auto [at, error] = std::from_chars(text.data() + kUnit.size(), end, first);
  if (error != std::errc() || at == end || *at != '-') return std::nullopt;
  if (++at != end) {
    const auto [stop, wrong] = std::from_chars(at, end, last);
    if (wrong != std::errc() || stop != end) return std::nullopt;
  }
  if (first > last || first >= size) return std::nullopt;
  return ByteRange{first, std::min(last, size - 1) - first + 1};
}

HttpConnection::HttpConnection(const Endpoint& endpoint, std::chrono::milliseconds patience,
                               std::chrono::milliseconds connect_patience)
    : endpoint_(endpoint),
      stream_(NetStream::connect(endpoint.host, endpoint.port, endpoint.ca_fingerprint, connect_patience)) {
  stream_.set_patience(patience);
}

HttpResponse HttpConnection::get(const std::string& target, HttpHeaders headers) {
  headers["host"] = host_text(endpoint_);
  headers["authorization"] = "Bearer " + endpoint_.token;
  write_head(request_head("GET", target, headers));
  return answer();
}

/// A worker that is busy may close before it has read.
void HttpConnection::write_head(const std::string& head) {
  try {
    stream_.write(head);
  } catch (const TimedOut&) {
    throw;
  } catch (const NetworkError& error) {
    throw Busy(error.what());
  }
}

HttpResponse HttpConnection::answer() {
  keeps_ = false;
  HttpResponse response = read_response(stream_);
  left_ = response.chunked ? 1 : response.length;
  keeps_ = response.keep_alive && response.status != 101;
  return response;
}

void HttpConnection::read_body(std::span<std::byte> into) {
  stream_.read_all(into);
  left_ -= std::min<std::uint64_t>(left_, into.size());
}

void HttpConnection::read_chunks(const std::function<void(std::span<const std::byte>)>& take) {
  const auto byte = [this] {
    std::byte one{};
    stream_.read_all({&one, 1});
    return static_cast<char>(one);
  };
  const auto line_end = [&byte] {
    const char first = byte();
    const char second = byte();
    if (first != '\r' || second != '\n') throw NetworkError("an answer in chunks is not as it should be");
  };
  std::vector<std::byte> chunk;
  for (;;) {
    std::string digits;
    char letter = byte();
    for (; letter != '\r' && digits.size() < 8; letter = byte()) digits.push_back(letter);
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (letter != '\r' || byte() != '\n' || error != std::errc() || end != digits.data() + digits.size() ||
        digits.empty() || size > kMaxChunk)
      throw NetworkError("an answer in chunks is not as it should be");
    chunk.resize(size);
    stream_.read_all(chunk);
    line_end();
    if (size == 0) break;
    take(chunk);
  }
  left_ = 0;
}

std::string HttpConnection::read_text(const HttpResponse& response, std::size_t most) {
  if (response.length > most) throw NetworkError("an answer is longer than it may be");
  std::string text(response.length, '\0');
  read_body(std::as_writable_bytes(std::span(text)));
  return text;
}

HttpResponse HttpConnection::put(const std::string& target, HttpHeaders headers, std::span<const std::byte> body) {
  headers["host"] = host_text(endpoint_);
  headers["authorization"] = "Bearer " + endpoint_.token;
  headers["content-length"] = std::to_string(body.size());
  // A worker that has no room says so before the body: an answer to one that is not read would be lost with the
  // connection.
  headers["expect"] = "100-continue";
  write_head(request_head("PUT", target, headers));
  HttpResponse response = answer();
  if (response.status != 100) {
    keeps_ = false;
    return response;
  }
  stream_.write(body);
  return answer();
}

}  // namespace morrow::wire
