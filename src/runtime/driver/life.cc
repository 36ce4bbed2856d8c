// SPDX-License-Identifier: Apache-2.0
//
// A worker that stands still, a dead host and a cut wire look the same from a driver: nothing comes. The kernel tells
// neither. So both sides say a word when they have nothing else to say (wire/signs_of_life.h), and a driver that hears
// none goes to another worker, long before others take its worker for dead.
//
// A thread of its own does that, which waits for nothing but the time: whatever else the driver does may stand still
// for a while, the program in its own code, the other threads before a terminal that takes no more lines, and none of
// that is the driver's end.
#include <optional>
#include <string>
#include <utility>

#include "base/shown.h"
#include "runtime/backend/telling.h"
#include "runtime/driver/driver.h"
#include "runtime/values/values.h"
#include "wire/future_ids.h"

namespace morrow::runtime {

void Driver::run_life() {
  const base::MutexLock lock(link_.mutex());
  while (!stop_) {
    life_changed_.wait_for(link_.mutex(), signs_.period());
    if (stop_ || !link_.connected()) continue;
    prove_life();
    ask_why();
  }
}

/// Once a turn: looks whether the worker lives, and shows it that we do.
void Driver::prove_life() {
  link_.read_now();  // a program that submits all the time reads nothing
  if (!link_.connected()) return;
  if (signs_.turn(link_.heard(), link_.said()) && link_.unsent() == 0) {
    link_.send(wire::BEAT, wire::Beat());
    link_.write();
    signs_.beat_sent(link_.said());
  }
  if (link_.is_delivering()) signs_.did_not_listen();
  if (signs_.is_silent()) {
    worker_is_silent();
  } else if (said_silent_) {
    worker_is_back();
  }
}

/// A thread that waits for long does not leave people in the dark: the worker knows what for.
void Driver::ask_why() {
  if (patience_.any.count() == 0 || !link_.connected() || said_silent_) return;
  if (link_.is_delivering()) return;  // it waits for a person who reads its output page by page, say, and knows that
  const std::optional<Overdue> wait = overdue(patience_.any, !throttled_.empty());
  if (!wait || (!wait->future && wait->own_wait == wire::WhyRequest::NONE)) return;
  wire::WhyRequest request;
  if (wait->future) write_id(*request.mutable_id(), *wait->future);
  request.set_own_wait(wait->own_wait);
  link_.send(wire::WHY, request);
  link_.write();
}

void Driver::tell_why(const wire::WhyReply& reply) {
  std::string sentence = reply.own_wait().empty() ? reply.error() : reply.own_wait();
  if (sentence.empty() && reply.futures_size() == 0) return;  // it is over by now
  if (reply.futures_size() != 0) {
    const wire::FutureInfo& future = reply.futures(0);
    sentence = "future " + wire::future_text(future.id()) +
               (future.name().empty() ? " " : " '" + base::shown_line(future.name()) + "' ") + future.reason();
  }
  if (!reply.warning().empty()) sentence += "; " + reply.warning();
  const base::MutexUnlock unlocked(link_.mutex());
  say("still waiting: " + sentence);
}

/// Stopped, its host dead, or the network to it cut: all the same from here.
void Driver::worker_is_silent() {
  const auto tenths = signs_.silence().count() / 100;
  const std::string silence =
      " gives no sign of life for " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  const bool said = std::exchange(said_silent_, true);
  if (const PrivateWorker* const worker = dialer_->private_worker()) {
    if (!said) say("the private worker (process " + std::to_string(worker->pid()) + ")" + silence + "; waiting for it");
    return;
  }
  if (!said)
    say("worker " + worker_name_ + " of cluster " + dialer_->cluster() + silence + "; looking for another one");
  link_.give_up();
  link_.read_now();
}

void Driver::worker_is_back() {
  said_silent_ = false;
  if (dialer_->private_worker() != nullptr) return say("the private worker goes on");
  say("the session goes on with worker " + worker_name_ + " of cluster " + dialer_->cluster());
}

}  // namespace morrow::runtime
