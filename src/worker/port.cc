#include "worker/port.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "data/blocks.h"
#include "data/checksum.h"
#include "wire/pump.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxConnections = 256;
constexpr int kSameObject = 2;  // more at once get it from those who have it by then
constexpr std::chrono::seconds kIdle{60};
constexpr std::chrono::seconds kAnswerWithin{60};
constexpr int kLookMs = 500;
constexpr std::size_t kWriteBytes = 1 << 20;
constexpr const char* kBlocks = "blocks";

void text(wire::NetStream& stream, int status, const std::string& body, wire::HttpHeaders headers = {}) {
  headers["content-type"] = "text/plain; charset=utf-8";
  stream.write(wire::response_head(status, headers, body.size()) + body);
}

std::optional<std::uint64_t> number_of(std::string_view digits, int base = 10) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return number;
}

std::string header(const wire::HttpRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

/// Tables compress well, other values seldom: a network is faster than a try to compress them.
void read_blocks(wire::NetStream& stream, std::uint64_t length, std::span<std::byte> into) {
  data::BlockReader reader(into);
  std::vector<std::byte> piece(kWriteBytes);
  try {
    for (std::size_t part = 0; length > 0; length -= part) {
      part = static_cast<std::size_t>(std::min<std::uint64_t>(length, piece.size()));
      stream.read_all(std::span(piece).first(part));
      reader.feed(std::span(piece).first(part));
    }
  } catch (const data::Damaged& damaged) {
    throw wire::NetworkError(std::string("an object came damaged: ") + damaged.what());
  }
  if (!reader.done()) throw wire::NetworkError("an object came cut short");
}

/// A block is a chunk, so that it can be written as soon as it is compressed.
void write_blocks(wire::NetStream& stream, std::span<const std::byte> bytes) {
  data::BlockWriter writer;
  std::vector<std::byte> block;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(data::kBlockBytes, bytes.size()))) {
    block.clear();
    writer.encode(bytes.first(std::min(data::kBlockBytes, bytes.size())), block);
    stream.write(wire::chunk_begin(block.size()));
    stream.write(block);
    stream.write(wire::kChunkEnd);
  }
  stream.write(wire::chunk_begin(0) + std::string(wire::kChunkEnd));
}

/// What a call that answers later answers; nothing when that takes too long.
template <class T, class Ask>
std::optional<T> wait_for(Ask ask) {
  const auto promise = std::make_shared<std::promise<T>>();
  auto answer = promise->get_future();
  ask([promise](T value) { promise->set_value(std::move(value)); });
  if (answer.wait_for(kAnswerWithin) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

}  // namespace

Port::Port(wire::Fd listening, PortOptions options, PortHandlers handlers)
    : listening_(std::move(listening)), options_(std::move(options)), handlers_(std::move(handlers)) {
  acceptor_ = std::thread([this] { accept_all(); });
}

Port::~Port() {
  stop_ = true;
  acceptor_.join();
  for (Connection& connection : connections_) {
    if (const int socket = connection.socket; socket >= 0) shutdown(socket, SHUT_RDWR);
  }
  for (Connection& connection : connections_) connection.thread.join();
}

void Port::accept_all() {
  while (!stop_) {
    pollfd polled{listening_.get(), POLLIN, 0};
    if (poll(&polled, 1, kLookMs) <= 0) continue;
    wire::Fd socket(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) continue;
    const std::lock_guard lock(mutex_);
    for (auto connection = connections_.begin(); connection != connections_.end();) {
      if (!connection->done) {
        ++connection;
        continue;
      }
      connection->thread.join();
      connection = connections_.erase(connection);
    }
    if (connections_.size() >= kMaxConnections) continue;  // closed: the other side tries again
    Connection& connection = connections_.emplace_back();
    connection.socket = socket.get();
    connection.thread = std::thread([this, &connection, fd = socket.release()] { serve(connection, wire::Fd(fd)); });
  }
}

void Port::serve(Connection& connection, wire::Fd socket) {
  try {
    timeval patience{kIdle.count(), 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    wire::NetStream stream =
        options_.tls ? wire::NetStream(std::move(socket), *options_.tls) : wire::NetStream(std::move(socket));
    stream.set_patience(kIdle);
    while (!stop_) {
      const auto request = wire::read_request(stream);
      if (!request || !answer(stream, *request)) break;
    }
    connection.socket = -1;          // before it is closed: the number may be another connection's then
  } catch (const std::exception&) {  // the other side's trouble, and it knows
    connection.socket = -1;
  }
  connection.done = true;
}

bool Port::may_enter(const wire::HttpRequest& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string given = header(request, "authorization");
  return given.starts_with(kBearer) && wire::same_secret(given.substr(kBearer.size()), options_.token);
}

/// False: nothing more comes on this connection.
bool Port::answer(wire::NetStream& stream, const wire::HttpRequest& request) {
  if (!may_enter(request)) {
    text(stream, 401, "this needs the cluster's token: Authorization: Bearer TOKEN; morrow token CLUSTER prints it\n",
         {{"www-authenticate", "Bearer"}, {"connection", "close"}});
    return false;
  }
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (get && request.target == "/health") {
    text(stream, 200, request.method == "HEAD" ? "" : "ok\n");
  } else if (request.method == "GET" && request.target == "/metrics") {
    const auto body = wait_for<std::string>(handlers_.metrics);
    text(stream, body ? 200 : 503, body.value_or("the worker is busy\n"));
  } else if (request.method == "GET" && request.target == "/objects") {
    const auto body = wait_for<std::string>(handlers_.objects);
    text(stream, body ? 200 : 503, body.value_or("the worker is busy\n"));
  } else if (request.method == "GET" && request.target == "/session") {
    session(stream, request);
    return false;
  } else if (get && request.target.starts_with("/object/")) {
    object(stream, request);
  } else if (request.method == "PUT" && request.target == "/object") {
    receive(stream, request);
  } else {
    text(stream, 404, "there is nothing here; see docs/protocol.md, The port\n", {{"connection", "close"}});
    return false;  // what it sent as a body would be taken for the next request
  }
  return request.keep_alive;
}

void Port::object(wire::NetStream& stream, const wire::HttpRequest& request) {
  const auto number = number_of(std::string_view(request.target).substr(std::string_view("/object/").size()));
  if (!number) return text(stream, 404, "that is no object's number\n");
  const bool first = !request.headers.contains("morrow-part");
  struct Serving {
    Port& port;
    std::uint64_t number;
    bool counted;
    Serving(Port& serving_port, std::uint64_t object, bool counts) : port(serving_port), number(object) {
      const std::lock_guard lock(port.mutex_);
      int& count = port.lent_[number];
      counted = counts;
      if (counts) ++count;
      too_many = counts && count > kSameObject;
    }
    ~Serving() {
      const std::lock_guard lock(port.mutex_);
      const auto found = port.lent_.find(number);
      if (counted) --found->second;
      if (found != port.lent_.end() && found->second == 0) port.lent_.erase(found);
    }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;
    bool too_many = false;
  } const serving(*this, *number, first);
  if (serving.too_many) return text(stream, 503, "others get this now\n", {{"retry-after", "0"}});
  auto answered = wait_for<std::optional<Objects::Lent>>([&](auto then) { handlers_.object(*number, then); });
  if (!answered) return text(stream, 503, "the worker is busy\n", {{"retry-after", "1"}});
  const std::optional<Objects::Lent>& lent = *answered;
  if (!lent) return text(stream, 404, "this worker does not have that object\n");
  wire::ByteRange range{0, lent->bytes.size()};
  wire::HttpHeaders headers{{"content-type", "application/octet-stream"},
                            {"accept-ranges", "bytes"},
                            {"morrow-checksum", fmt::format("{:016x}", lent->checksum)}};
  if (request.method == "GET" && header(request, "morrow-accept") == kBlocks && data::is_arrow(lent->bytes)) {
    headers["morrow-encoding"] = kBlocks;
    stream.write(wire::chunked_head(200, headers));
    return write_blocks(stream, lent->bytes);
  }
  int status = 200;
  if (const std::string asked = header(request, "range"); !asked.empty()) {
    const auto part = wire::parse_range(asked, lent->bytes.size());
    if (!part) return text(stream, 416, "that range is not in the object\n");
    range = *part;
    status = 206;
    headers["content-range"] =
        fmt::format("bytes {}-{}/{}", range.begin, range.begin + range.size - 1, lent->bytes.size());
  }
  stream.write(wire::response_head(status, headers, range.size));
  if (request.method == "HEAD") return;
  for (auto rest = lent->bytes.subspan(range.begin, range.size); !rest.empty();) {
    const auto part = rest.first(std::min(kWriteBytes, rest.size()));
    stream.write(part);
    rest = rest.subspan(part.size());
  }
}

void Port::receive(wire::NetStream& stream, const wire::HttpRequest& request) {
  const auto length = number_of(header(request, "content-length"));
  const bool blocks = header(request, "morrow-encoding") == kBlocks;
  const auto size = blocks ? number_of(header(request, "morrow-size")) : length;
  const auto session = number_of(header(request, "morrow-session"), 16);
  if (!length || !size || !session) throw wire::NetworkError("an object came without its length or session");
  struct Answer {
    std::optional<Objects::Incoming> room;
    std::string sentence;
  };
  auto answer = wait_for<Answer>([&](auto then) {
    handlers_.receive(*size, [then](std::optional<Objects::Incoming> room, std::string sentence) {
      then(Answer{std::move(room), std::move(sentence)});
    });
  });
  if (!answer || !answer->room) {
    text(stream, 507, answer ? answer->sentence : "the worker is busy", {{"connection", "close"}});
    throw wire::NetworkError("there was no room");  // its body would be taken for the next request
  }
  const std::uint64_t number = answer->room->number;
  const auto finish = [&](std::uint64_t whose) {
    return wait_for<bool>([&](auto then) { handlers_.received(number, whose, then); }).value_or(false);
  };
  try {
    if (header(request, "expect") == "100-continue") stream.write(wire::response_head(100, {}, 0));
    if (blocks) {
      read_blocks(stream, *length, answer->room->bytes);
    } else {
      stream.read_all(answer->room->bytes);
    }
    const auto checksum = number_of(header(request, "morrow-checksum"), 16);
    if (!checksum || data::checksum(answer->room->bytes) != *checksum)
      throw wire::NetworkError("an object came with a wrong checksum");
  } catch (const wire::NetworkError&) {
    finish(0);
    throw;
  }
  if (finish(*session)) return text(stream, 201, std::to_string(number));
  text(stream, 409, "that session is not open at this worker\n");
}

void Port::session(wire::NetStream& stream, const wire::HttpRequest& request) {
  if (header(request, "upgrade") != "morrow-session")
    return text(stream, 426, "a session begins with: Connection: Upgrade, Upgrade: morrow-session\n",
                {{"connection", "close"}});
  stream.write(wire::response_head(101, {{"connection", "Upgrade"}, {"upgrade", "morrow-session"}}, 0));
  auto [here, there] = wire::socket_pair(false);
  handlers_.session(std::move(there));
  wire::pump(stream, std::move(here), stop_);
}

bool is_loopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (address == "localhost") return true;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string reachable_address(const std::string& address) {
  if (address != "0.0.0.0" && address != "::") return address;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return address;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> frees(all, freeifaddrs);
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_LOOPBACK) != 0 || (at->ifa_flags & IFF_UP) == 0) continue;
    if (at->ifa_addr->sa_family != AF_INET) continue;
    std::array<char, NI_MAXHOST> host{};
    if (getnameinfo(at->ifa_addr, sizeof(sockaddr_in), host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      return host.data();
  }
  return address;
}

}  // namespace morrow::worker
