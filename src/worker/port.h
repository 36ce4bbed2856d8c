#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "wire/http.h"
#include "wire/net_stream.h"
#include "wire/socket.h"
#include "wire/tls.h"
#include "worker/objects.h"

namespace morrow::worker {

/// What the port asks of the worker. All are called on threads of the port, and so may `then` be.
struct PortHandlers {
  using Lend = std::function<void(std::optional<Objects::Lent>)>;
  std::function<void(std::uint64_t number, bool verify, Lend then)> object;
  /// Room for an object that the driver of a session on another host puts; none, with a sentence, when there is none.
  using Receive = std::function<void(std::optional<Objects::Incoming>, std::string sentence)>;
  std::function<void(std::uint64_t size, Receive then)> receive;
  /// It is filled, or given up when the session is 0. False: the session is not open here.
  std::function<void(std::uint64_t number, std::uint64_t session, std::function<void(bool)> then)> received;
  /// A driver on another host: a stream that carries the session protocol.
  std::function<void(wire::Fd)> session;
  /// Text for Prometheus.
  std::function<void(std::function<void(std::string)> then)> metrics;
  /// An ObjectsReply, for another worker that is asked about the whole cluster.
  std::function<void(std::function<void(std::string)> then)> objects;
};

struct PortOptions {
  std::string token;                           ///< all that is asked must have it
  std::shared_ptr<const wire::TlsServer> tls;  ///< null: not encrypted
};

/// The worker's one port: HTTP/1.1 with a token. /health, /metrics, /objects, /object/NUMBER (GET, HEAD, ranges),
/// /object (PUT), and /session, which becomes a session of the protocol by an upgrade. A thread for each connection, so
/// that neither encryption nor a slow reader holds up the worker. docs/protocol.md tells the story.
class Port {
 public:
  Port(wire::Fd listening, PortOptions options, PortHandlers handlers);
  /// Closes all connections and waits for their threads.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

 private:
  struct Connection {
    std::thread thread;
    std::atomic<int> socket = -1;
    std::atomic<bool> done = false;
  };
  void accept_all();
  void serve(Connection& connection, wire::Fd socket);
  bool answer(wire::NetStream& stream, const wire::HttpRequest& request);
  void object(wire::NetStream& stream, const wire::HttpRequest& request);
  void receive(wire::NetStream& stream, const wire::HttpRequest& request);
  void session(wire::NetStream& stream, const wire::HttpRequest& request);
  bool may_enter(const wire::HttpRequest& request) const;

  const wire::Fd listening_;
  const PortOptions options_;
  const PortHandlers handlers_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::map<std::uint64_t, int> lent_;  ///< how many get an object now
  std::thread acceptor_;
};

/// A loopback address (or "localhost"): what listens there can only be reached from this machine.
bool is_loopback(const std::string& address);
/// What others reach a worker by that listens on `address`: itself, or for one that means all addresses one of the
/// machine's own.
std::string reachable_address(const std::string& address);

}  // namespace morrow::worker
