// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/cluster.h"
#include "control/round.h"
#include "tests/simulation/executors.h"
#include "tests/simulation/store_lanes.h"
#include "worker/brain/brain.h"
#include "worker/cluster/upkeep.h"

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
  virtual void lost() = 0;  ///< the connection is closed from the worker's side
};

/// A worker in virtual time: the real brain, committer and upkeep, and what the shell does between them.
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
  };
  /// What needs a license runs only where there is one.
  VirtualWorker(World world, control::Incarnation incarnation, std::string name, bool licensed);
  bool licensed() const { return info_.total.named_milli.contains("license"); }
  ~VirtualWorker();

  control::Incarnation incarnation() const { return incarnation_; }
  Process& process() { return process_; }
  /// Takes drivers: it has joined, and neither stops nor is dead.
  bool open() const { return joined_ && !stopping_ && process_.alive(); }
  const worker::Brain& brain() const { return *brain_; }
  Executors* executors() { return executors_.get(); }
  /// Large values that it holds.
  const std::set<std::uint64_t>& objects() const { return objects_; }

  /// A driver's connection; what it says goes through `hear`, in its order.
  ClientId connect(std::shared_ptr<WorkerVoice> voice);
  struct Hello {
    control::SessionId session = 0;
    bool resume = false;
    std::uint64_t grace_ms = 10'000;
    std::uint64_t opening = 0;
  };
  void hello(ClientId client, const Hello& hello);
  /// What a driver asks of the brain, once it is greeted.
  void hear(ClientId client, std::function<void(worker::Brain&, Time)> request);
  void end_session(ClientId client, std::uint64_t number);
  void client_gone(ClientId client);

  /// Leaves the cluster in order.
  void stop();
  /// Dies at once; its executors with it.
  void die();

 private:
  struct Driver {
    std::shared_ptr<WorkerVoice> voice;
    bool closed = false;
    control::SessionId session = 0;
    std::uint64_t attachment = 0;
    std::uint64_t acked = 0;
    std::uint64_t ending = 0;
    std::uint64_t ending_round = 0;
    bool asked_failed = false;
  };
  using Lane = StoreLanes::Lane;

  Time now() const { return world_.timeline.now(); }
  void joined();
  void tell(std::function<void()> event);
  void turn();
  void decide();
  void arm();
  void watch_signal();
  void orphan(control::SessionId session, std::uint64_t attachment);
  void close(ClientId client);
  void bring(control::FutureId id, const control::ObjectRef& object, std::function<void(bool here)> then);
  void start_ready(worker::ExecutorId executor);
  void answer(const worker::action::Ready& ready);
  void end_sessions();
  void leave_when_drained();

  // What the shell's carry_out does.
  void carry_out(worker::action::StartExecutor& start) { executors_->start(start); }
  void carry_out(worker::action::Dispatch& dispatch);
  void carry_out(worker::action::CollectResults&) {}  // these executors send at once
  void carry_out(worker::action::Revoke& revoke);
  void carry_out(worker::action::KillExecutor& kill) {
    starting_.erase(kill.executor);
    executors_->kill(kill);
  }
  void carry_out(worker::action::RetireProgram&) {}
  void carry_out(worker::action::Ready& ready);
  void carry_out(worker::action::Ack& ack);
  void carry_out(worker::action::Welcome& welcome);
  void carry_out(worker::action::Refuse& refuse);
  void carry_out(worker::action::SessionEnded& ended);
  void carry_out(worker::action::Notice&) {}
  void carry_out(worker::action::CommitRound& commit);
  void carry_out(worker::action::ClaimWork& claim);
  void carry_out(worker::action::FindReadyDependencies& find);
  void carry_out(worker::action::SetIdle& idle);
  void carry_out(worker::action::WakeIdle& wake);
  void carry_out(worker::action::FreeObjects& freed);
  void carry_out(worker::action::Prefetch&) {}
  void carry_out(worker::action::EndScopes& scopes) { upkeep_->end_scopes(scopes.scopes); }
  void carry_out(worker::action::Fenced& fenced);

  World world_;
  const control::Incarnation incarnation_;
  control::WorkerInfo info_;
  Process process_;
  std::unique_ptr<worker::Brain> brain_;
  std::unique_ptr<worker::Upkeep> upkeep_;
  std::unique_ptr<Executors> executors_;
  std::unique_ptr<StoreLanes> lanes_;
  std::shared_ptr<control::Committer> committer_;
  std::vector<std::function<void()>> mailbox_;
  bool turn_ahead_ = false;
  bool decide_again_ = false;
  bool joined_ = false;
  bool stopping_ = false;
  bool leaving_ = false;
  Time armed_ = 0;
  bool round_in_flight_ = false;
  std::uint64_t rounds_ = 0;
  ClientId last_client_ = 0;
  std::map<ClientId, Driver> drivers_;
  std::map<control::SessionId, ClientId> sessions_;
  std::set<std::uint64_t> objects_;
  std::set<control::FutureId> lost_once_;
  /// A task that waits for its values to be here.
  struct Starting {
    worker::action::Dispatch dispatch;
    std::size_t missing = 0;
    control::op::LostValue lost;
  };
  std::map<worker::ExecutorId, std::deque<std::shared_ptr<Starting>>> starting_;
};

}  // namespace morrow::simulation
