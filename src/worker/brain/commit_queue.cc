// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/commit_queue.h"

#include <algorithm>
#include <utility>

// A commit is a transaction that competes with those of other workers and may wait for a disk, so many changes share
// one. Which ones, and when, is decided here; they are committed in the order they came, always: so a parent stands
// before its children, a submit before its end, and a driver's messages in theirs.
//
// Most tasks are short. A submit that waits a moment meets its own end, and is then written once, as ended, instead of
// twice. So an item may wait for company or for its end, until it is due. The queue is cut into
//
//     first_ ........ due_end_ ........ settled_end_ ........ first_ + size
//      to be taken     settled: nothing    the first unsettled one, and
//                      more comes for it   all that came after it
//
// Two executors end their tasks out of order. To write the earlier ones as claimed only because a later one has ended
// would cost each of them two writes. So an item that has ended becomes due when all before it are settled, that is,
// when settled_end_ passes it: wanted_end_ is as far as the last of these. The item at settled_end_ is then the
// blocker; whoever drives the queue looks at it, and gives up by `unblock` when that takes too long. `ended_` knows
// when those ended that wait, so that each blocker is given its time from the end that it holds up.
//
// While the store is full, items are taken out of their turn (full_store.cc). Each leaves a hole, so that positions
// stay what they are; what the store did not take after all goes back into its hole.
//
// rounds.cc drives it. All operations here are O(1) for each item that they pass.
namespace morrow::worker {

CommitQueue::Position CommitQueue::push(Item item, bool due) {
  const Position position = first_ + items_.size();
  item.position = position;
  items_.push_back(std::move(item));
  if (due) due_end_ = position + 1;
  advance();
  return position;
}

void CommitQueue::advance() {
  while (!items_.empty() && items_.front().hole) {
    items_.pop_front();
    ++first_;
  }
  due_end_ = std::max(due_end_, first_);
  settled_end_ = std::max(settled_end_, std::max(first_, due_end_));
  while (has_place(settled_end_) && items_[settled_end_ - first_].settled) ++settled_end_;
  due_end_ = std::max(due_end_, std::min(wanted_end_, settled_end_));
  while (!ended_.empty() && ended_.front().first < due_end_) ended_.pop_front();
  MORROW_INVARIANT(first_ <= due_end_ && due_end_ <= settled_end_ && settled_end_ <= first_ + items_.size(),
                   "due items stand before settled ones, and these before all others", first_, due_end_, settled_end_,
                   items_.size());
}

void CommitQueue::make_ended(Time now, Position position) {
  if (!holds(position)) return;
  at(position).settled = true;
  wanted_end_ = std::max(wanted_end_, position + 1);
  if (position >= due_end_) ended_.emplace_back(position, now);
  advance();
}

const Item* CommitQueue::blocker() const {
  return !ended_.empty() && holds(settled_end_) ? &items_[settled_end_ - first_] : nullptr;
}

void CommitQueue::unblock() {
  due_end_ = std::max(due_end_, wanted_end_);
  advance();
}

void CommitQueue::make_due(Position position) {
  if (holds(position)) due_end_ = std::max(due_end_, position + 1);
  advance();
}

void CommitQueue::make_all_due() {
  due_end_ = first_ + items_.size();
  advance();
}

void CommitQueue::make_due_before(Time time) {
  Position position = std::max(first_, due_end_);
  if (!has_place(position) || items_[position - first_].arrived > time) return;
  while (has_place(position) && items_[position - first_].arrived <= time) due_end_ = ++position;
  advance();
}

std::optional<Time> CommitQueue::oldest() const {
  if (items_.empty()) return std::nullopt;
  return items_.front().arrived;
}

std::vector<Item> CommitQueue::take(std::size_t max_items, std::size_t max_bytes) {
  std::vector<Item> taken;
  std::size_t bytes = 0;
  while (has_due() && taken.size() < max_items) {
    bytes += items_.front().bytes;
    if (!taken.empty() && bytes > max_bytes) break;
    taken.push_back(std::move(items_.front()));
    do {
      items_.pop_front();
      ++first_;
    } while (!items_.empty() && items_.front().hole);
  }
  advance();
  return taken;
}

std::vector<Item> CommitQueue::take_if(std::size_t max_items, std::size_t max_bytes,
                                       const std::function<bool(Item&)>& may_go) {
  std::vector<Item> taken;
  std::size_t bytes = 0;
  for (Item& item : items_) {
    if (taken.size() == max_items || bytes > max_bytes) break;
    if (item.hole || !may_go(item)) continue;
    bytes += item.bytes;
    const Time arrived = item.arrived;
    taken.push_back(std::move(item));
    item = Item();
    item.arrived = arrived;
    item.hole = true;
  }
  advance();
  return taken;
}

void CommitQueue::give_back(std::vector<Item> items) {
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const Position position = item->position;
    MORROW_INVARIANT(!holds(position) && position < first_ + items_.size(), "what is given back was taken", position,
                     first_, items_.size());
    for (; first_ > position; --first_) {
      items_.emplace_front();
      items_.front().hole = true;
    }
    due_end_ = std::max(due_end_, position + 1);
    settled_end_ = std::max(settled_end_, due_end_);
    items_[position - first_] = std::move(*item);
  }
  advance();
}

void CommitQueue::for_each(const std::function<void(Item&)>& visit) {
  for (Item& item : items_) {
    if (!item.hole) visit(item);
  }
}

}  // namespace morrow::worker
