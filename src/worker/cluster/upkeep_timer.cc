// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/upkeep_timer.h"

#include <chrono>
#include <utility>

#include "base/monotonic_clock.h"

namespace morrow::worker {

Maintenance::Maintenance(boost::asio::io_context& io, StoreThread& store, control::Incarnation incarnation,
                         std::uint64_t lease_ms, Events events)
    : timer_(io),
      local_workers_(io, own_process(), [this](control::Incarnation dead) { upkeep_.process_ended(dead); }),
      upkeep_({
                  [&store](std::function<void(store::Store&)> job, std::function<void()> done) {
                    store.post(StoreThread::Lane::kUpkeep, std::move(job), std::move(done));
                  },
                  [this](std::uint64_t milliseconds, std::function<void()> then) {
                    timer_.expires_after(std::chrono::milliseconds(milliseconds));
                    timer_.async_wait([then = std::move(then)](const boost::system::error_code& error) {
                      if (!error) then();
                    });
                  },
                  [] { return base::monotonic_ns(); },
              },
              incarnation, {lease_ms, true}, with_local_workers(std::move(events))) {}

Maintenance::Events Maintenance::with_local_workers(Events events) {
  events.workers_seen = [this, then = std::move(events.workers_seen)](const std::vector<control::WorkerSeen>& workers) {
    then(workers);
    local_workers_.workers_seen(workers);
  };
  return events;
}

void Maintenance::stop() {
  upkeep_.stop();
  timer_.cancel();
}

}  // namespace morrow::worker
