#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "wire/net_stream.h"

/// What Morrow needs of HTTP/1.1: heads, bodies of a known length, ranges. Bounds are checked before anything is kept.
namespace morrow::wire {

using HttpHeaders = std::map<std::string, std::string>;  ///< names in lower case

struct HttpRequest {
  std::string method;
  std::string target;
  HttpHeaders headers;
  bool keep_alive = true;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::uint64_t length = 0;  ///< of the body
};

/// The next request on a connection; nothing when it ended before one. \throws NetworkError for what is no HTTP
std::optional<HttpRequest> read_request(NetStream& stream);
/// \throws NetworkError
HttpResponse read_response(NetStream& stream);

/// The head of a message, ready to be written.
std::string response_head(int status, const HttpHeaders& headers, std::uint64_t length);
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
  HttpConnection(const Endpoint& endpoint, std::chrono::milliseconds patience);

  /// Sends a request without a body and reads the head of the answer.
  HttpResponse get(const std::string& target, HttpHeaders headers = {});
  /// The body of the answer, which has as many bytes.
  void read_body(std::span<std::byte> into) { stream_.read_all(into); }
  std::string read_text(const HttpResponse& response, std::size_t most);
  /// Sends a body and reads the head of the answer.
  HttpResponse put(const std::string& target, std::uint64_t session, std::span<const std::byte> body);
  /// After a 101.
  NetStream take() { return std::move(stream_); }

 private:
  Endpoint endpoint_;
  NetStream stream_;
};

}  // namespace morrow::wire
