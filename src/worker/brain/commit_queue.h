// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/container/deque.hpp>

#include "base/invariant.h"
#include "control/round.h"
#include "worker/brain/actions.h"

namespace morrow::worker {

class HeldTask;
using HeldTaskPtr = std::shared_ptr<HeldTask>;

/// One change that waits to be committed.
struct Item {
  control::Op op;            ///< of a submit: completed when the round is built
  HeldTaskPtr task;          ///< the task that a Submit, End or Relinquish is about
  Waiter who;                ///< gets the acknowledgement
  std::uint64_t number = 0;  ///< 0: nobody counts it
  Time arrived = 0;
  std::size_t bytes = 0;       ///< what it adds to a transaction, about
  std::uint64_t position = 0;  ///< in the queue, which sets it
  bool settled = true;         ///< nothing more is to come for it: false for a submit whose end may still join it
  bool passed = false;         ///< a copy of it was applied early, while the store was full (full_store.cc)
  bool hole = false;           ///< it was taken out of its turn, and its place is empty
};

/// The changes of all clients in the order they came, which is the order they are committed in. An item that is *due*
/// takes along all that stands before it; one that has *ended* becomes due when all before it are settled.
/// commit_queue.cc opens with the reasons.
///
/// Positions count up from 0 and are not used again: an item is held from its `push` until `take` brings it. Not
/// thread-safe.
class CommitQueue {
 public:
  using Position = std::uint64_t;

  /// Behind all others. Returns where it stands.
  Position push(Item item, bool due);
  /// Nothing happens when the item is gone already.
  void make_due(Position position);
  /// The item is settled and due once all before it are settled. Nothing happens when it is gone already.
  void make_ended(Time now, Position position);
  /// The first unsettled item before one that has ended; null: nobody waits.
  const Item* blocker() const;
  /// When the first one that waits for the blocker ended. There is a blocker.
  Time blocked_since() const {
    MORROW_INVARIANT(!ended_.empty(), "where an item blocks, another one has ended behind it", first_, due_end_);
    return ended_.front().second;
  }
  /// Makes due all that have ended, and all before them.
  void unblock();
  /// All that are here now.
  void make_all_due();
  /// Makes due what came before `time`.
  void make_due_before(Time time);

  /// Whether `take` would bring anything.
  bool has_due() const { return !items_.empty() && first_ < due_end_; }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  /// Whether the item still waits here.
  bool holds(Position position) const { return has_place(position) && !items_[position - first_].hole; }
  /// It is held.
  Item& at(Position position) {
    MORROW_INVARIANT(holds(position), "an item is looked at while it waits here", position, first_, items_.size());
    return items_[position - first_];
  }
  /// When the first item came; nothing when the queue is empty.
  std::optional<Time> oldest() const;

  /// Takes what is due, up to the limits; at least one item.
  std::vector<Item> take(std::size_t max_items, std::size_t max_bytes);
  /// Takes those that `may_go`, due or not, out of their turn; it is asked in the order of the queue, and may change
  /// what it is asked about.
  std::vector<Item> take_if(std::size_t max_items, std::size_t max_bytes, const std::function<bool(Item&)>& may_go);
  /// Puts back what was taken and not committed, each to where it stood. They are due.
  void give_back(std::vector<Item> items);
  /// All that wait here, in their order.
  void for_each(const std::function<void(Item&)>& visit);

 private:
  bool has_place(Position position) const { return position >= first_ && position < first_ + items_.size(); }
  /// In large blocks: an item has half the size of those that std::deque takes.
  boost::container::deque<Item, void, boost::container::deque_options<boost::container::block_size<128>>::type> items_;
  Position first_ = 0;                           ///< position of items_.front()
  Position due_end_ = 0;                         ///< all before this position is due
  Position settled_end_ = 0;                     ///< all before this position is settled
  std::deque<std::pair<Position, Time>> ended_;  ///< not yet due, in the order of their ends
  Position wanted_end_ = 0;                      ///< all of them stand before this position

  void advance();
};

}  // namespace morrow::worker
