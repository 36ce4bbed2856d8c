// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "tests/simulation/downtime.h"
#include "tests/simulation/timeline.h"

namespace morrow::simulation {

/// A process in virtual time: it can be stopped and go on, and it can die. What is to happen in it waits while it is
/// stopped, and never happens when it is dead.
class Process {
 public:
  explicit Process(Timeline& timeline) : timeline_(timeline), life_(std::make_shared<Life>()) {}
  ~Process() { die(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void at(Time time, std::function<void()> event) { post(timeline_, time, life_, std::move(event)); }
  void after(Time delay, std::function<void()> event) { at(timeline_.now() + delay, std::move(event)); }

  void stop_until(Time time) { life_->stops.down_until(timeline_.now(), time); }
  bool stopped() const { return life_->stops.down(timeline_.now()); }
  /// How long it has stood still so far, all in all.
  Time stood_still() const { return life_->stops.total(timeline_.now()); }
  /// When it goes on. In the past: it does.
  Time goes_on() const { return life_->stops.until(); }
  void die() { life_->alive = false; }
  bool alive() const { return life_->alive; }

 private:
  struct Life {
    bool alive = true;
    Downtime stops;
  };

  static void post(Timeline& timeline, Time time, std::shared_ptr<Life> life, std::function<void()> event) {
    timeline.at(time, [&timeline, life = std::move(life), event = std::move(event)]() mutable {
      if (!life->alive) return;
      if (life->stops.down(timeline.now())) {
        const Time until = life->stops.until();
        return post(timeline, until, std::move(life), std::move(event));
      }
      event();
    });
  }

  Timeline& timeline_;
  std::shared_ptr<Life> life_;
};

}  // namespace morrow::simulation
