// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "worker/brain/flat_map.h"
#include "worker/brain/held_task.h"

namespace morrow::worker {

/// All tasks that this worker holds, by future; and those that executors have, by the claim of their execution, under
/// which executors speak of them. A task is found by future until it is forgotten or another execution takes its place,
/// and by claim from its dispatch until its end. Flat tables, since they stand on the path of every future: what `find`
/// refers to stands until the next change. Not thread-safe.
class TaskTable {
 public:
  template <class Key>
  using Table = FlatMap<Key, HeldTaskPtr>;

  /// Null: not held here.
  const HeldTaskPtr& find(control::FutureId id) const { return found_in(by_id_, id); }
  bool contains(control::FutureId id) const { return by_id_.contains(id); }
  /// Null: no executor has it.
  const HeldTaskPtr& with_claim(control::Claim claim) const { return found_in(by_claim_, claim); }

  void add(const HeldTaskPtr& task) { by_id_[task->run.id] = task; }
  /// An executor has it now.
  void add_claim(const HeldTaskPtr& task) {
    MORROW_INVARIANT(task->run.claim != 0, "a task that is handed to an executor has a claim", task->run.id);
    by_claim_[task->run.claim] = task;
  }
  /// Nothing happens when no executor has it.
  void end_claim(control::Claim claim) { by_claim_.erase(claim); }
  /// It is not found any more, neither by future nor by claim.
  void forget(const HeldTaskPtr& task) {
    by_claim_.erase(task->run.claim);
    const auto found = by_id_.find(task->run.id);
    if (found != by_id_.end() && found->second == task) by_id_.erase(found);
  }

  bool empty() const { return by_id_.empty(); }
  std::size_t size() const { return by_id_.size(); }
  auto begin() const { return by_id_.begin(); }
  auto end() const { return by_id_.end(); }

 private:
  template <class Key>
  static const HeldTaskPtr& found_in(const Table<Key>& table, Key key) {
    static const HeldTaskPtr none;
    const auto found = table.find(key);
    return found == table.end() ? none : found->second;
  }

  Table<control::FutureId> by_id_;
  Table<control::Claim> by_claim_;
};

}  // namespace morrow::worker
