#include "worker/gather.h"

#include <algorithm>
#include <utility>

namespace morrow::worker {

Gather::Position Gather::push(Item item, bool due) {
  const Position position = first_ + items_.size();
  items_.push_back(std::move(item));
  if (due) due_end_ = position + 1;
  return position;
}

void Gather::make_due(Position position) {
  if (holds(position)) due_end_ = std::max(due_end_, position + 1);
}

void Gather::make_all_due() { due_end_ = first_ + items_.size(); }

void Gather::make_due_before(Time time) {
  Position position = std::max(first_, due_end_);
  while (holds(position) && at(position).arrived <= time) due_end_ = ++position;
}

std::optional<Time> Gather::oldest() const {
  if (items_.empty()) return std::nullopt;
  return items_.front().arrived;
}

std::vector<Item> Gather::take(std::size_t max_items, std::size_t max_bytes) {
  std::vector<Item> taken;
  std::size_t bytes = 0;
  while (has_due() && taken.size() < max_items) {
    bytes += items_.front().bytes;
    if (!taken.empty() && bytes > max_bytes) break;
    taken.push_back(std::move(items_.front()));
    items_.pop_front();
    ++first_;
  }
  return taken;
}

}  // namespace morrow::worker
