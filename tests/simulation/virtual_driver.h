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
  };
  VirtualDriver(World world, PlanPtr plan);
  ~VirtualDriver() override;

  void start() { connect(); }
  /// Loses its connection and takes another worker.
  void move();
  /// Dies without a word.
  void vanish();

  bool done() const { return over_; }
  bool connected() const { return welcome_; }
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
  void flush() override;
  void work(Time time) override;
  void wrong(const std::string& sentence) override;

 private:
  class Connection;
  using Change = std::function<void(worker::Brain&, Time, const worker::Brain::Asker&)>;
  struct Kept {
    std::uint64_t number;
    Change change;  ///< empty: the end of the session
  };

  void connect();
  void connect_soon();
  void drop_connection();
  void keep(Change change);
  void send(const Kept& kept, bool resent);
  void send_question(const worker::Brain::AwaitRequest& question);
  void send_flush();
  void go_on();
  void end();

  // What the connection brings.
  void welcomed(std::uint64_t applied, const std::string& refused);
  void acknowledged(std::uint64_t number);
  void answered(const worker::action::Ready& ready);
  void ended() { over_ = true; }
  void lost();

  World world_;
  PlanPtr plan_;
  std::unique_ptr<Script> script_;
  control::SessionId session_;
  std::shared_ptr<Connection> connection_;
  std::uint64_t connections_ = 0;
  bool welcome_ = false;
  bool was_welcome_ = false;
  bool over_ = false;
  std::deque<Kept> kept_;
  std::uint64_t number_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t flushing_ = 0;
  bool ending_ = false;
  std::map<std::uint64_t, worker::Brain::AwaitRequest> questions_;
  Time refused_since_ = 0;
};

}  // namespace morrow::simulation
