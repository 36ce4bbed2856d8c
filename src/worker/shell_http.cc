#include "worker/shell_http.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace morrow::worker {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kMaxConnections = 64;

asio::ip::address parse_loopback(const std::string& text) {
  if (text == "localhost") return asio::ip::address_v4::loopback();
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(text, error);
  if (error) throw std::invalid_argument("--address " + text + " is not an address; use one like 127.0.0.1");
  if (!address.is_loopback()) {
    throw std::invalid_argument(
        "--address " + text +
        " can be reached from other machines, and connections are not encrypted yet; use 127.0.0.1");
  }
  return address;
}

}  // namespace

void check_loopback(const std::string& address) { parse_loopback(address); }

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, const tcp::endpoint& endpoint) : acceptor_(io), retry_(io) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      throw std::runtime_error("can't listen on " + endpoint.address().to_string() + ":" +
                               std::to_string(endpoint.port()) + ": " + error.message() + "; choose another --port");
    }
  }

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const boost::system::error_code& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || !self->acceptor_.is_open()) return;
      if (error) return self->accept_later();
      if (self->open_ < kMaxConnections) std::make_shared<Connection>(self, std::move(socket))->read();
      self->accept();
    });
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  }

  tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  class Connection : public std::enable_shared_from_this<Connection> {
   public:
    Connection(std::shared_ptr<Impl> server, tcp::socket socket)
        : server_(std::move(server)), stream_(std::move(socket)) {
      ++server_->open_;
    }
    ~Connection() { --server_->open_; }

    void read() {
      request_ = {};
      stream_.expires_after(kPatience);
      http::async_read(stream_, buffer_, request_,
                       [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                         if (!error) self->answer();
                       });
    }

   private:
    void answer() {
      const bool get = request_.method() == http::verb::get || request_.method() == http::verb::head;
      const bool found = get && request_.target() == "/health";
      response_ = {found ? http::status::ok : http::status::not_found, request_.version()};
      response_.set(http::field::content_type, "text/plain");
      response_.keep_alive(request_.keep_alive());
      const std::string_view text = found ? "ok\n" : "not found\n";
      if (request_.method() == http::verb::head) {
        response_.content_length(text.size());
      } else {
        response_.body() = text;
        response_.prepare_payload();
      }
      http::async_write(stream_, response_,
                        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                          if (error) return;
                          if (self->response_.need_eof()) {
                            boost::system::error_code ignored;
                            self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                            return;
                          }
                          self->read();
                        });
    }

    std::shared_ptr<Impl> server_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_{16 << 10};
    http::request<http::empty_body> request_;
    http::response<http::string_body> response_;
  };

  void accept_later() {
    retry_.expires_after(std::chrono::milliseconds(200));
    retry_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->acceptor_.is_open()) self->accept();
    });
  }

  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::size_t open_ = 0;
};

HttpServer::HttpServer(asio::io_context& io, const std::string& address, std::uint16_t port)
    : impl_(std::make_shared<Impl>(io, tcp::endpoint(parse_loopback(address), port))) {
  impl_->accept();
}

HttpServer::~HttpServer() { impl_->close(); }

std::string HttpServer::address() const {
  const tcp::endpoint endpoint = impl_->endpoint();
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

}  // namespace morrow::worker
