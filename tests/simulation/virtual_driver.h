// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/script.h"
#include "tests/simulation/virtual_worker.h"
#include "wire/signs_of_life.h"

namespace morrow::simulation {

/// A driver in virtual time: runs a plan, keeps what it asked until it is acknowledged, and carries it to another
/// worker when its own is lost, as runtime::Driver does.
class VirtualDriver : public Script::Owner {
 public:
  struct World {
    Timeline& timeline;
    Random& random;
    const Config& config;
    std::function<VirtualWorker*()> pick_worker;  ///< one that takes drivers, or null
    std::function<std::uint64_t()> fresh;
    std::function<void(const std::string&)> wrong;
    std::function<bool(FutureId)> is_released;          ///< the store has it released, or has it no more
    std::function<void(const std::string& name)> kept;  ///< the detached future of this name stays
  };
  VirtualDriver(World world, PlanPtr plan);
  ~VirtualDriver() override;

  void start() { connect(); }
  /// Loses its connection and takes another worker.
  void move();
  /// Loses its connection, and looks for another one when its grace is about over: it may find its session ended.
  void nap();
  void wake();
  /// Dies without a word.
  void vanish();

  bool done() const { return over_; }
  bool connected() const { return welcome_; }
  control::SessionId session() const { return session_; }
  VirtualWorker* worker() const;
  /// What it does, for people.
  std::string text() const;

  // Script::Owner
  ScopeId root_scope() override { return session_; }
  ScopeId fresh_scope() override { return world_.fresh(); }
  void submit(FutureId id, const ChildPlan& child, std::vector<FutureId> dependencies,
              std::vector<FutureId> given) override;
  std::uint64_t ask(std::vector<FutureId> ids, std::uint32_t need, bool poll, bool hosts) override;
  void unask(std::uint64_t token) override;
  void release(FutureId id) override;
  void cancel(FutureId id) override;
  void open_scope(ScopeId scope, ScopeId parent) override;
  void end_scope(ScopeId scope) override;
  void find(const std::string& name) override;
  void flush() override;
  void work(Time time) override;
  void wrong(const std::string& sentence) override;

 private:
  class Connection;
  using Change = std::function<void(worker::Brain&, Time, const worker::Brain::Asker&)>;
  struct Kept {
    std::uint64_t number;
    Change change;                    ///< empty: the end of the session
    std::vector<FutureId> submitted;  ///< of a submit: the future, and what it depends on
  };

  void connect();
  void connect_soon() { connect_after(50 * kMillisecond); }
  void connect_after(Time time);
  void prove_life();
  void look_at_signs();
  void drop_connection();
  void keep(Change change, std::vector<FutureId> submitted = {});
  void look_for_release(FutureId id);
  void send(const Kept& kept, bool resent);
  void send_question(const worker::Brain::AwaitRequest& question);
  void send_flush();
  void go_on();
  void after_step();
  void end();

  // What the connection brings.
  void welcomed(std::uint64_t applied, const std::string& refused);
  void acknowledged(std::uint64_t number);
  void answered(const worker::action::Ready& ready);
  void found(std::uint64_t token, FutureId id, bool complete);
  void ended();
  void lost();

  World world_;
  PlanPtr plan_;
  std::unique_ptr<Script> script_;
  control::SessionId session_;
  const bool afar_;  ///< on another host than its worker
  wire::SignsOfLife signs_;
  std::shared_ptr<Connection> connection_;
  std::uint64_t connections_ = 0;
  bool welcome_ = false;
  bool was_welcome_ = false;
  bool over_ = false;
  bool napped_ = false;
  bool store_full_ = false;  ///< as its worker says
  std::deque<Kept> kept_;
  std::uint64_t number_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t flushing_ = 0;
  bool ending_ = false;
  std::map<std::uint64_t, worker::Brain::AwaitRequest> questions_;
  Time refused_since_ = 0;
  std::uint64_t find_token_ = 0;  ///< 0: it asks for no name
  std::string find_name_;
};

}  // namespace morrow::simulation
