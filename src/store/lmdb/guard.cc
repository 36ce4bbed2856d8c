// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

namespace morrow::store {
Guard::Guard(Options options, Wakeups& wakeups, WatchHub& hub)
    : options_(std::move(options)),
      wakeups_(wakeups),
      hub_(hub),
      tick_(std::clamp<std::chrono::milliseconds>(options_.stopped_after / 2, std::chrono::milliseconds(5),
                                                  std::chrono::milliseconds(500))) {
  // Signals of the program are for its other threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Guard::~Guard() {
  ending_ = true;
  wakeups_.wake_self();
  thread_.join();
}

void Guard::run() {
  Clock::time_point last_tick = Clock::now();
  Clock::time_point last_reader_check = last_tick;
  while (true) {
    const std::uint32_t seen = wakeups_.signal();
    if (ending_) return;
    hub_.dispatch();
    const Clock::time_point now = Clock::now();
    if (now - last_tick >= tick_) {
      wakeups_.announce_for_the_dead();
      // When the whole machine paused, the time of the pause is nobody's fault.
      check_lock(std::min<Clock::duration>(now - last_tick, 2 * tick_));
      last_tick = now;
      if (now - last_reader_check >= 5 * options_.stopped_after) {
        last_reader_check = now;
        reader_check_due_ = true;
      }
    }
    wakeups_.wait(seen, tick_);
  }
}

void Guard::check_lock(Clock::duration since_last) {
  const std::uint32_t wait = wakeups_.own_wait();
  const auto holder = wakeups_.holder();
  const std::uint64_t hold = holder ? holder->hold : 0;
  const bool same = wait != 0 && wait == seen_wait_ && hold == seen_hold_;
  seen_wait_ = wait;
  seen_hold_ = hold;
  waited_ = same ? waited_ + since_last : Clock::duration::zero();
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(waited_);
  if (waited < options_.stopped_after) return;
  if (!holder) {
    const auto suspect = wakeups_.stopped_on_the_way();
    if (suspect) kill(*suspect, "is stopped while it takes the lock of");
  } else if (is_stopped(holder->process)) {
    kill(holder->process, "is stopped while it holds the write lock of");
  } else if (waited >= options_.lease) {
    kill(holder->process, fmt::format("has held the write lock for {} ms, longer than the lease, of", waited.count()));
  }
}

void Guard::kill(const ProcessId& process, std::string_view why) {
  // Said before the deed, in case this very log is what the other one holds up; and only of a process that is still
  // there.
  if (!is_alive(process)) return;
  options_.log(fmt::format("The process {} {} the store in {} and holds up all others, so it is killed.", process.pid,
                           why, options_.directory));
  if (!kill_process(process) && is_alive(process)) {
    options_.log(fmt::format("The process {} could not be killed: kill it by hand, or the store in {} stays blocked.",
                             process.pid, options_.directory));
  }
}

}  // namespace morrow::store
