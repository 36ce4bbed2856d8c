// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "control/cluster.h"
#include "control/round.h"
#include "tests/simulation/downtime.h"
#include "tests/simulation/executors.h"
#include "tests/simulation/object_memory.h"
#include "tests/simulation/store_lanes.h"
#include "worker/brain/brain.h"
#include "worker/cluster/upkeep.h"
#include "worker/port/fetcher.h"
#include "worker/shell/driver_sessions.h"
#include "worker/shell/driver_signs.h"
#include "worker/shell/named_futures.h"
#include "worker/shell/object_transfers.h"
#include "worker/shell/store_actions.h"
#include "worker/shell/task_starter.h"

namespace morrow::simulation {

using worker::ClientId;

/// What a worker says to a driver. The connection brings it, in order.
class WorkerVoice {
 public:
  virtual ~WorkerVoice() = default;
  virtual void welcome(std::uint64_t applied, const std::string& refused) = 0;
  virtual void ready(const worker::action::Ready& ready) = 0;
  virtual void ack(std::uint64_t number) = 0;
  virtual void session_ended() = 0;
  virtual void store_room(bool full) = 0;
  virtual void beaten() = 0;  ///< it lives
  /// The detached future of a name; 0: there is none.
  virtual void found(std::uint64_t token, control::FutureId id, bool complete) = 0;
  virtual void lost() = 0;  ///< the connection is closed from the worker's side
};

/// A worker in virtual time: the real brain, committer and upkeep, and of the shell the real sessions of drivers,
/// starts of tasks, transfers of values and actions on the store. Virtual are its connections, its store's thread, its
/// executors' processes and the bytes of large values.
class VirtualWorker {
 public:
  struct World {
    Timeline& timeline;
    Random& random;
    const Config& config;
    Weather& weather;
    Plans& plans;
    std::shared_ptr<store::SimDatabase> database;
    std::function<std::uint64_t()> fresh;
    std::function<void(const std::string&)> wrong;
    std::function<void(const std::string&)> odd;
    std::function<void(VirtualWorker&)> ended;
    std::function<void(const Plan&)> killed;  ///< by a task with this plan
    std::function<void(control::FutureId, const Plan&)> begun;
    std::function<void(control::SessionId)> abandoned;  ///< it is about to be ended, since its driver is gone
    /// Asks another worker for a large value.
    std::function<worker::Fetcher::End(control::Incarnation holder, std::uint64_t object)> ask_holder;
  };
  /// What needs a license runs only where there is one.
  VirtualWorker(World world, control::Incarnation incarnation, std::string name, bool licensed);
  bool licensed() const { return info_.total.named_micro.contains("license"); }
  ~VirtualWorker();

  control::Incarnation incarnation() const { return incarnation_; }
  Process& process() { return process_; }
  /// Takes drivers: it has joined, and neither stops nor is dead.
  bool open() const { return joined_ && !stopping_ && process_.alive(); }
  const worker::Brain& brain() const { return *brain_; }
  Executors* executors() { return executors_.get(); }
  /// Large values that it holds.
  const std::map<std::uint64_t, std::uint64_t>& objects() const { return objects_; }
  /// A value that can be computed again is gone, and this worker does not know.
  void forget_one();
  /// It can't start the program until then.
  void unfit_until(Time time) { luck_.unfit_until(now(), time); }
  bool unfit() const { return luck_.unfit(now()); }
  const ObjectMemory& memory() const { return *memory_; }

  /// A driver's connection; what it says goes through `hear`, in its order.
  ClientId connect(std::shared_ptr<WorkerVoice> voice);
  struct Hello {
    control::SessionId session = 0;
    bool resume = false;
    std::uint64_t grace_ms = 10'000;
    std::uint64_t opening = 0;
    bool on_this_machine = false;  ///< the driver
  };
  void hello(ClientId client, const Hello& hello);
  /// What a driver asks of the brain, once it is greeted.
  void hear(ClientId client, std::function<void(worker::Brain&, Time)> request);
  void end_session(ClientId client, std::uint64_t number);
  void hear_beat(ClientId client);
  void find(ClientId client, std::uint64_t token, const std::string& name);
  void client_gone(ClientId client);

  /// Does not reach the store until then, while others do.
  void cut_off_until(Time time) { lanes_->cut_off_until(time); }
  /// Hears nothing of its drivers until then, or says nothing that they hear.
  void deaf_until(Time time) { deaf_.down_until(now(), time); }
  void mute_until(Time time) { mute_.down_until(now(), time); }
  /// How long nothing that it said was heard so far, all in all; and how long it heard nothing.
  Time was_mute() const { return process_.stood_still() + mute_.total(now()); }
  Time was_deaf() const { return process_.stood_still() + deaf_.total(now()); }
  Time hears_again() const { return deaf_.until(); }
  Time speaks_again() const { return mute_.until(); }
  /// All is healed.
  void calm();
  /// How long it could not give a sign of life so far, all in all, through no fault of the store.
  Time was_away() const { return process_.stood_still() + lanes_->was_cut_off(); }

  /// The process of another worker is gone, as the kernel says when `later` has passed.
  void local_worker_ended(control::Incarnation incarnation, Time later);

  /// Leaves the cluster in order.
  void stop();
  /// Dies at once; its executors with it.
  void die();

 private:
  static constexpr const char* kCluster = "simulated";
  struct Connection {
    std::shared_ptr<WorkerVoice> voice;
    std::uint64_t came = 0;   ///< frames
    std::uint64_t taken = 0;  ///< by the driver
    Time away_when_heard = 0;
    bool on_this_machine = false;
    bool welcome = false;  ///< the driver was told so
    bool closed = false;   ///< by the worker: nothing more is read
  };

  Time now() const { return world_.timeline.now(); }
  void joined();
  void tell(std::function<void()> event);
  void turn();
  void decide();
  void arm();
  void watch_signal();
  void close(ClientId client);
  bool hears(ClientId client);
  void cut(ClientId client);
  void frame(ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message);
  void send(ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message);
  WorkerVoice* voice_of(ClientId client);
  void bring(control::FutureId id, const control::ObjectRef& object, std::function<void(bool here)> then);
  void fetch(const std::vector<wire::Endpoint>& holders, std::uint64_t number, const worker::Fetcher::Done& ended);
  void want(worker::ProcessId process, control::FutureId id, const control::ObjectRef& object,
            const worker::Objects::Then& then, bool brief);
  void give(const worker::action::Dispatch& dispatch, const std::vector<worker::DependencyPlace>& places);
  void values_read(worker::ExecutorId executor, std::uint32_t slot, std::uint32_t generation);
  void executor_gone(worker::ExecutorId executor);
  void look_at_taken(const control::ClaimResult& result);
  void answer(const worker::action::Ready& ready);
  void leave_when_drained();

  // What the parts are given.
  void make_parts();
  void make_executors();
  worker::PostToStore post_to_store();
  worker::StoreActions::Events store_events();
  worker::DriverSessions::Means session_means();
  worker::DriverSessions::Events session_events();
  worker::DriverSigns::Means sign_means();
  worker::TaskStarter::Means starter_means();
  worker::TaskStarter::Events starter_events();
  worker::ObjectTransfers::Means transfer_means();
  ObjectMemory::World memory_world();
  worker::Upkeep::Means upkeep_means();
  worker::Upkeep::Events upkeep_events();

  void carry_out(worker::action::StartExecutor& start);
  void carry_out(worker::action::Dispatch& dispatch) { starter_->carry_out(dispatch); }
  void carry_out(worker::action::CollectResults&) {}  // these executors send at once
  void carry_out(worker::action::Revoke& revoke) { starter_->carry_out(revoke); }
  void carry_out(worker::action::KillExecutor& kill) { executors_->kill(kill); }
  void carry_out(worker::action::RetireProgram&) {}
  void carry_out(worker::action::Ready& ready);
  void carry_out(worker::action::Ack& ack);
  void carry_out(worker::action::Welcome& welcome) { sessions_->carry_out(welcome); }
  void carry_out(worker::action::Refuse& refuse) { sessions_->carry_out(refuse); }
  void carry_out(worker::action::SessionEnded& ended) { sessions_->carry_out(ended); }
  void carry_out(worker::action::Notice&) {}
  void carry_out(worker::action::StoreRoom& room) { sessions_->carry_out(room); }
  void carry_out(worker::action::CommitRound& commit) { store_actions_->carry_out(commit); }
  void carry_out(worker::action::ClaimWork& claim) { store_actions_->carry_out(claim); }
  void carry_out(worker::action::FindReadyDependencies& find) { store_actions_->carry_out(find); }
  void carry_out(worker::action::NoteLongWaits& note) { store_actions_->carry_out(note); }
  void carry_out(worker::action::SetIdle& idle) { store_actions_->carry_out(idle); }
  void carry_out(worker::action::WakeIdle& wake) { store_actions_->carry_out(wake); }
  void carry_out(worker::action::FreeObjects& freed);
  void carry_out(worker::action::Prefetch&) {}
  void carry_out(worker::action::TaskFailed&) {}
  void carry_out(worker::action::EndScopes& scopes) { upkeep_->end_scopes(scopes.scopes); }
  void carry_out(worker::action::Fenced&) { die(); }

  World world_;
  const control::Incarnation incarnation_;
  control::WorkerInfo info_;
  Process process_;
  std::unique_ptr<worker::Brain> brain_;
  std::unique_ptr<worker::Upkeep> upkeep_;
  std::unique_ptr<worker::StoreActions> store_actions_;
  std::unique_ptr<worker::DriverSessions> sessions_;
  std::unique_ptr<worker::DriverSigns> signs_;
  std::unique_ptr<worker::NamedFutures> names_;
  std::unique_ptr<worker::TaskStarter> starter_;
  std::unique_ptr<worker::ObjectTransfers> transfers_;
  std::unique_ptr<Executors> executors_;
  std::unique_ptr<StoreLanes> lanes_;
  std::vector<std::function<void()>> mailbox_;
  bool turn_ahead_ = false;
  bool decide_again_ = false;
  bool joined_ = false;
  bool stopping_ = false;
  bool leaving_ = false;
  StartLuck luck_;
  Downtime deaf_;
  Downtime mute_;
  Time armed_ = 0;
  ClientId last_client_ = 0;
  std::map<ClientId, Connection> connections_;
  std::map<std::uint64_t, std::uint64_t> objects_;  ///< their sizes, by number
  std::unique_ptr<ObjectMemory> memory_;
  /// Of tasks that processes have, by executor, slot and generation: the values that are pinned for them.
  std::map<std::tuple<worker::ExecutorId, std::uint32_t, std::uint32_t>, std::vector<std::uint64_t>> pinned_;
  std::set<control::FutureId> lost_once_;
};

}  // namespace morrow::simulation
