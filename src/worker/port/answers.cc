// SPDX-License-Identifier: Apache-2.0
//
// What the port answers. Each connection has a thread, which may wait; the worker's state belongs to its loop, which
// may not.
//
// So a thread asks the loop by a handler and sleeps until the answer is there (wait_for), at most kAnswerWithin, since
// the loop may be about to end. The answer lies in memory that both share: an answer that comes too late finds nobody,
// and harms nothing. Bytes of an object are sent by the thread, straight out of the object memory: the handler pins the
// object, and the pin ends with the answer's last byte.
//
// Many workers want the same object at once when a fan-out begins. The one that has it would send it to all of them,
// each at a fraction of the network. Instead kSameObject get it, the others are told to ask again (503), and by then
// more workers have it: the copies multiply with each turn. Only whole objects are counted: the second half of one
// (morrow-part) belongs to a transfer that is counted already.
//
// All that comes in is a stranger's until the token was shown, and checked after: lengths before memory is taken,
// blocks and checksums before an object is taken for whole. A request whose body is not read to its end closes the
// connection, since the rest would be taken for the next request. Read next: docs/protocol.md, The port; port.cc for
// the connections.
#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/defer.h"
#include "base/hex.h"
#include "base/invariant.h"
#include "base/must.h"
#include "data/blocks.h"
#include "data/checksum.h"
#include "wire/future_ids.h"
#include "wire/pump.h"
#include "worker/port/port.h"
#include "worker/port/text.h"

namespace morrow::worker {

namespace {

constexpr int kSameObject = 2;                     // more at once get it from those who have it by then
constexpr std::chrono::seconds kAnswerWithin{60};  // of the worker: room may have to be made on a slow disk
constexpr std::size_t kWriteBytes = 1 << 20;       // at once: between two writes a connection may be closed
constexpr const char* kBlocks = "blocks";

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return number;
}

std::string header(const wire::HttpRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

/// False: they are damaged, or stand for another number of bytes. All of them are read.
bool read_blocks(wire::NetStream& stream, std::uint64_t length, std::span<std::byte> into) {
  data::BlockReader reader(into);
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(length, kWriteBytes)));
  bool well = true;
  for (std::size_t part = 0; length > 0; length -= part) {
    part = static_cast<std::size_t>(std::min<std::uint64_t>(length, piece.size()));
    stream.read_all(std::span(piece).first(part));
    if (!well) continue;
    try {
      reader.feed(std::span(piece).first(part));
    } catch (const data::Damaged&) {
      well = false;
    }
  }
  return well && reader.done();
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

}  // namespace

void say(wire::NetStream& stream, const wire::HttpRequest& request, int status, const std::string& body,
         wire::HttpHeaders headers) {
  headers["content-type"] = "text/plain; charset=utf-8";
  if (!request.keep_alive) headers["connection"] = "close";
  stream.write(wire::response_head(status, headers, body.size()) + (request.method == "HEAD" ? "" : body));
}

bool refuse(wire::NetStream& stream, const wire::HttpRequest& request) {
  say(stream, request, 401,
      "this needs the cluster's token: Authorization: Bearer TOKEN; morrow token CLUSTER prints it\n",
      {{"www-authenticate", "Bearer"}, {"connection", "close"}});
  return false;
}

std::string busy_answer() {
  const std::string body = "too many are here; try again in a moment\n";
  return wire::response_head(503, {{"connection", "close"}, {"retry-after", "1"}}, body.size()) + body;
}

bool brings_unread_body(const wire::HttpRequest& request) {
  const std::string length = header(request, "content-length");
  return request.method != "PUT" &&
         ((!length.empty() && number_of(length) != 0) || request.headers.contains("transfer-encoding"));
}

/// The answer of a call that answers later; nothing when that takes too long, or the port is closed. An answer that
/// comes after that is dropped.
template <class T, class Ask>
std::optional<T> Port::wait_for(Ask ask) {
  struct Answer {
    explicit Answer(std::shared_ptr<Waiting> its_waiting) : waiting(std::move(its_waiting)) {}
    const std::shared_ptr<Waiting> waiting;
    std::optional<T> value GUARDED_BY(waiting->mutex);
  };
  const auto answer = std::make_shared<Answer>(waiting_);
  ask([answer](T value) {
    {
      const base::MutexLock lock(answer->waiting->mutex);
      answer->value.emplace(std::move(value));
    }
    answer->waiting->changed.notify_all();
  });
  const base::MutexLock lock(answer->waiting->mutex);
  answer->waiting->changed.wait_for(answer->waiting->mutex, kAnswerWithin, [&]() REQUIRES(answer->waiting->mutex) {
    return answer->value || answer->waiting->stop;
  });
  return std::exchange(answer->value, std::nullopt);
}

bool Port::may_enter(const wire::HttpRequest& request) const {
  constexpr std::string_view kBearer = "bearer ";
  const std::string given = header(request, "authorization");
  const auto same = [](char letter, char other) { return std::tolower(static_cast<unsigned char>(letter)) == other; };
  return given.size() > kBearer.size() &&
         std::equal(kBearer.begin(), kBearer.end(), given.begin(), [&](char a, char b) { return same(b, a); }) &&
         wire::same_secret(given.substr(kBearer.size()), options_.token);
}

/// False: nothing more comes on this connection.
bool Port::answer(const Connection& connection, wire::NetStream& stream, const wire::HttpRequest& request) {
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (get && request.target == "/health") {
    say(stream, request, 200, "ok\n");
  } else if (request.method == "GET" && request.target == "/metrics") {
    const auto body = wait_for<std::string>(handlers_.metrics);
    say(stream, request, body ? 200 : 503, body.value_or("the worker is busy\n"));
  } else if (request.method == "GET" && request.target == "/objects") {
    const auto body = wait_for<std::string>(handlers_.objects);
    say(stream, request, body ? 200 : 503, body.value_or("the worker is busy\n"));
  } else if (request.method == "GET" && request.target.starts_with("/why/")) {
    why(stream, request);
  } else if (request.method == "GET" && request.target == "/session") {
    session(connection, stream, request);
    return false;
  } else if (get && request.target.starts_with("/object/")) {
    object(stream, request);
  } else if (request.method == "PUT" && request.target == "/object") {
    return receive(stream, request) && request.keep_alive;
  } else if (request.method == "PUT" && request.target == "/copy") {
    return copy(stream, request) && request.keep_alive;
  } else {
    say(stream, request, 404, "there is nothing here; see docs/protocol.md, The port\n", {{"connection", "close"}});
    return false;  // what it sent as a body would be taken for the next request
  }
  return request.keep_alive;
}

/// Counts one more that gets the object; false, and not counted, when kSameObject get it already.
bool Port::begin_serving(std::uint64_t number) {
  const base::MutexLock lock(mutex_);
  int& count = serving_[number];
  MORROW_INVARIANT(count >= 0 && count <= kSameObject, "so many get an object as may at once", number, count);
  if (count == kSameObject) return false;
  ++count;
  return true;
}

void Port::end_serving(std::uint64_t number) {
  const base::MutexLock lock(mutex_);
  int& count = base::must_find(serving_, number, "an object that is served is counted");
  MORROW_INVARIANT(count > 0, "no object is served less than never", number, count);
  if (--count == 0) serving_.erase(number);
}

void Port::why(wire::NetStream& stream, const wire::HttpRequest& request) {
  const auto id = wire::parse_future(std::string_view(request.target).substr(std::string_view("/why/").size()));
  if (!id) return say(stream, request, 404, "that is no future's id\n");
  const control::FutureId future{id->scope(), id->sequence()};
  const auto body = wait_for<std::string>([&](auto then) { handlers_.why(future, then); });
  say(stream, request, body ? 200 : 503, body.value_or("the worker is busy\n"));
}

void Port::object(wire::NetStream& stream, const wire::HttpRequest& request) {
  const auto number = number_of(std::string_view(request.target).substr(std::string_view("/object/").size()));
  if (!number) return say(stream, request, 404, "that is no object's number\n");
  const bool first = !request.headers.contains("morrow-part");
  if (first && !begin_serving(*number))
    return say(stream, request, 503, "others get this now\n", {{"retry-after", "0"}});
  const base::Defer ends([&] {
    if (first) end_serving(*number);
  });
  auto answered = wait_for<std::optional<Objects::Lent>>(
      [&](auto then) { handlers_.object(*number, request.headers.contains("morrow-verify"), then); });
  if (!answered) return say(stream, request, 503, "the worker is busy\n", {{"retry-after", "1"}});
  const std::optional<Objects::Lent>& lent = *answered;
  if (!lent) return say(stream, request, 404, "this worker does not have that object\n");
  wire::ByteRange range{0, lent->bytes.size()};
  wire::HttpHeaders headers{{"content-type", "application/octet-stream"},
                            {"accept-ranges", "bytes"},
                            {"morrow-checksum", base::hex_of(lent->checksum)}};
  if (!request.keep_alive) headers["connection"] = "close";
  if (request.method == "GET" && header(request, "morrow-accept") == kBlocks && data::is_arrow(lent->bytes)) {
    // Tables compress well, other values seldom: a network is faster than a try to compress them.
    headers["morrow-encoding"] = kBlocks;
    stream.write(wire::chunked_head(200, headers));
    return write_blocks(stream, lent->bytes);
  }
  int status = 200;
  if (const std::string asked = header(request, "range"); !asked.empty()) {
    const auto part = wire::parse_range(asked, lent->bytes.size());
    if (!part) return say(stream, request, 416, "that range is not in the object\n");
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

/// False: nothing more comes on this connection, since a body was not read to its end.
bool Port::receive(wire::NetStream& stream, const wire::HttpRequest& request) {
  const auto refuse_with = [&](int status, const std::string& sentence) {
    say(stream, request, status, sentence, {{"connection", "close"}});
    return false;
  };
  const auto length = number_of(header(request, "content-length"));
  if (!length) return refuse_with(411, "an object needs its content-length\n");
  const bool blocks = header(request, "morrow-encoding") == kBlocks;
  const auto size = blocks ? number_of(header(request, "morrow-size")) : length;
  if (!size) return refuse_with(400, "an object in blocks needs morrow-size\n");
  const auto session = base::number_of_hex(header(request, "morrow-session"));
  const auto checksum = base::number_of_hex(header(request, "morrow-checksum"));
  if (!session || !checksum)
    return refuse_with(400, "an object needs morrow-session and morrow-checksum, each 16 hexadecimal digits\n");
  struct Answer {
    std::optional<Objects::Incoming> room;
    std::string sentence;
  };
  const auto answer = wait_for<Answer>([&](auto then) {
    handlers_.receive(*size, [then](std::optional<Objects::Incoming> room, std::string sentence) {
      then(Answer{std::move(room), std::move(sentence)});
    });
  });
  if (!answer || !answer->room) return refuse_with(507, answer ? answer->sentence : "the worker is busy");
  if (header(request, "expect") == "100-continue") stream.write(wire::response_head(100, {}, 0));
  if (blocks && !read_blocks(stream, *length, answer->room->bytes))
    return refuse_with(422, "the object's blocks came damaged\n");
  if (!blocks) stream.read_all(answer->room->bytes);
  if (data::checksum(answer->room->bytes) != *checksum)
    return refuse_with(422, "the object came with a wrong checksum\n");
  const std::uint64_t number = answer->room->number;
  if (wait_for<bool>([&](auto then) { handlers_.received(number, *session, then); }).value_or(false)) {
    say(stream, request, 201, std::to_string(number));
  } else {
    say(stream, request, 409, "that session is not open at this worker\n");
  }
  return true;
}

/// False: nothing more comes on this connection.
bool Port::copy(wire::NetStream& stream, const wire::HttpRequest& request) {
  const auto scope = base::number_of_hex(header(request, "morrow-scope"));
  const auto sequence = base::number_of_hex(header(request, "morrow-sequence"));
  const auto number = number_of(header(request, "morrow-object"));
  const auto size = number_of(header(request, "morrow-size"));
  if (!scope || !sequence || number.value_or(0) == 0 || size.value_or(0) == 0 ||
      number_of(header(request, "content-length")) != 0) {
    say(stream, request, 400,
        "a copy needs morrow-scope, morrow-sequence, morrow-object and morrow-size, and no body\n",
        {{"connection", "close"}});
    return false;
  }
  const control::HeldValue value{{*scope, *sequence}, *number, *size};
  const auto refusal = wait_for<std::string>([&](auto then) { handlers_.copy(value, then); });
  if (!refusal) {
    say(stream, request, 503, "the worker is busy\n", {{"retry-after", "1"}});
  } else if (!refusal->empty()) {
    say(stream, request, 507, *refusal);
  } else {
    say(stream, request, 201, "");
  }
  return true;
}

void Port::session(const Connection& connection, wire::NetStream& stream, const wire::HttpRequest& request) {
  if (header(request, "upgrade") != "morrow-session")
    return say(stream, request, 426, "a session begins with: Connection: Upgrade, Upgrade: morrow-session\n",
               {{"connection", "close"}});
  stream.write(wire::response_head(101, {{"connection", "Upgrade"}, {"upgrade", "morrow-session"}}, 0));
  auto [here, there] = wire::socket_pair(false);
  handlers_.session(std::move(there), connection.source.address);
  wire::pump(stream, std::move(here), stop_);
}

}  // namespace morrow::worker
