// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control/cluster.h"

namespace morrow::worker {

/// Why this worker can't start the program; null: it may be able to.
const std::string* find_reason(const control::WorkerInfo& worker, const std::string& program);

/// The workers of the cluster as the store had them a while ago. Not thread-safe.
class ClusterView {
 public:
  explicit ClusterView(control::Incarnation self) : self_(self) {}

  /// True: idle workers are to be woken, since work went to the index before any of them was known here.
  bool update(std::vector<control::WorkerSeen> workers);
  /// Work of this worker went to the index. False: no other worker is known, so nobody needs to be woken yet. One that
  /// joined a moment ago may stand on the list of idle ones already: `update` tells when it comes into sight.
  bool note_indexed();

  /// Another worker has nothing to do.
  bool others_idle() const { return others_idle_; }
  /// The others that have nothing to do and take work.
  std::vector<control::WorkerInfo> idle_others() const;
  bool has_others() const { return workers_.size() > 1; }
  /// What each of the others has in all that may be able to start the program: it lives, takes work, and has not given
  /// it up.
  std::vector<control::Resources> others_for(const std::string& program) const;
  /// Whether one of them has so much.
  bool another_may_start(const std::string& program, const control::Resources& need) const;
  /// Why the other workers that have so much can't start it: "worker NAME: REASON" each.
  std::vector<std::string> reasons_against(const std::string& program, const control::Resources& need) const;
  /// Whether some worker is known whose machine has so much; true as long as none is known at all.
  bool someone_could_run(const control::Resources& need) const;
  /// "; the largest, NAME, has 4 cpus", to end a sentence about requirements; empty when no worker is known.
  std::string largest_worker() const;

 private:
  control::Incarnation self_;
  std::vector<control::WorkerSeen> workers_;
  bool others_idle_ = false;
  bool indexed_alone_ = false;  ///< work went to the index while no other worker was known
};

}  // namespace morrow::worker
