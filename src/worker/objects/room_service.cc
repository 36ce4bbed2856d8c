// SPDX-License-Identifier: Apache-2.0
// Carries out what RoomQueue decides: the members of Objects by which requests for room meet the memory.
#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "base/invariant.h"
#include "base/monotonic_clock.h"
#include "base/must.h"
#include "worker/objects/no_room.h"
#include "worker/objects/objects.h"

namespace morrow::worker {

namespace {

/// Of the room by one process, or by several together.
struct RoomUse {
  std::uint64_t held_bytes = 0;
  std::uint64_t waits_bytes = 0;  ///< what it has asked for
};

}  // namespace

ObjectProblem Objects::no_room_for(std::uint64_t size_bytes, const std::string& why) const {
  return no_room(extents_, options_.owner, size_bytes, why);
}

std::optional<ObjectProblem> Objects::never_fit(std::uint64_t bytes) const {
  if (bytes <= extents_.capacity()) return std::nullopt;
  return never_room(extents_, options_.owner, bytes);
}

void Objects::ask_room(std::uint64_t size_bytes, std::vector<Party> parties, Object* object, OnRoom then) {
  if (size_bytes > extents_.capacity()) {
    return then(std::nullopt,
                no_room_for(size_bytes, "; start the worker with a larger --object-memory, or split the value"));
  }
  const Ticket ticket = queue_.ask(std::max<std::uint64_t>(size_bytes, 1), std::move(parties), base::monotonic_ms());
  if (object != nullptr) object->ticket = ticket;
  awaited_.emplace(ticket, Awaited{std::move(then), object == nullptr ? 0 : object->number});
  serve();
}

void Objects::ask_room_for(Object& object, std::uint64_t size_bytes, OnRoom then) {
  MORROW_INVARIANT(object.ticket == Ticket::kNone && object.extent.size == 0, "an object asks for room once",
                   object.number, object.ticket, object.extent.size);
  std::vector<Party> parties;
  parties.reserve(object.askers.size());
  for (const ObjectAsker& one : object.askers) parties.push_back({one.process, one.brief});
  ask_room(size_bytes, std::move(parties), &object, std::move(then));
}

/// Gives room to those that wait for it, in their order.
void Objects::serve() {
  growth_.retry(base::monotonic_ms());
  while (!queue_.empty()) {
    const std::uint64_t first_bytes = queue_.first_bytes();
    const bool lacks_room = first_bytes > extents_.largest_free() && first_bytes <= extents_.limit();
    if (lacks_room && spiller_.make_room(first_bytes)) continue;
    const RoomState room{.largest_free_bytes = extents_.largest_free(),
                         .limit_bytes = extents_.limit(),
                         .coming_free = spiller_.is_writing(),
                         .disk_failed = !spiller_.problem().empty()};
    const RoomDecision decision = queue_.decide(base::monotonic_ms(), room, holders_, room_questions_);
    if (decision.kind == RoomDecision::Kind::kAwaitDisk) break;
    if (decision.kind == RoomDecision::Kind::kLookAgain) {
      look_again();
      break;
    }
    carry_out(decision);
    waiters_.look(queue_, events_.waits_for_room);
  }
  waiters_.look(queue_, events_.waits_for_room);
  tell_after_waiting();
}

void Objects::carry_out(const RoomDecision& decision) {
  if (decision.kind == RoomDecision::Kind::kServe) {
    const auto extent = extents_.allocate(decision.size_bytes);
    MORROW_INVARIANT(extent.has_value(), "a request that is served finds room", decision.size_bytes,
                     extents_.largest_free());
    if (growth_.exists_or_hold(*extent, decision.ticket)) answer(decision.ticket, extent, {});
    return;
  }
  if (decision.kind == RoomDecision::Kind::kInterrupt) return interrupt(decision.process);
  MORROW_INVARIANT(decision.kind == RoomDecision::Kind::kRefuse, "a request is served or refused", decision.kind);
  if (decision.reason == RoomDecision::Reason::kDeadlock) note_needs(decision.size_bytes);
  ObjectProblem problem = no_room_for(decision.size_bytes, "; " + why_refused(decision.reason));
  problem.contended = decision.contended;
  if (decision.reason == RoomDecision::Reason::kWaitedEnough) spiller_.forget_problem();  // the next one tries it again
  answer(decision.ticket, std::nullopt, problem);
}

std::string Objects::why_refused(RoomDecision::Reason reason) {
  using Reason = RoomDecision::Reason;
  const auto in_use_by = [this] {
    const std::string who = events_.who_holds ? events_.who_holds() : "";
    return "all of it is in use by tasks and drivers" + (who.empty() ? "" : " (" + who + ")");
  };
  switch (reason) {
    case Reason::kMachineIsFull:
      return growth_.problem();
    case Reason::kMadeWay:
      return in_use_by();
    case Reason::kDeadlock:
      return "tasks hold all of it that wait for each other";
    case Reason::kWaitedEnough:
      if (!spiller_.problem().empty()) return spiller_.problem();
      if (extents_.limit() < extents_.capacity()) return growth_.problem();
      return in_use_by() + ": free some, or start the worker with a larger --object-memory";
    case Reason::kNone:
      break;
  }
  MORROW_UNREACHABLE("a refusal has a reason", reason);
}

/// Tells a request that is out of the queue what has become of it.
void Objects::answer(Ticket ticket, std::optional<data::Extent> extent, const ObjectProblem& problem) {
  if (extent) queue_.settle(ticket);
  const auto awaited = awaited_.extract(ticket);
  MORROW_INVARIANT(!awaited.empty(), "a request is answered once", ticket);
  const auto& [then, object] = awaited.mapped();
  if (object != 0) table_.get(object, "an object that is to come is not erased").ticket = Ticket::kNone;
  then(extent, problem);
  if (extent) note_chains_held();
}

void Objects::after_waiting(std::function<void()> then) {
  after_waiting_.push_back({queue_.next_ticket(), std::move(then)});
  tell_after_waiting();
}

void Objects::tell_after_waiting() {
  for (; !after_waiting_.empty() && queue_.all_through_before(after_waiting_.front().ticket);
       after_waiting_.pop_front())
    background_.main_thread().post(std::move(after_waiting_.front().then));
}

/// All that hold room wait for each other, some of them in a get of what finds none.
void Objects::interrupt(ProcessId process) {
  note_needs(queue_.largest_bytes());
  events_.log("all tasks that hold object memory wait for others that find no room there: one of them begins anew");
  background_.main_thread().post([this, process] { events_.interrupt(process); });
}

/// Those that hold room stood in each other's way: each needs what it waits for, too, or what others do for it.
void Objects::note_needs(std::uint64_t lacks_bytes) {
  const RoomChains chains = this->chains();
  std::unordered_map<ProcessId, RoomUse> by_head;
  const auto note = [&](RoomNeeds& needs, ProcessId process, const RoomUse& use) {
    const std::uint64_t more_bytes = use.waits_bytes != 0 ? use.waits_bytes : lacks_bytes;
    if (use.held_bytes != 0) needs.stood_in_the_way(process, use.held_bytes + more_bytes);
  };
  for (const ProcessId process : holders_.known()) {
    if (!is_executor(process)) continue;
    const RoomUse use{held_bytes(process), queue_.waits_for_bytes(process)};
    note(needs_.of_tasks, process, use);
    RoomUse& of_chain = by_head[chains.head_of(process)];
    of_chain.held_bytes += use.held_bytes;
    of_chain.waits_bytes += use.waits_bytes;
  }
  for (const auto& [head, use] : by_head) note(needs_.of_chains, head, use);
}

void Objects::note_held(ProcessId process) {
  if (needs_.of_tasks.knows(process)) needs_.of_tasks.holds(process, held_bytes(process));
}

void Objects::note_chains_held() {
  if (needs_.of_chains.empty()) return;
  const RoomChains chains = this->chains();
  std::unordered_map<ProcessId, std::uint64_t> held;
  for (const ProcessId process : holders_.known()) held[chains.head_of(process)] += held_bytes(process);
  for (const auto& [head, bytes] : held) needs_.of_chains.holds(head, bytes);
}

std::uint64_t Objects::held_bytes(ProcessId process) const {
  std::uint64_t bytes = 0;
  const auto add = [&](std::uint64_t number) {
    if (const Object* const object = table_.find(number)) bytes += object->extent.size;
  };
  const Holders::Held* const held = holders_.find(process);
  if (held == nullptr) return 0;
  for (const auto& [number, times] : held->pins) add(number);
  for (const std::uint64_t number : held->writes) add(number);
  return bytes;
}

RoomQuestions Objects::room_questions() {
  return {.accounts = [this] { return accounts(); },
          .standing = events_.standing,
          .chains = [this] { return chains(); },
          .began = [this](ProcessId process) { return needs_.of_tasks.began(process); },
          .could_use = events_.could_use_room};
}

/// What is on its way into memory counts for those that asked for it. Those that only wait for room are there with what
/// they need.
std::optional<RoomAccounts> Objects::accounts() const {
  if (needs_.of_tasks.empty()) return std::nullopt;
  std::unordered_map<ProcessId, std::uint64_t> held;
  std::uint64_t used_bytes = 0;
  for (const ProcessId process : holders_.known()) held[process] = held_bytes(process);
  for (const auto& [number, object] : table_.all()) {
    if (object->extent.size == 0 || (object->idle && !object->spilling)) continue;
    used_bytes += object->extent.size;
    for (const ObjectAsker& asker : object->askers) held[asker.process] += object->extent.size;
  }
  RoomAccounts all;
  all.free_bytes = extents_.capacity() - std::min(extents_.capacity(), used_bytes);
  const RoomChains chains = this->chains();
  std::unordered_map<ProcessId, RoomAccount> by_head;
  for (const auto& [process, bytes] : held) {
    all.tasks.push_back({process, bytes, needs_.of_tasks.need_of(process), {}});
    const ProcessId head = chains.head_of(process);
    RoomAccount& account = by_head[head];
    account.process = head;
    account.held_bytes += bytes;
    account.need_bytes = needs_.of_chains.need_of(head);
    if (process != head) account.others.push_back(process);
  }
  for (auto& [head, account] : by_head) all.chains.push_back(std::move(account));
  return all;
}

std::vector<RoomHeld> Objects::holders() const {
  std::vector<RoomHeld> all;
  holders_.for_each_holder([&](ProcessId process) { all.push_back({process, held_bytes(process)}); });
  std::sort(all.begin(), all.end(), [](const RoomHeld& one, const RoomHeld& other) {
    return one.bytes != other.bytes ? one.bytes > other.bytes : one.process < other.process;
  });
  return all;
}

/// Where the caller looks at objects that others may change.
void Objects::serve_soon() {
  if (queue_.empty() || std::exchange(serves_soon_, true)) return;
  background_.main_thread().post([this] {
    serves_soon_ = false;
    serve();
  });
}

/// Somebody waits for room that is in use.
void Objects::look_again() {
  if (std::exchange(looks_again_, true)) return;
  timer_.expires_after(std::chrono::milliseconds(RoomQueue::kLookAgainMs));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // this may be gone
    looks_again_ = false;
    serve();
  });
}

}  // namespace morrow::worker
