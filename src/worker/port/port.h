// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "control/cluster.h"
#include "wire/http.h"
#include "wire/net_stream.h"
#include "wire/socket.h"
#include "wire/tls.h"
#include "worker/objects/objects.h"
#include "worker/port/admission.h"
#include "worker/port/traces.h"

namespace morrow::worker {

/// The port's questions to the worker. All are called on threads of the port, and so may `then` be.
struct PortHandlers {
  using Lend = std::function<void(std::optional<Objects::Lent>)>;
  std::function<void(std::uint64_t number, bool verify, Lend then)> object;
  /// Room for an object that the driver of a session on another host puts; none, with a sentence, when there is none.
  using Receive = std::function<void(std::optional<Objects::Incoming>, std::string sentence)>;
  std::function<void(std::uint64_t size, Receive then)> receive;
  /// It is filled. False: the session is not open here.
  std::function<void(std::uint64_t number, std::uint64_t session, std::function<void(bool)> then)> received;
  /// A worker that leaves asks this one to hold the value too. With a sentence: it can't.
  std::function<void(const control::HeldValue&, std::function<void(std::string refusal)> then)> copy;
  /// A driver or command on another host, and its address: a stream that carries the session protocol.
  std::function<void(wire::Fd, const std::string& from)> session;
  /// Text for Prometheus.
  std::function<void(std::function<void(std::string)> then)> metrics;
  /// A WhyReply, for another worker that was asked about a future that this one has.
  std::function<void(const control::FutureId&, std::function<void(std::string)> then)> why;
  /// An ObjectsReply, for another worker that is asked about the whole cluster.
  std::function<void(std::function<void(std::string)> then)> objects;
};

/// Who may enter, and how long a connection may take.
struct PortOptions {
  std::string token;                           ///< all that is asked must have it
  std::shared_ptr<const wire::TlsServer> tls;  ///< null: not encrypted
  /// Gets sentences for the worker's user; called on any thread.
  std::function<void(const std::string& sentence)> log = nullptr;
  Admission::Limits limits = {};
};

/// The port's connections now, and what it turned away since it was opened.
struct PortUse {
  std::size_t holders = 0;  ///< that have shown the token
  std::size_t strangers = 0;
  std::vector<std::pair<std::string_view, std::uint64_t>> turned_away;  ///< by reason
};

/// The worker's one port: HTTP/1.1 with a token. /health, /metrics, /objects, /why/ID, /object/NUMBER (GET, HEAD,
/// ranges), /object (PUT), /copy (PUT), and /session, which becomes a session of the protocol by an upgrade. A thread
/// for each connection, so that neither encryption nor a slow reader holds up the worker. docs/protocol.md tells the
/// story; admission.h says who may stay.
class Port {
 public:
  Port(wire::Fd listening, PortOptions options, PortHandlers handlers);
  /// Closes all connections, in the middle of anything, and waits for their threads. Answers that the handlers still
  /// owe are dropped.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  /// Thread-safe.
  PortUse use() const EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;
  /// A connection that has said something, and the thread that serves it.
  struct Connection {
    Connection(Admission::Id its_id, Source its_source) : id(its_id), source(std::move(its_source)) {}
    const Admission::Id id;
    const Source source;
    std::thread thread;                          ///< of the acceptor
    int socket = -1;                             ///< guarded by mutex_; -1: closed, or about to be
    std::optional<Clock::time_point> leaves_by;  ///< guarded by mutex_; it is to be closed then
    std::atomic<bool> hears = false;             ///< it can be told something: no handshake is under way
    std::atomic<bool> sent_away = false;
    std::atomic<bool> done = false;
  };
  /// What the acceptor has to do.
  struct Look {
    bool somebody_comes = false;
    std::vector<Admission::Id> spoke;  ///< that were silent
  };
  /// One that has said nothing so far, or has no thread yet.
  struct Silent {
    wire::Fd socket;
    Source source;
  };
  /// A sentence for the log that may have cause to come very often. Of the acceptor's thread.
  struct Complaint {
    std::string sentence;
    Clock::time_point last;
  };
  /// Those who wait for an answer of the worker.
  struct Waiting {
    base::Mutex mutex;
    base::CondVar changed;
    bool stop GUARDED_BY(mutex) = false;
  };

  // port.cc: those who come and go
  void accept_all();
  Look wait_for_strangers();
  bool has_all_threads() EXCLUDES(mutex_);
  void accept_some();
  void take(wire::Fd socket, Source source) EXCLUDES(mutex_);
  void hear(Admission::Id id) EXCLUDES(mutex_);
  bool start(Admission::Id id, Silent& silent) EXCLUDES(mutex_);
  void send_away(Admission::Id id, Traces::Reason reason) REQUIRES(mutex_);
  void clear_away() EXCLUDES(mutex_);
  void tell_traces() EXCLUDES(mutex_);
  void complain(Complaint& about);
  void pause() const;

  // connections.cc: each in its thread
  void serve(Connection& connection, wire::Fd socket) EXCLUDES(mutex_);
  void talk(Connection& connection, wire::NetStream& stream) EXCLUDES(mutex_);
  bool encrypt(Connection& connection, wire::NetStream& stream) EXCLUDES(mutex_);
  void hear_requests(Connection& connection, wire::NetStream& stream) EXCLUDES(mutex_);
  bool let_in(Connection& connection) EXCLUDES(mutex_);
  void trace(Traces::Reason reason, const Connection& connection) EXCLUDES(mutex_);

  // answers.cc: what is answered
  bool may_enter(const wire::HttpRequest& request) const;
  bool answer(const Connection& connection, wire::NetStream& stream, const wire::HttpRequest& request);
  void object(wire::NetStream& stream, const wire::HttpRequest& request);
  bool begin_serving(std::uint64_t number) EXCLUDES(mutex_);
  void end_serving(std::uint64_t number) EXCLUDES(mutex_);
  bool receive(wire::NetStream& stream, const wire::HttpRequest& request);
  bool copy(wire::NetStream& stream, const wire::HttpRequest& request);
  void session(const Connection& connection, wire::NetStream& stream, const wire::HttpRequest& request);
  void why(wire::NetStream& stream, const wire::HttpRequest& request);
  template <class T, class Ask>
  std::optional<T> wait_for(Ask ask);

  const wire::Fd listening_;
  const PortOptions options_;
  const PortHandlers handlers_;
  std::atomic<bool> stop_ = false;
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
  std::map<Admission::Id, Silent> silent_;  ///< of the acceptor's thread; the oldest first
  mutable base::Mutex mutex_;
  Admission admission_ GUARDED_BY(mutex_);
  Traces traces_ GUARDED_BY(mutex_);
  std::list<Connection> connections_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, int> serving_ GUARDED_BY(mutex_);  ///< how many get an object now, by its number; at least 1
  Complaint no_thread_;
  Complaint no_descriptor_;
  std::thread acceptor_;
};

}  // namespace morrow::worker
