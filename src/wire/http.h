// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "wire/net_stream.h"

/// As much of HTTP/1.1 as Morrow needs: heads, bodies of a known length, ranges. Bounds are checked before anything is
/// kept.
namespace morrow::wire {

using HttpHeaders = std::map<std::string, std::string>;  ///< names in lower case

/// The first line and the headers of a request.
struct HttpRequest {
  std::string method;
  std::string target;
  HttpHeaders headers;
  bool keep_alive = true;
};

/// The first line and the headers of a response.
struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::uint64_t length = 0;  ///< of the body
  bool chunked = false;      ///< its length is not known
  bool keep_alive = true;
};

/// The message is no HTTP.
class BadMessage : public NetworkError {
 public:
  explicit BadMessage(const std::string& sentence, int status = 400) : NetworkError(sentence), status_(status) {}
  /// That tells the sender.
  int status() const { return status_; }

 private:
  int status_;
};

/// The next request on a connection; nothing when it ended before one. \throws NetworkError, BadMessage
std::optional<HttpRequest> read_request(NetStream& stream);
/// \throws NetworkError; Busy when the connection ended before the first byte
HttpResponse read_response(NetStream& stream);

/// The head of a message, ready to be written.
std::string response_head(int status, const HttpHeaders& headers, std::uint64_t length);
/// The head of an answer whose body comes in chunks, and the texts before and behind each; an empty one ends it.
std::string chunked_head(int status, const HttpHeaders& headers);
std::string chunk_begin(std::size_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::size_t kMaxChunk = 4 << 20;
std::string request_head(const std::string& method, const std::string& target, const HttpHeaders& headers);

/// "bytes=a-b", "bytes=a-" of something of `size` bytes. Nothing when it makes no sense.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};
std::optional<ByteRange> parse_range(const std::string& text, std::uint64_t size);

/// Where a worker listens.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string token;
  std::string ca_fingerprint;  ///< empty: not encrypted
};

/// A client's connection, kept for several requests. \throws NetworkError from all
class HttpConnection {
 public:
  HttpConnection(const Endpoint& endpoint, std::chrono::milliseconds patience)
      : HttpConnection(endpoint, patience, patience) {}
  /// Another patience until it is connected.
  HttpConnection(const Endpoint& endpoint, std::chrono::milliseconds patience,
                 std::chrono::milliseconds connect_patience);
  explicit HttpConnection(NetStream stream) : stream_(std::move(stream)) {}

  /// Sends a request without a body and reads the head of the answer. \throws Busy when the connection ended before it
  HttpResponse get(const std::string& target, HttpHeaders headers = {});
  /// The body of the answer, which has as many bytes.
  void read_body(std::span<std::byte> into);
  /// The body of an answer that comes in chunks; each is given to `take` as it comes.
  void read_chunks(const std::function<void(std::span<const std::byte>)>& take);
  std::string read_text(const HttpResponse& response, std::size_t most);
  /// Sends a body and reads the head of the answer.
  HttpResponse put(const std::string& target, HttpHeaders headers, std::span<const std::byte> body);
  /// After a 101.
  NetStream take() { return std::move(stream_); }

  const Endpoint& endpoint() const { return endpoint_; }
  int fd() const { return stream_.fd(); }
  /// How many bytes came so far.
  std::uint64_t received() const { return stream_.received(); }
  /// The last answer was read to its end, and the other side keeps the connection.
  bool whole() const { return left_ == 0 && keeps_; }

 private:
  void write_head(const std::string& head);
  HttpResponse answer();

  Endpoint endpoint_;
  NetStream stream_;
  std::uint64_t left_ = 0;  ///< of the body
  bool keeps_ = false;
};

}  // namespace morrow::wire
