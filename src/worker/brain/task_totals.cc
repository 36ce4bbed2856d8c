// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/task_totals.h"

namespace morrow::worker {

TaskTotals::Total& TaskTotals::of(const std::string& name) {
  if (last_ == nullptr || last_->first != name) {
    const auto known = totals_.find(name);
    last_ =
        known != totals_.end() ? &*known : &*totals_.try_emplace(totals_.size() < kMostNames ? name : kOthers).first;
  }
  return last_->second;
}

void TaskTotals::note_run(const std::string& name, Time ran) {
  Total& total = of(name);
  ++total.runs;
  total.ran += ran;
}

void TaskTotals::note_end(const std::string& name, const control::Outcome& outcome, bool again) {
  Total& total = of(name);
  if (again) {
    ++total.retried;
  } else if (outcome.ok()) {
    ++total.finished;
  } else if (outcome.failure == control::FailureKind::kCancelled ||
             outcome.failure == control::FailureKind::kReleased) {
    ++total.cancelled;
  } else {
    ++total.failed;
  }
}

}  // namespace morrow::worker
