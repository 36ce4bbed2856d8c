// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/status.h"

#include <algorithm>
#include <map>

#include "base/shown.h"
#include "control/cluster.h"
#include "control/questions.h"

namespace morrow::worker {

namespace {

std::string largest_of(const std::vector<control::WorkerSeen>& workers) {
  const auto size = [](const control::WorkerSeen& worker) {
    return std::pair(worker.info.total.cpu_micro, worker.info.total.memory);
  };
  const auto largest = std::max_element(workers.begin(), workers.end(),
                                        [&](const auto& one, const auto& other) { return size(one) < size(other); });
  return largest == workers.end() ? "" : "the largest, " + largest->info.name + ", has " + largest->info.total.text();
}

void show(const control::Resources& amounts, wire::Requirements& shown) {
  shown.set_cpu_micro(amounts.cpu_micro);
  shown.set_memory(amounts.memory);
  shown.set_gpu_micro(amounts.gpu_micro);
  for (const auto& [name, micro] : amounts.named_micro) {
    wire::NamedAmount& named = *shown.add_named_micro();
    named.set_name(name);
    named.set_micro(micro);
  }
}

void show(const control::WorkerInfo& info, bool self, bool dying, wire::WorkerStatus& shown) {
  shown.set_name(info.name);
  shown.set_host(info.host);
  shown.set_pid(info.pid);
  shown.set_address(info.address);
  shown.set_total(info.total.text());
  shown.set_used(info.used.text());
  shown.set_executors(info.executors);
  shown.set_this_one(self);
  shown.set_dying(dying);
  shown.set_draining(info.draining);
  show(info.total, *shown.mutable_offered());
  show(info.used, *shown.mutable_in_use());
  shown.set_started_unix_ms(info.started_unix_ms);
  shown.set_tasks(info.tasks);
  for (const control::CannotStart& one : info.cannot_start) shown.add_cannot_start(one.reason);
}

constexpr int kMostWithheld = 200;  // names of a session: a frame has an end, and so has a person's patience
constexpr std::size_t kMostNameBytes = 200;

/// With the names of the variables that its tasks do not have.
void show(store::Store& store, const control::SessionSeen& session, const std::vector<control::WorkerSeen>& workers,
          wire::SessionInfo& shown) {
  shown.set_session(session.id);
  shown.set_ending(session.ending);
  for (const control::WorkerSeen& worker : workers) {
    if (worker.info.incarnation == session.worker) shown.set_worker(worker.info.name);
  }
  wire::Program program;
  if (!program.ParseFromString(control::program_used(store, session.id).value_or(""))) return;
  for (int i = 0; i < std::min(program.withheld_size(), kMostWithheld); ++i)
    shown.add_withheld(std::string(base::beginning(program.withheld(i), kMostNameBytes)));
}

}  // namespace

const char* name_of(control::Status status) {
  switch (status) {
    case control::Status::kBuilding:
      return "building";
    case control::Status::kWaiting:
      return "waiting";
    case control::Status::kReady:
      return "ready";
    case control::Status::kClaimed:
      return "claimed";
    case control::Status::kRealized:
      return "realized";
    case control::Status::kFailed:
      return "failed";
    case control::Status::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::optional<std::string> nobody_has(const control::Resources& need, const std::vector<control::WorkerSeen>& workers) {
  const bool fits = std::any_of(workers.begin(), workers.end(), [&](const control::WorkerSeen& worker) {
    return !worker.dying && need.fits_in(worker.info.total);
  });
  if (fits) return std::nullopt;
  const std::string largest = largest_of(workers);
  return "no worker has that much" + (largest.empty() ? "" : "; " + largest);
}

wire::StatusReply make_status(const StatusFacts& facts) {
  wire::StatusReply reply;
  reply.set_store(facts.store_url);
  show(facts.self, true, false, *reply.add_workers());
  return reply;
}

std::string named(control::FutureId id, const std::string& name) {
  return "future " + control::text_of(id) + (name.empty() ? "" : " '" + base::shown_line(name) + "'");
}

wire::StatusReply make_status(store::Store& store, const StatusFacts& facts) {
  wire::StatusReply reply;
  reply.set_store(facts.store_url);
  std::vector<control::WorkerSeen> workers = control::workers(store);
  std::sort(workers.begin(), workers.end(),
            [](const auto& one, const auto& other) { return one.info.name < other.info.name; });
  std::map<control::Incarnation, std::uint64_t> drivers;
  for (const control::SessionSeen& session : control::all_sessions(store)) {
    ++drivers[session.worker];
    if (facts.verbose) show(store, session, workers, *reply.add_each_session());
  }
  for (const control::WorkerSeen& worker : workers) {
    const bool self = worker.info.incarnation == facts.self.incarnation;
    wire::WorkerStatus& shown = *reply.add_workers();
    show(self ? facts.self : worker.info, self, worker.dying, shown);
    shown.set_drivers(drivers[worker.info.incarnation]);
    shown.set_incarnation(worker.info.incarnation);
    for (const control::CannotStart& one : worker.info.cannot_start) {
      if (worker.dying || facts.workers_only) continue;  // it stands with the worker
      reply.add_warnings(
          "worker " + worker.info.name +
          " can't start a program; it leaves the tasks to others and tries it now and then: " + one.reason);
    }
  }
  if (facts.workers_only) return reply;
  const control::ClusterCounts counts = control::count(store);
  for (const auto& [status, number] : counts.futures) {
    wire::FutureCount& count = *reply.add_futures();
    count.set_state(name_of(status));
    count.set_count(number);
  }
  reply.set_sessions(counts.sessions);
  for (const control::ShapeWaiting& shape : control::index_shapes(store)) {
    const auto nobody = nobody_has(shape.requirements, workers);
    if (!nobody) continue;
    reply.add_warnings(std::to_string(shape.count) + (shape.count == 1 ? " future waits" : " futures wait") + " for " +
                       shape.requirements.text() + " (the first: " +
                       named(shape.first, shape.first_spec ? shape.first_spec->name : "") + "), and " + *nobody);
  }
  return reply;
}

}  // namespace morrow::worker
