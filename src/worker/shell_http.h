#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace morrow::worker {

/// Plain HTTP on the worker's port: `GET /health` says "ok" while the worker's loop turns; all else is 404.
class HttpServer {
 public:
  /// \throws std::runtime_error with one sentence when the address is not of this machine's loopback, or taken
  HttpServer(boost::asio::io_context& io, const std::string& address, std::uint16_t port);
  ~HttpServer();

  /// "address:port", with the port that was chosen when 0 was asked for.
  std::string address() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// Throws std::invalid_argument unless `address` is a loopback address (or "localhost").
void check_loopback(const std::string& address);

}  // namespace morrow::worker
