// SPDX-License-Identifier: Apache-2.0
// As src/worker/objects/room_service.cc, without threads: requests for room meet the memory.
#include "tests/simulation/object_memory.h"

#include <algorithm>

namespace morrow::simulation {

using worker::ProcessId;
using worker::RoomDecision;
using worker::RoomQueue;
using worker::Ticket;

ObjectMemory::ObjectMemory(World world, std::uint64_t capacity_bytes)
    : world_(std::move(world)), extents_(capacity_bytes), queue_({.capacity_bytes = extents_.capacity()}) {}

void ObjectMemory::gone(ProcessId process) {
  for (const Ticket ticket : queue_.leave(process)) {
    const auto left = awaited_.extract(ticket);
    if (!left.mapped().writes) coming_.erase(left.mapped().number);
  }
  for (auto& [ticket, awaited] : awaited_) {
    std::erase_if(awaited.askers, [process](const Asker& one) { return one.process == process; });
  }
  const worker::Holders::Held held = holders_.gone(process);
  for (const auto& [number, times] : held.pins) let_go(number, times);
  for (const std::uint64_t number : held.writes) let_go(number, 1);
  serve();
}

void ObjectMemory::pin(ProcessId process, std::uint64_t number, std::uint64_t size_bytes, bool brief, Then then) {
  if (!holders_.knows(process)) return;
  if (const auto held = held_.find(number); held != held_.end()) {
    ++held->second.holds;
    holders_.pin(process, number);
    return then(true, false);
  }
  if (const auto coming = coming_.find(number); coming != coming_.end()) {
    queue_.join(coming->second, {process, brief});
    awaited_.at(coming->second).askers.push_back({process, std::move(then)});
    return;
  }
  ask(number, size_bytes, false, brief, {process, std::move(then)});
}

void ObjectMemory::unpin(ProcessId process, std::uint64_t number) {
  if (!holders_.unpin(process, number)) return;
  let_go(number, 1);
  serve();
}

void ObjectMemory::reserve(ProcessId process, std::uint64_t number, std::uint64_t size_bytes, Then then) {
  if (holders_.knows(process)) ask(number, size_bytes, true, false, {process, std::move(then)});
}

void ObjectMemory::end_writing(ProcessId process, std::uint64_t number) {
  if (!holders_.end_writing(process, number)) return world_.wrong("A process ends a value that it does not write.");
  let_go(number, 1);
  serve();
}

void ObjectMemory::ask(std::uint64_t number, std::uint64_t size_bytes, bool writes, bool brief, Asker asker) {
  const Ticket ticket = queue_.ask(size_bytes, {{asker.process, brief}}, world_.now_ms());
  Awaited& awaited = awaited_[ticket];
  awaited.number = number;
  awaited.writes = writes;
  awaited.askers.push_back(std::move(asker));
  if (!writes) coming_[number] = ticket;
  serve();
}

void ObjectMemory::let_go(std::uint64_t number, std::uint64_t times) {
  const auto held = held_.find(number);
  if (held == held_.end() || held->second.holds < times) return world_.wrong("A value is let go that nobody holds.");
  held->second.holds -= times;
  if (held->second.holds != 0) return;
  extents_.free(held->second.extent);
  held_.erase(held);
}

/// Gives room to those that wait for it, in their order. What is told may ask or let go: the outermost call sees it.
void ObjectMemory::serve() {
  if (std::exchange(serves_, true)) return;
  while (!queue_.empty()) {
    const RoomDecision decision =
        queue_.decide(world_.now_ms(), {extents_.largest_free(), extents_.limit(), false, false}, holders_,
                      {.could_use = world_.could_use_room});
    if (decision.kind == RoomDecision::Kind::kLookAgain) {
      look_again();
      break;
    }
    answer(decision);
    waiters_.look(queue_, world_.waits_for_room);
  }
  waiters_.look(queue_, world_.waits_for_room);
  serves_ = false;
  check();
}

void ObjectMemory::answer(const RoomDecision& decision) {
  const bool served = decision.kind == RoomDecision::Kind::kServe;
  auto node = awaited_.extract(decision.ticket);
  if (node.empty()) return world_.wrong("A request for room is answered twice.");
  Awaited& awaited = node.mapped();
  if (!awaited.writes) coming_.erase(awaited.number);
  if (served) {
    const auto extent = extents_.allocate(decision.size_bytes);
    if (!extent) return world_.wrong("A request is served that finds no room.");
    queue_.settle(decision.ticket);
    held_[awaited.number] = {*extent, awaited.askers.size()};
    for (const Asker& one : awaited.askers) {
      if (awaited.writes) {
        holders_.begin_writing(one.process, awaited.number);
      } else {
        holders_.pin(one.process, awaited.number);
      }
    }
  }
  for (const Asker& one : awaited.askers) one.then(served, decision.contended);
}

void ObjectMemory::look_again() {
  if (std::exchange(looks_again_, true)) return;
  world_.after(RoomQueue::kLookAgainMs, [this] {
    looks_again_ = false;
    serve();
  });
}

void ObjectMemory::check() const {
  constexpr std::uint64_t kPage = 4096;
  std::uint64_t sum = 0;
  for (const auto& [number, held] : held_) sum += (held.extent.size + kPage - 1) / kPage * kPage;
  if (sum != extents_.used()) world_.wrong("Object memory is lost, or held twice.");
  if (sum > extents_.capacity()) world_.wrong("More object memory is held than there is.");
  if (queue_.granted() != 0) world_.wrong("A request for room is neither waiting nor through.");
  if (queue_.waiting() != awaited_.size()) world_.wrong("A request for room is lost.");
}

std::string ObjectMemory::text() const {
  return std::to_string(held_.size()) + " values held, " + std::to_string(queue_.waiting()) + " requests wait";
}

}  // namespace morrow::simulation
