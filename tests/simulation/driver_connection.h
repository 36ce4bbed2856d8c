// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "tests/simulation/virtual_driver.h"

namespace morrow::simulation {

using worker::Brain;
using worker::Waiter;

/// A connection to one worker: both directions in order, each message with its own delay. What is said while nothing
/// gets through comes when something does again.
class VirtualDriver::Connection : public WorkerVoice, public std::enable_shared_from_this<Connection> {
 public:
  Connection(VirtualDriver& driver, VirtualWorker& worker) : driver_(&driver), world_(driver.world_), worker_(worker) {}

  void open(const VirtualWorker::Hello& hello) {
    client_ = worker_.connect(shared_from_this());
    mute_when_heard_ = worker_.was_mute();
    up([this, hello] { worker_.hello(client_, hello); });
  }
  /// The driver hears nothing more; what it has said still arrives.
  void drop() {
    driver_ = nullptr;
    up([this] { worker_.client_gone(client_); });
  }
  void up(std::function<void()> event) {
    ++said_;
    last_up_ =
        std::max({last_up_, world_.timeline.now() + world_.random.delay(world_.config.hop), worker_.hears_again()});
    world_.timeline.at(last_up_, [self = shared_from_this(), event = std::move(event)] { event(); });
  }
  void request(std::function<void(Brain&, Time)> request) {
    up([this, request = std::move(request)]() mutable { worker_.hear(client_, std::move(request)); });
  }
  void end_session(std::uint64_t number) {
    up([this, number] { worker_.end_session(client_, number); });
  }
  void beat() {
    up([this] { worker_.hear_beat(client_); });
  }
  void find(std::uint64_t token, const std::string& name) {
    up([this, token, name] { worker_.find(client_, token, name); });
  }
  /// Numbers that change with what was heard, and said.
  std::uint64_t heard() const { return heard_; }
  std::uint64_t said() const { return said_; }
  /// For so long the worker could say nothing, when it was heard the last time.
  Time mute_when_heard() const { return mute_when_heard_; }

  Waiter who() const { return Waiter{client_, 0}; }
  VirtualWorker& worker() { return worker_; }

  // WorkerVoice
  void welcome(std::uint64_t applied, const std::string& refused) override {
    down([applied, refused](VirtualDriver& driver) { driver.welcomed(applied, refused); });
  }
  void ready(const worker::action::Ready& ready) override {
    down([ready](VirtualDriver& driver) { driver.answered(ready); });
  }
  void ack(std::uint64_t number) override {
    down([number](VirtualDriver& driver) { driver.acknowledged(number); });
  }
  void session_ended() override {
    down([](VirtualDriver& driver) { driver.ended(); });
  }
  void store_room(bool full) override {
    down([full](VirtualDriver& driver) { driver.store_full_ = full; });
  }
  void beaten() override {
    down([](VirtualDriver&) {});
  }
  void found(std::uint64_t token, FutureId id, bool complete) override {
    down([token, id, complete](VirtualDriver& driver) { driver.found(token, id, complete); });
  }
  void lost() override {
    down([](VirtualDriver& driver) { driver.lost(); });
  }

 private:
  void down(std::function<void(VirtualDriver&)> event) {
    last_down_ =
        std::max({last_down_, world_.timeline.now() + world_.random.delay(world_.config.hop), worker_.speaks_again()});
    world_.timeline.at(last_down_, [self = shared_from_this(), event = std::move(event)] {
      ++self->heard_;
      self->mute_when_heard_ = self->worker_.was_mute();
      if (self->driver_ != nullptr) event(*self->driver_);
    });
  }

  VirtualDriver* driver_;
  World world_;
  VirtualWorker& worker_;
  ClientId client_ = 0;
  Time last_up_ = 0;
  Time last_down_ = 0;
  std::uint64_t heard_ = 0;
  std::uint64_t said_ = 0;
  Time mute_when_heard_ = 0;
};

}  // namespace morrow::simulation
