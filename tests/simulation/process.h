// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

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

  void stop_until(Time time) {
    if (!stopped()) {
      life_->stopped_before += life_->stopped_until - life_->stopped_since;
      life_->stopped_since = timeline_.now();
    }
    life_->stopped_until = std::max(life_->stopped_until, time);
  }
  bool stopped() const { return timeline_.now() < life_->stopped_until; }
  /// How long it has stood still so far, all in all.
  Time stood_still() const {
    return life_->stopped_before + std::min(timeline_.now(), life_->stopped_until) - life_->stopped_since;
  }
  /// When it goes on. In the past: it does.
  Time goes_on() const { return life_->stopped_until; }
  void die() { life_->alive = false; }
  bool alive() const { return life_->alive; }

 private:
  struct Life {
    bool alive = true;
    Time stopped_before = 0;  ///< the last stop
    Time stopped_since = 0;
    Time stopped_until = 0;
  };

  static void post(Timeline& timeline, Time time, std::shared_ptr<Life> life, std::function<void()> event) {
    timeline.at(time, [&timeline, life = std::move(life), event = std::move(event)]() mutable {
      if (!life->alive) return;
      if (timeline.now() < life->stopped_until) {
        const Time until = life->stopped_until;
        return post(timeline, until, std::move(life), std::move(event));
      }
      event();
    });
  }

  Timeline& timeline_;
  std::shared_ptr<Life> life_;
};

}  // namespace morrow::simulation
