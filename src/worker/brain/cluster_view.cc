// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/cluster_view.h"

#include <algorithm>
#include <utility>

namespace morrow::worker {

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
      return std::pair(seen.info.total.cpu_milli, seen.info.total.memory);
    };
    if (!worker.dying && (largest == nullptr || size(worker) > size(*largest))) largest = &worker;
  }
  if (largest == nullptr) return "";
  return "; the largest, " + largest->info.name + ", has " + largest->info.total.text();
}

}  // namespace morrow::worker
