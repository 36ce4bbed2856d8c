// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/cluster_view.h"

#include <algorithm>
#include <utility>

namespace morrow::worker {

/// Null: it may be able to.
const std::string* find_reason(const control::WorkerInfo& worker, const std::string& program) {
  for (const control::CannotStart& one : worker.cannot_start) {
    if (one.program == program) return &one.reason;
  }
  return nullptr;
}

bool ClusterView::update(std::vector<control::WorkerSeen> workers) {
  workers_ = std::move(workers);
  others_idle_ = std::any_of(workers_.begin(), workers_.end(), [&](const control::WorkerSeen& worker) {
    return worker.idle && !worker.dying && worker.info.incarnation != self_;
  });
  return has_others() && std::exchange(indexed_alone_, false);
}

bool ClusterView::note_indexed() {
  indexed_alone_ |= !has_others();
  return has_others();
}

std::vector<control::WorkerInfo> ClusterView::idle_others() const {
  std::vector<control::WorkerInfo> idle;
  for (const control::WorkerSeen& worker : workers_) {
    if (worker.idle && !worker.dying && !worker.info.draining && worker.info.incarnation != self_)
      idle.push_back(worker.info);
  }
  return idle;
}

std::vector<control::Resources> ClusterView::others_for(const std::string& program) const {
  std::vector<control::Resources> totals;
  for (const control::WorkerSeen& worker : workers_) {
    if (worker.info.incarnation == self_ || worker.dying || worker.info.draining) continue;
    if (find_reason(worker.info, program) == nullptr) totals.push_back(worker.info.total);
  }
  return totals;
}

bool ClusterView::another_may_start(const std::string& program, const control::Resources& need) const {
  const auto totals = others_for(program);
  return std::any_of(totals.begin(), totals.end(),
                     [&](const control::Resources& total) { return need.fits_in(total); });
}

std::vector<std::string> ClusterView::reasons_against(const std::string& program,
                                                      const control::Resources& need) const {
  std::vector<std::string> reasons;
  for (const control::WorkerSeen& worker : workers_) {
    if (worker.info.incarnation == self_ || worker.dying || !need.fits_in(worker.info.total)) continue;
    const std::string* reason = find_reason(worker.info, program);
    if (reason != nullptr) reasons.push_back("worker " + worker.info.name + ": " + *reason);
  }
  return reasons;
}

bool ClusterView::someone_could_run(const control::Resources& need) const {
  if (workers_.empty()) return true;
  return std::any_of(workers_.begin(), workers_.end(), [&](const control::WorkerSeen& worker) {
    return !worker.dying && need.fits_in(worker.info.total);
  });
}

std::string ClusterView::largest_worker() const {
  const control::WorkerSeen* largest = nullptr;
  for (const control::WorkerSeen& worker : workers_) {
    const auto size = [](const control::WorkerSeen& seen) {
      return std::pair(seen.info.total.cpu_micro, seen.info.total.memory);
    };
    if (!worker.dying && (largest == nullptr || size(worker) > size(*largest))) largest = &worker;
  }
  if (largest == nullptr) return "";
  return "; the largest, " + largest->info.name + ", has " + largest->info.total.text();
}

}  // namespace morrow::worker
