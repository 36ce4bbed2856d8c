// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "control/cluster.h"
#include "wire/messages.pb.h"
#include "wire/socket.h"
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
#include "worker/shell/change_requests.h"
#include "worker/shell/clients.h"
#include "worker/shell/copies.h"
#include "worker/shell/driver_sessions.h"
#include "worker/shell/driver_signs.h"
#include "worker/shell/executor_table.h"
#include "worker/shell/hand_over.h"
#include "worker/shell/left_out_lines.h"
#include "worker/shell/memory_watch.h"
#include "worker/shell/named_futures.h"
#include "worker/shell/nested_watch.h"
#include "worker/shell/object_transfers.h"
#include "worker/shell/peer_directory.h"
#include "worker/shell/processor_use.h"
#include "worker/shell/recent_failures.h"
#include "worker/shell/spill_notices.h"
#include "worker/shell/store_actions.h"
#include "worker/shell/task_output.h"
#include "worker/shell/task_starter.h"
#include "worker/shell/value_answers.h"
#include "worker/shell/why.h"

namespace morrow::worker {

/// What a worker that was fenced leaves to the next one of the same process.
struct KeptValues {
  KeptObjects objects;
  std::vector<std::pair<ProcessId, wire::Fd>> readers;  ///< that may look at the memory; pidfds
  ClientId last_client = 0;                             ///< what is called by a higher number came later
  bool draining = false;                                ///< it was to take nothing new
};

/// What a worker is started with.
struct ShellOptions {
  std::string cluster;
  std::string store_url;
  std::string cache_folder;  ///< images are materialized here
  std::string key_file;      ///< see ProgramSeal; of a cluster beside its store
  control::WorkerInfo info;  ///< the incarnation is drawn by the shell
  Knobs knobs;
  ObjectOptions objects;
  KeptValues kept = {};  ///< of the one before this
  std::uint64_t lease_ms = 5'000;
  std::uint64_t hand_over_ms =
      30'000;                        ///< the longest that values are handed over for before it leaves; 0: they are not
  wire::Fd port;                     ///< listens for the port; none: a private worker has none
  bool encrypt = false;              ///< what is said on the port
  bool private_worker = false;       ///< one client, no cluster: ends when it goes
  Undertaker* undertaker = nullptr;  ///< outlives the shell; see PoolOptions
  ExecutorGroups* groups = nullptr;  ///< the same
  VisibleDevices devices;            ///< the GPUs among the total, as processes see them
  bool inline_store = false;         ///< commits on the main thread, for measurements
  /// Looks whether drivers still find the socket that this worker listens on; else makes another one. None: all is
  /// well, or it could not. May be empty.
  std::function<wire::Fd()> look_at_door;
};

/// The worker's main thread: its loop, its timers, and the parts that carry out what the brain decides. Each turn of
/// the loop takes in everything that is ready, lets the brain decide once, and writes once to each socket. Owns all
/// parts of a worker, and lends each its means (shell_means.cc). All is for one thread; the store's thread, the port's
/// and the fetcher's hand over what they have by the io_context.
class Shell final : public ClientEvents {
 public:
  /// Why a worker's run ended.
  enum class End { kStopped, kFenced, kPrivateEnded, kBroken };

  /// Opens the store. \throws store::StoreError
  Shell(boost::asio::io_context& io, ShellOptions options, Logs& logs);
  ~Shell() override;

  /// Takes clients from here on.
  void listen(wire::Fd socket) { clients_.listen(std::move(socket)); }
  void adopt(wire::Fd socket, const std::string& from = {});

  /// Joins the cluster: from here on others see this worker. The last step of its start, so that one whose start failed
  /// was never seen. \throws store::StoreError
  void join();
  /// Runs until the worker is to end; says why. It has joined before.
  End run();
  /// After a run that ended fenced: the values that it still has.
  KeptValues keep();
  /// Gives back all that runs, hands over what only this worker has, and leaves the cluster; `run` returns when that is
  /// done, or some seconds after its time.
  void stop();
  /// Takes nothing new, lets what runs come to its end, and then stops, or after that time. \param limit_ms 0: never
  void drain(std::uint64_t limit_ms);

 private:
  /// How far the worker's end is.
  enum class Stage : std::uint8_t { kRuns, kStops, kHandsOver, kLeaves };
  /// Wakes the loop when the brain is to decide with no event.
  struct Alarm {
    boost::asio::steady_timer timer;
    Time at = 0;  ///< 0: it is not armed
  };
  /// What the turns of the loop have.
  struct Loop {
    Time now = 0;  ///< 0: look at the clock when it is asked for
    Alarm alarm;
    bool decide_again = false;
    wire::Spin spin = {};
    wire::Task task = {};  ///< used again and again, so that its memory is
  };
  /// How this worker ends.
  struct Ending {
    boost::asio::steady_timer timer;
    boost::asio::steady_timer drain_timer;  ///< then it stops, whatever runs still
    bool draining = false;                  ///< it takes nothing new, and stops when what runs has ended
    Stage stage = Stage::kRuns;
    std::optional<End> end = std::nullopt;
  };
  /// From the brain's decision that a task runs to its end.
  struct Tasks {
    TaskStarter starter;
    TaskOutput output;
    LeftOutLines left_out;
    ExecutorTable executors;
    MemoryWatch memory;
    NestedWatch nested;
  };
  /// The ways of values: to clients, from other workers and to them.
  struct Values {
    ValueAnswers answers;
    ObjectTransfers transfers;
    Copies copies;
    HandOver hand_over;
    SpillNotices spills;
  };
  /// What drivers have with this worker.
  struct Drivers {
    DriverSessions sessions;
    DriverSigns signs;
    NamedFutures names;
    ChangeRequests changes;
  };

  /// What people ask of the tasks here.
  struct Questions {
    Why why;
    ProcessorUse processors;
    RecentFailures failures;
    Time last_look = 0;  ///< at the processes of tasks
  };

  // shell.cc
  Time now();
  void turn();
  void decide();
  void arm(Time now);
  void finish(End end);
  void hand_over(bool drained);
  std::vector<control::HeldValue> held_values() const;
  void offer_kept();
  void acknowledge(const Waiter& who, std::uint64_t number);
  void end_within(std::uint64_t milliseconds, std::function<void()> late);
  void watch_signal();
  void look_at_door();
  bool stopping() const { return ending_.stage != Stage::kRuns; }

  void carry_out(action::StartExecutor& start) { tasks_.executors.carry_out(start); }
  void carry_out(action::Dispatch& dispatch);
  void carry_out(action::CollectResults& collect) { tasks_.executors.carry_out(collect); }
  void carry_out(action::Revoke& revoke) { tasks_.starter.carry_out(revoke); }
  void carry_out(action::KillExecutor& kill) { tasks_.executors.carry_out(kill); }
  void carry_out(action::RetireProgram& retire);
  void carry_out(action::Ready& ready) { values_.answers.carry_out(ready); }
  void carry_out(action::Ack& ack);
  void carry_out(action::Welcome& welcome) { drivers_.sessions.carry_out(welcome); }
  void carry_out(action::Refuse& refuse) { drivers_.sessions.carry_out(refuse); }
  void carry_out(action::SessionEnded& ended) { drivers_.sessions.carry_out(ended); }
  void carry_out(action::Notice& notice) { drivers_.sessions.carry_out(notice); }
  void carry_out(action::StoreRoom& room);
  void carry_out(action::CommitRound& commit) { store_actions_.carry_out(commit); }
  void carry_out(action::ClaimWork& claim) { store_actions_.carry_out(claim); }
  void carry_out(action::FindReadyDependencies& find) { store_actions_.carry_out(find); }
  void carry_out(action::NoteLongWaits& note) { store_actions_.carry_out(note); }
  void carry_out(action::SetIdle& idle) { store_actions_.carry_out(idle); }
  void carry_out(action::WakeIdle& wake) { store_actions_.carry_out(wake); }
  void carry_out(action::FreeObjects& freed);
  void carry_out(action::Prefetch& prefetch);
  void carry_out(action::TaskFailed& failed);
  void carry_out(action::EndScopes& scopes) { maintenance_.end_scopes(scopes.scopes); }
  void carry_out(action::Fenced& fenced);

  // ClientEvents
  void client_came(ClientId client, pid_t pid, const std::string& from) override;
  void client_frame(ClientId client, wire::FrameType type, std::string_view payload) override;
  void client_missed(ClientId client, std::string_view frames) override { tasks_.output.client_missed(client, frames); }
  void client_gone(ClientId client, const std::string& why) override;
  void client_took_all(ClientId client) override { tasks_.output.client_took_all(client); }

  // shell_means.cc: what the parts are given
  std::unique_ptr<store::Store> open_store();
  StoreActions::Events store_events();
  DriverSessions::Means session_means();
  DriverSessions::Events session_events();
  DriverSigns::Means sign_means();
  TaskStarter::Means starter_means();
  TaskStarter::Events starter_events();
  TaskOutput::Means output_means();
  ExecutorTable::Means executor_means();
  ExecutorTable::Events executor_events();
  ChangeRequests::Means change_means();
  Maintenance::Events upkeep_events();
  PostToStore post_to_store();
  CallLater call_later();
  Say warn();
  void give(const action::Dispatch& dispatch, const std::vector<DependencyPlace>& places);
  TaskOutput::Source source_of(ExecutorId executor) const;

  // shell_processes.cc: the same of those that look at the processes of tasks
  MemoryWatch::Means memory_means();
  NestedWatch::Means nested_means();
  void limit_memory(const action::Dispatch& dispatch);
  std::optional<MemoryWatch::Executor> watched(ExecutorId executor) const;
  PoolOptions pool_options();

  // shell_values.cc: the same of those that have to do with large values
  ValueAnswers::Means value_means();
  ValueAnswers::Events value_events();
  ObjectTransfers::Means transfer_means();
  HandOver::Means hand_over_means();
  void tell(control::SessionId session, const std::string& sentence);
  Copies::Means copies_means();
  Objects::Events object_events();
  void have_copied(const wire::Endpoint& worker, const control::HeldValue& value,
                   std::function<void(Fetcher::Copied, std::string sentence)> answered);
  void send(const Waiter& to, wire::FrameType type, const google::protobuf::MessageLite& message);

  // shell_port.cc: what other workers, other hosts and people ask
  void open_port();
  PortHandlers port_handlers();
  std::string metrics() const;
  wire::ObjectsReply own_objects() const;
  void show_status(ClientId client, std::string_view payload);
  void show_objects(ClientId client, std::string_view payload);
  void show_token(ClientId client, std::string_view payload);

  // shell_questions.cc: what people ask about tasks
  Why::Means why_means();
  RunsOn runs_on(const TaskSeen& task);
  pid_t pid_of(const TaskSeen& task) const;
  std::string holder_text(ProcessId process) const;
  std::string who_holds_room() const;
  Standing room_standing(ProcessId process) const;
  std::string waits_for_room(std::uint64_t bytes) const;
  std::string own_wait(ClientId client, wire::WhyRequest::OwnWait wait);
  void look_at_processes();
  void ask_worker(const std::string& address, control::FutureId id, std::function<void(std::string)> then);
  std::string store_trouble();
  std::string store_is_busy(const std::string& sentence) const;
  void tell_why(ClientId client, std::string_view payload);
  void list(ClientId client, std::string_view payload);
  void summarize(ClientId client, std::string_view payload);
  void carry_out_order(ClientId client, std::string_view payload);
  wire::OrderReply cancel(const wire::WhyReply& which);

  boost::asio::io_context& io_;
  ShellOptions options_;
  Logs& logs_;
  StoreActions store_actions_;
  PeerDirectory peers_;
  std::shared_ptr<const ProgramSeal> seal_;  // since the store is open
  StoreThread store_;
  Brain brain_;
  Tasks tasks_;
  Values values_;
  Drivers drivers_;
  Questions questions_;
  Objects objects_;
  ExecutorPool pool_;
  Clients clients_;
  LogRelay relay_;
  Maintenance maintenance_;
  Loop loop_;
  Ending ending_;

  // The last to be made, the first to go: they have threads that call us.
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<Port> port_;
};

}  // namespace morrow::worker
