// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "control/round.h"
#include "wire/messages.pb.h"
#include "wire/spin.h"
#include "worker/brain/actions.h"
#include "worker/brain/brain.h"
#include "worker/cluster/store_thread.h"
#include "worker/cluster/upkeep_timer.h"
#include "worker/logs/logs.h"
#include "worker/logs/relay.h"
#include "worker/objects/objects.h"
#include "worker/pool/pool.h"
#include "worker/port/fetcher.h"
#include "worker/port/port.h"
#include "worker/shell/clients.h"

namespace morrow::worker {

using StoreLane = StoreThread::Lane;

struct ShellOptions {
  std::string cluster;
  std::string store_url;
  std::string cache_folder;  ///< images are materialized here
  control::WorkerInfo info;  ///< the incarnation is drawn by the shell
  Knobs knobs;
  ObjectOptions objects;
  std::uint64_t lease_ms = 5'000;
  wire::Fd port;                ///< listens for the port; none: a private worker has none
  bool encrypt = false;         ///< what is said on the port
  bool private_worker = false;  ///< one client, no cluster: ends when it goes
  bool inline_store = false;    ///< commits on the main thread, for measurements
};

/// Carries out what the brain decides: sockets, timers, processes, the store. One thread runs it all but the store;
/// each turn of its loop takes in everything that is ready, lets the brain decide once, and writes once to each socket.
class Shell final : public ExecutorEvents, public ClientEvents {
 public:
  enum class End { kStopped, kFenced, kPrivateEnded, kBroken };

  /// Opens the store, and joins the cluster. \throws store::StoreError
  Shell(boost::asio::io_context& io, ShellOptions options, Logs& logs);
  ~Shell() override;

  /// Takes clients from here on.
  void listen(wire::Fd socket) { clients_.listen(std::move(socket)); }
  void adopt(wire::Fd socket);

  /// Runs until the worker is to end; says why.
  End run();
  /// Gives back all that runs and leaves the cluster; `run` returns when that is done, or after some seconds.
  void stop();

 private:
  /// A driver that does not read what its tasks write loses lines, not the worker its memory.
  static constexpr std::size_t kMaxUnsentLog = 4 << 20;

  /// A task that an executor was given.
  struct Given {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    control::Claim claim = 0;
    std::uint32_t attempt = 0;
    control::SpecPtr spec;
    control::FutureId id;
  };
  struct Starting;
  struct Fetching;
  struct Executor {
    ExecutorId number = 0;
    ExecutorProcess process{};
    std::string program;
    bool started = false;
    std::deque<Given> given;                         ///< the oldest first
    std::deque<std::shared_ptr<Starting>> starting;  ///< of these: not sent yet, for want of values
    bool contended = false;                          ///< a task of it got no room, since others held it
    std::optional<Brain::Done> late;                 ///< the end of that task, until it is told
    LineCutter out;
    LineCutter err;
  };
  struct Blob {
    std::uint32_t next = 0;  ///< index of the piece that comes
  };
  struct Driver {
    ClientId id = 0;
    std::int64_t pid = 0;
    wire::Fd pidfd;  ///< of when it came: by its end the number may be another's
    bool greeted = false;
    bool command = false;
    bool relay = false;  ///< another worker
    bool welcome = false;
    bool log = true;
    bool maps_objects = false;  ///< it has the object memory in its address space
    control::SessionId session = 0;
    std::uint64_t attachment = 0;
    std::string program;
    std::uint64_t acked = 0;
    std::vector<std::string> missing;             ///< files of its image, to be asked for
    std::unordered_map<std::string, Blob> blobs;  ///< being uploaded
    std::size_t queued_bytes = 0;                 ///< of blobs, on their way to the store
    bool paused = false;
    std::uint64_t dropped_lines = 0;
    std::uint64_t ending = 0;  ///< number of its EndSession; 0: none
    std::uint64_t ending_round = 0;
    bool asked_failed = false;
    std::vector<control::FutureId> observed;
    control::FailedFutures failed;
  };

  // shell.cc
  Time now();
  void turn();
  void decide();
  void arm(Time now);
  void finish(End end);
  void drain_or_leave();
  void watch_signal();

  // store_actions.cc
  void carry_out(action::StartExecutor& start);
  void carry_out(action::Dispatch& dispatch);
  void carry_out(action::CollectResults& collect);
  void carry_out(action::Revoke& revoke);
  void carry_out(action::KillExecutor& kill);
  void carry_out(action::RetireProgram& retire);
  void carry_out(action::Ready& ready);
  void carry_out(action::Ack& ack);
  void carry_out(action::Welcome& welcome);
  void carry_out(action::Refuse& refuse);
  void carry_out(action::SessionEnded& ended);
  void carry_out(action::Notice& notice);
  void carry_out(action::CommitRound& commit);
  void carry_out(action::ClaimWork& claim);
  void carry_out(action::FindReadyDependencies& find);
  void carry_out(action::SetIdle& idle);
  void carry_out(action::WakeIdle& wake);
  void carry_out(action::FreeObjects& freed);
  void carry_out(action::Prefetch& prefetch);
  void carry_out(action::EndScopes& scopes);
  void carry_out(action::Fenced& fenced);

  // executor_table.cc
  void executor_ready(ExecutorProcess process) override;
  void executor_exited(ExecutorProcess process, const ExecutorExit& exit) override;
  void executor_frame(ExecutorProcess process, wire::FrameType type, std::string_view payload) override;
  void executor_output(ExecutorProcess process, bool to_stderr, std::string_view text) override;
  void program_failed(const std::string& program, const std::string& sentence) override;
  void program_output(const std::string& program, std::string_view text);
  void task_done(Executor& executor, std::string_view payload);
  void ended(ExecutorId number, Brain::Done done);
  void tell_late(ExecutorId number);
  void end_partial_lines(Executor& executor);
  void tell_lines(const Executor& executor, bool to_stderr, const std::vector<std::string>& lines);
  Executor* by_process(ExecutorProcess process);
  Executor* by_number(ExecutorId number);
  static const Given* given(const Executor& executor, control::Claim claim);

  // value_answers.cc
  static ProcessId process_of(const Waiter& who);
  bool object_frame(const Waiter& who, wire::FrameType type, std::string_view payload);
  void contended(const Waiter& who);
  void unpin(const Waiter& who, std::string_view payload);
  void put(const Waiter& who, const Brain::Asker& asker, wire::Put& put, const std::string& program,
           control::SessionId session);
  void let_go_when_dead(ProcessId process, wire::Fd pidfd);
  void answer(const action::Ready& ready, const ObjectPlace* place, const ObjectProblem* problem);
  void send(const Waiter& to, wire::FrameType type, const google::protobuf::MessageLite& message);
  void fetch_object(control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into,
                    std::function<void(bool lost, std::string problem)> done);
  void fetch_from(std::shared_ptr<Fetching> fetching);
  void fetched(const std::shared_ptr<Fetching>& fetching, Fetcher::End end, const std::string& sentence);
  std::optional<wire::Endpoint> endpoint_of(const std::string& address) const;
  wire::ObjectsReply own_objects() const;
  void objects(ClientId client, std::string_view payload);

  // task_starter.cc
  void ask_for_values(const std::shared_ptr<Starting>& starting);
  void let_go(Starting& starting);
  bool tries_again(const std::shared_ptr<Starting>& starting);
  std::shared_ptr<Starting> next_ready(Executor& executor);
  void start_ready(ExecutorId number);
  void start(const Executor& executor, const action::Dispatch& dispatch,
             const std::vector<std::pair<std::size_t, ObjectPlace>>& places);

  // peers.cc
  void workers_seen(const std::vector<control::WorkerSeen>& workers);
  void open_port();
  std::string metrics() const;
  void token(ClientId client, std::string_view payload);
  std::string url_of(const std::string& given) const;

  // changes.cc: what drivers and executors may both ask
  bool change_frame(const Waiter& who, const Driver* driver, const Executor* executor, wire::FrameType type,
                    std::string_view payload);

  // driver_sessions.cc
  void client_came(ClientId client, pid_t pid) override;
  void client_frame(ClientId client, wire::FrameType type, std::string_view payload) override;
  void client_gone(ClientId client, const std::string& why) override;
  void hello(Driver& driver, std::string_view payload);
  void refuse(ClientId client, const std::string& sentence);
  void program(Driver& driver, std::string_view payload);
  void send_need(Driver& driver);
  void blob_chunk(Driver& driver, std::string_view payload);
  void end_session(Driver& driver, std::string_view payload);
  void end_sessions();
  void orphan(control::SessionId session, std::uint64_t attachment);
  void status(ClientId client);
  void relayed(std::string_view payload);
  /// The driver of a session that is open here.
  Driver* driver_of(control::SessionId session);

  boost::asio::io_context& io_;
  ShellOptions options_;
  Logs& logs_;
  control::Incarnation incarnation_;
  std::shared_ptr<control::Committer> committer_;  ///< made and used on the store's thread
  control::Secrets secrets_;
  std::vector<std::string> addresses_;  ///< of other workers, HOST:PORT
  std::vector<std::string> urls_;       ///< of all other workers, whether or not they encrypt as this one does
  StoreThread store_;
  Brain brain_;
  Objects objects_;
  ExecutorPool pool_;
  Clients clients_;
  LogRelay relay_;
  Maintenance maintenance_;

  Time now_ = 0;  ///< 0: look at the clock when it is asked for
  boost::asio::steady_timer timer_;
  Time armed_ = 0;  ///< when the timer fires; 0: it is not armed
  boost::asio::steady_timer stop_timer_;
  std::optional<End> end_;
  std::string broken_;
  bool stopping_ = false;
  bool leaving_ = false;

  std::unordered_map<ExecutorId, std::unique_ptr<Executor>> executors_;
  std::unordered_map<ExecutorProcess, Executor*> processes_;
  std::unordered_map<std::string, LineCutter> starting_;  ///< by program
  std::unordered_map<ClientId, Driver> drivers_;
  std::unordered_map<control::SessionId, ClientId> sessions_;
  std::size_t ending_drivers_ = 0;
  bool round_in_flight_ = false;
  std::uint64_t rounds_ = 0;
  bool decide_again_ = false;
  std::uint64_t started_with_objects_ = 0;  ///< tasks that depend on large values
  wire::Spin spin_;

  // The last to be made, the first to go: they have threads that call us.
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<Port> port_;

  // Messages that are used again and again, so that their memory is.
  wire::Submit submit_;
  wire::Await await_;
  wire::TaskDone task_done_;
  wire::Task task_;
  wire::Ready ready_;
  wire::Ack ack_;
};

}  // namespace morrow::worker
