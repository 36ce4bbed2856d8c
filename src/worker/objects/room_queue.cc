// SPDX-License-Identifier: Apache-2.0
// Tasks hold memory while they ask for more, and how long they hold it is theirs to say. So a queue for room must not
// let the small starve the large, nor the large stop everybody, nor wait for ever for tasks that wait for each other.
// The rules:
//
// - First come, first served. The head of the queue has its patience (10 s) since it stood there and found no room.
// - Passing. A request that fits while the head does not may pass it: any in the head's first kPassFreelyMs, since
//   most room comes free within that; later only those of a sixteenth of its size, and all of them together no more
//   than half of it, so that what comes free adds up.
// - Of requests that wait for each other's room one fails and not all: what a refused one held is about to come free.
//   So its successor has kMoreTimeMs at the least, counted from where it became the head.
// - Brief ones (a task that waits for its arguments) can begin anew at no cost, so they hold nothing against others:
//   after kBriefMs one of them at a time, each kLookAgainMs, is refused for the head's sake; and as the head it
//   gives up after kBriefMs itself.
// - Deadlock. When all that hold memory have waited for more for kBreakDeadlockMs, none will let go. If one of them
//   fits, it passes: the head waits for it to go on. Else the last that came is refused: it has lost the least.
//   Preferably a task, for that is tried again, where a driver fails for good.
//   A driver that holds memory and does not wait proves nothing: it may go on reading for a second or for a day.
//   It has until kDriverLetsGoMs. A task that holds memory and does not wait runs, so it lets go some time.
//   A task that holds memory and is blocked for others, all of which wait for room, will not let go either: of such
//   ones one is interrupted, of the chain (a task and those that it waits for) that began last, so that the oldest is
//   never turned back. It begins anew, which is no try of it.
// - Who begins to hold. What tasks were seen to need when they stood in each other's way is known by their functions
//   from then on (room_needs.h), of a chain all together. Room goes only to a request after which all that hold some
//   can come to their end, one after the other. One that is held back so is passed freely, and is not refused: it waits
//   for those to end.
// - While objects are on their way to disk nobody is refused: more comes free by itself.
//
// Time is passed in, so that these are tested in virtual time: tests/worker/objects/room_queue_test.cc each rule,
// room_queue_simulation_test.cc all together. docs/design.md, "Waiting for room", has the reasons.
#include "worker/objects/room_queue.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"
#include "control/coverage_mark.h"

namespace morrow::worker {

namespace {

using Kind = RoomDecision::Kind;
using Reason = RoomDecision::Reason;

constexpr std::uint64_t kPassFreelyMs = 2000;    // most tasks let go within it
constexpr std::uint64_t kSmallPart = 16;         // of the head's size passes later
constexpr std::uint64_t kPassingPart = 2;        // of the head's size is what all of these may take together
constexpr std::uint64_t kMoreTimeMs = 1000;      // enough for a failed task to end and let go
constexpr std::uint64_t kBriefMs = 300;          // a dependency is seldom worth a longer stop of others
constexpr std::uint64_t kBreakDeadlockMs = 500;  // a request that follows another is there by then
constexpr std::uint64_t kDriverLetsGoMs = 2000;  // a driver that copies a value out is through by then

/// To add up the accounts is a walk over all that is held: it is done once a decision, if at all.
RoomQuestions asked_once(const RoomQuestions& questions) {
  RoomQuestions once = questions;
  if (!questions.accounts) return once;
  once.accounts = [&questions, known = std::optional<decltype(questions.accounts())>()]() mutable {
    if (!known) known = questions.accounts();
    return *known;
  };
  return once;
}

}  // namespace

Ticket RoomQueue::ask(std::uint64_t size_bytes, std::vector<Party> parties, std::uint64_t now_ms) {
  advance(now_ms);
  MORROW_INVARIANT(size_bytes >= 1 && size_bytes <= options_.capacity_bytes, "a request can be served at all",
                   size_bytes, options_.capacity_bytes);
  MORROW_INVARIANT(!parties.empty(), "a request is for somebody", size_bytes);
  Request request;
  request.ticket = static_cast<Ticket>(next_ticket_++);
  request.size_bytes = size_bytes;
  request.came_ms = now_ms;
  request.parties = std::move(parties);
  waiting_.push_back(std::move(request));
  return waiting_.back().ticket;
}

std::uint64_t RoomQueue::waits_for_bytes(ProcessId process) const {
  std::uint64_t bytes = 0;
  for (const Request& one : waiting_) {
    const bool its = std::any_of(one.parties.begin(), one.parties.end(),
                                 [&](const Party& party) { return party.process == process; });
    bytes += its ? one.size_bytes : 0;
  }
  return bytes;
}

void RoomQueue::join(Ticket ticket, Party party) {
  const auto at = std::lower_bound(waiting_.begin(), waiting_.end(), ticket,
                                   [](const Request& one, Ticket wanted) { return one.ticket < wanted; });
  if (at != waiting_.end() && at->ticket == ticket) {
    at->parties.push_back(party);
  } else if (const auto granted = granted_.find(ticket); granted != granted_.end()) {
    granted->second.parties.push_back(party);
  }
}

std::vector<Ticket> RoomQueue::leave(ProcessId process) {
  std::vector<Ticket> left;
  for (Request& one : waiting_) {
    std::erase_if(one.parties, [&](const Party& party) { return party.process == process; });
    if (one.parties.empty()) left.push_back(one.ticket);
  }
  std::erase_if(waiting_, [](const Request& one) { return one.parties.empty(); });
  return left;
}

std::uint64_t RoomQueue::largest_bytes() const {
  std::uint64_t bytes = 0;
  for (const Request& one : waiting_) bytes = std::max(bytes, one.size_bytes);
  return bytes;
}

RoomDecision RoomQueue::decide(std::uint64_t now_ms, const RoomState& room, const Holders& holders,
                               const RoomQuestions& all_questions) {
  advance(now_ms);
  const RoomQuestions questions = asked_once(all_questions);
  MORROW_INVARIANT(!waiting_.empty(), "there is a decision while a request waits", now_ms);
  MORROW_INVARIANT(room.largest_free_bytes <= room.limit_bytes && room.limit_bytes <= options_.capacity_bytes,
                   "free memory lies within the limit, and that within the memory", room.largest_free_bytes,
                   room.limit_bytes, options_.capacity_bytes);
  Request& first = waiting_.front();
  if (first.size_bytes > room.limit_bytes) return refuse(waiting_.begin(), Reason::kMachineIsFull, false);
  const bool fits = first.size_bytes <= room.largest_free_bytes;
  if (fits && may_begin(first, questions)) {
    last_was_refused_ = false;
    return serve(waiting_.begin());
  }
  if (!first.first_since_ms) {
    control::coverage_mark<"room in object memory is waited for">();
    first.first_since_ms = now_ms;
    first.after_refusal = last_was_refused_;
  }
  const bool gives_up = room.disk_failed || now_ms >= refuse_at_ms(first);
  const bool held_back = fits && !is_brief(first);
  if (held_back) first.held_back_ms = now_ms;  // its patience begins when those that pass it take the room
  if (gives_up && !held_back && !room.coming_free && could_use(first, questions)) {
    last_was_refused_ = true;
    return refuse(waiting_.begin(), Reason::kWaitedEnough, is_contended(first, room, holders));
  }
  if (const auto passing = find_passing(room, questions, held_back)) return serve(*passing);
  if (room.coming_free) return {.kind = Kind::kAwaitDisk};
  if (const auto brief = find_brief(questions)) {
    sent_away_ms_ = now_ms;
    return refuse(*brief, Reason::kMadeWay, false);
  }
  if (const Deadlock deadlock = find_deadlock(holders, questions); deadlock.is_one()) {
    if (const auto decision = end_deadlock(deadlock, room, holders, questions)) return *decision;
  }
  return {.kind = Kind::kLookAgain};
}

/// Nothing: there is nothing to do but to wait.
std::optional<RoomDecision> RoomQueue::end_deadlock(const Deadlock& deadlock, const RoomState& room,
                                                    const Holders& holders, const RoomQuestions& questions) {
  if (const auto holder = find_holder(room, holders, questions)) return serve(*holder);
  const bool some_are_stuck = !deadlock.stuck.empty() || deadlock.stuck_for_good != 0;
  if (some_are_stuck) {
    // What they wait for is among all that wait here.
    const auto found = find_fitting(room, [&](const Request& one) { return may_begin(one, questions); });
    if (found) return serve(*found);
  }
  if (const ProcessId youngest = find_youngest(deadlock, questions); youngest != kNoProcess) {
    deadlock_broken_ms_ = now_ms_;
    return RoomDecision{.kind = Kind::kInterrupt, .process = youngest};
  }
  if (some_are_stuck) {
    // Who is held back may have the processor that they wait for.
    const auto found = find_fitting(room, [&](const Request& one) { return could_use(one, questions); });
    if (found) return serve(*found);
  }
  if (deadlock.waiting < 2) return std::nullopt;
  if (const auto last = find_last(holders, questions)) return break_deadlock(*last);
  return std::nullopt;
}

/// The one that begins anew: of the chain that began last, so that the oldest comes to its end, whatever happens. Not
/// the head of the only one: it would come to the same point again.
ProcessId RoomQueue::find_youngest(const Deadlock& deadlock, const RoomQuestions& questions) {
  ProcessId youngest = kNoProcess;
  std::uint64_t youngest_began = 0;
  for (const ProcessId process : deadlock.stuck) {
    const ProcessId head = deadlock.chains.head_of(process);
    if (deadlock.heads.size() == 1 && process == head) continue;
    const std::uint64_t began = questions.began ? questions.began(head) : 0;
    if (youngest != kNoProcess && std::pair(began, process) < std::pair(youngest_began, youngest)) continue;
    youngest = process;
    youngest_began = began;
  }
  return youngest;
}

/// Whether all that hold room can end, one after the other, when this one has what it asks for, and it can use it.
bool RoomQueue::may_begin(const Request& request, const RoomQuestions& questions) const {
  const bool is_for_task = std::any_of(request.parties.begin(), request.parties.end(),
                                       [](const Party& one) { return is_executor(one.process); });
  if (!could_use(request, questions)) return false;
  if (!questions.accounts || !is_for_task) return true;
  auto known = questions.accounts();
  if (!known) return true;
  const auto is_party = [&](const RoomAccount& account) {
    return std::any_of(request.parties.begin(), request.parties.end(),
                       [&](const Party& party) { return account.is_of(party.process); });
  };
  const auto others_hold = [&](const std::vector<RoomAccount>& accounts) {
    return std::any_of(accounts.begin(), accounts.end(), [&](const RoomAccount& account) {
      return account.held_bytes != 0 && !is_party(account) && is_executor(account.process);
    });
  };
  // Within one chain alone its tasks count one by one.
  std::vector<RoomAccount>& accounts = others_hold(known->chains) ? known->chains : known->tasks;
  if (!others_hold(accounts)) return true;  // nobody else could let go anything: there is no use in waiting
  for (RoomAccount& account : accounts) {
    if (is_party(account)) account.held_bytes += request.size_bytes;
    std::uint64_t waits = is_party(account) ? 0 : waits_for_bytes(account.process);
    for (const ProcessId other : account.others) waits += is_party(account) ? 0 : waits_for_bytes(other);
    account.need_bytes = std::min(std::max(account.need_bytes, account.held_bytes + waits), options_.capacity_bytes);
  }
  std::erase_if(accounts, [](const RoomAccount& account) { return account.held_bytes == 0; });
  for (const Party& party : request.parties) {
    const bool there =
        std::any_of(accounts.begin(), accounts.end(), [&](const RoomAccount& one) { return one.is_of(party.process); });
    if (!there) accounts.push_back({party.process, request.size_bytes, request.size_bytes});
  }
  return can_all_end(std::move(accounts), known->free_bytes - std::min(known->free_bytes, request.size_bytes));
}

void RoomQueue::settle(Ticket ticket) { base::must_erase(granted_, ticket, "a request that is settled was granted"); }

void RoomQueue::put_back(Ticket ticket) {
  Request request = std::move(base::must_find(granted_, ticket, "a request that is put back was granted"));
  granted_.erase(ticket);
  const auto at = std::lower_bound(waiting_.begin(), waiting_.end(), ticket,
                                   [](const Request& one, Ticket wanted) { return one.ticket < wanted; });
  MORROW_INVARIANT(at == waiting_.end() || at->ticket != ticket, "a granted request does not wait", ticket);
  waiting_.insert(at, std::move(request));
}

std::uint64_t RoomQueue::first_bytes() const {
  MORROW_INVARIANT(!waiting_.empty(), "the first is asked for while a request waits", granted_.size());
  return waiting_.front().size_bytes;
}

bool RoomQueue::all_through_before(Ticket ticket) const {
  return (waiting_.empty() || waiting_.front().ticket >= ticket) &&
         (granted_.empty() || granted_.begin()->first >= ticket);
}

bool RoomQueue::is_brief(const Request& request) {
  return std::all_of(request.parties.begin(), request.parties.end(), [](const Party& one) { return one.brief; });
}

/// Whether one that it is for would have a processor to go on with, room or none.
bool RoomQueue::could_use(const Request& request, const RoomQuestions& questions) {
  return !questions.could_use || std::any_of(request.parties.begin(), request.parties.end(),
                                             [&](const Party& one) { return questions.could_use(one.process); });
}

bool RoomQueue::is_for_holder(const Request& request, const Holders& holders) {
  return std::any_of(request.parties.begin(), request.parties.end(),
                     [&](const Party& one) { return holders.holds_anything(one.process); });
}

std::uint64_t RoomQueue::refuse_at_ms(const Request& first) const {
  const std::uint64_t patience = is_brief(first) ? std::min(options_.patience_ms, kBriefMs) : options_.patience_ms;
  const std::uint64_t more_time = std::min(patience, kMoreTimeMs);
  const std::uint64_t since = std::max(*first.first_since_ms, first.held_back_ms);
  const std::uint64_t end = first.after_refusal && first.held_back_ms == 0
                                ? std::max(first.came_ms + patience, since + more_time)
                                : since + patience;
  return std::clamp(first.not_before_ms, end, end + more_time);
}

/// The first that may pass the head, and fits.
std::optional<RoomQueue::Position> RoomQueue::find_passing(const RoomState& room, const RoomQuestions& questions,
                                                           bool held_back) {
  Request& first = waiting_.front();
  const bool freely = held_back || now_ms_ - *first.first_since_ms < kPassFreelyMs;
  const auto may = [&](const Request& one) {
    const bool is_small = one.size_bytes <= first.size_bytes / kSmallPart &&
                          first.passed_by_bytes + one.size_bytes <= first.size_bytes / kPassingPart;
    return one.size_bytes <= room.largest_free_bytes && (freely || is_small) && may_begin(one, questions);
  };
  const auto found = std::find_if(waiting_.begin() + 1, waiting_.end(), may);
  if (found == waiting_.end()) return std::nullopt;
  if (!freely) first.passed_by_bytes += found->size_bytes;
  return found;
}

/// A brief one that has to ask anew. One at a time: what it lets go may be enough.
std::optional<RoomQueue::Position> RoomQueue::find_brief(const RoomQuestions& questions) {
  if (now_ms_ < *waiting_.front().first_since_ms + kBriefMs) return std::nullopt;
  if (sent_away_ms_ && now_ms_ < *sent_away_ms_ + kLookAgainMs) return std::nullopt;
  const auto found = std::find_if(waiting_.begin() + 1, waiting_.end(), [&](const Request& one) {
    return now_ms_ >= one.came_ms + kBriefMs && is_brief(one) && could_use(one, questions);
  });
  if (found == waiting_.end()) return std::nullopt;
  return found;
}

/// When all that hold memory wait, and have for long enough: none of them will let go.
RoomQueue::Deadlock RoomQueue::find_deadlock(const Holders& holders, const RoomQuestions& questions) const {
  Deadlock deadlock;
  if (!granted_.empty()) return deadlock;
  std::uint64_t since = *waiting_.front().first_since_ms;
  if (deadlock_broken_ms_) since = std::max(since, *deadlock_broken_ms_);
  if (now_ms_ < since + kBreakDeadlockMs) return deadlock;
  std::unordered_set<ProcessId> waits;
  for (const Request& one : waiting_) {
    for (const Party& party : one.parties) waits.insert(party.process);
  }
  if (questions.chains) deadlock.chains = questions.chains();
  bool driver_reads = false;
  bool runs = false;
  holders.for_each_holder([&](ProcessId process) {
    if (!is_driver(process)) deadlock.heads.insert(deadlock.chains.head_of(process));
    if (waits.contains(process)) {
      ++deadlock.waiting;
    } else if (is_driver(process)) {
      driver_reads = true;
    } else if (const Standing standing = is_executor(process) && questions.standing && !runs
                                             ? questions.standing(process)
                                             : Standing::kGoesOn;
               standing == Standing::kStuck) {
      deadlock.stuck.push_back(process);
    } else {
      deadlock.stuck_for_good += standing == Standing::kStuckForGood ? 1 : 0;
      runs = runs || standing == Standing::kGoesOn;
    }
  });
  const bool is_deadlock = !runs && (!driver_reads || now_ms_ >= since + kDriverLetsGoMs);
  return is_deadlock ? deadlock : Deadlock();
}

/// The first that fits and may have it.
std::optional<RoomQueue::Position> RoomQueue::find_fitting(const RoomState& room,
                                                           const std::function<bool(const Request&)>& may) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Request& one) {
    return one.size_bytes <= room.largest_free_bytes && may(one);
  });
  if (found == waiting_.end()) return std::nullopt;
  return found;
}

/// The first that fits and is for a process that holds memory: the head waits for it to let go.
std::optional<RoomQueue::Position> RoomQueue::find_holder(const RoomState& room, const Holders& holders,
                                                          const RoomQuestions& questions) {
  const auto found = std::find_if(waiting_.begin() + 1, waiting_.end(), [&](const Request& one) {
    return one.size_bytes <= room.largest_free_bytes && is_for_holder(one, holders) && could_use(one, questions);
  });
  if (found == waiting_.end()) return std::nullopt;
  return found;
}

/// The last that came for a process that holds memory: one that no driver waits for, if there is one.
std::optional<RoomQueue::Position> RoomQueue::find_last(const Holders& holders, const RoomQuestions& questions) {
  std::optional<Position> last_of_all;
  for (auto one = waiting_.end(); one != waiting_.begin();) {
    --one;
    if (!is_for_holder(*one, holders) || !could_use(*one, questions)) continue;
    const auto& parties = one->parties;
    if (std::none_of(parties.begin(), parties.end(), [](const Party& party) { return is_driver(party.process); }))
      return one;
    if (!last_of_all) last_of_all = one;
  }
  return last_of_all;
}

RoomDecision RoomQueue::break_deadlock(Position last) {
  control::coverage_mark<"of tasks that wait for each other's room one gets none">();
  deadlock_broken_ms_ = now_ms_;
  const RoomDecision decision = refuse(last, Reason::kDeadlock, true);
  // What the refused one held is about to come free: the head sees that, but at most kMoreTimeMs beyond its time.
  if (!waiting_.empty()) waiting_.front().not_before_ms = now_ms_ + std::min(options_.patience_ms, kMoreTimeMs);
  return decision;
}

/// Whether tasks hold memory besides those that wait for this.
bool RoomQueue::is_contended(const Request& request, const RoomState& room, const Holders& holders) const {
  if (room.disk_failed || room.limit_bytes < options_.capacity_bytes) return false;
  bool others_hold = false;
  holders.for_each_holder([&](ProcessId process) {
    const auto is_it = [&](const Party& party) { return party.process == process; };
    if (is_executor(process) && std::none_of(request.parties.begin(), request.parties.end(), is_it)) others_hold = true;
  });
  return others_hold;
}

RoomDecision RoomQueue::serve(Position one) {
  const RoomDecision decision{.kind = Kind::kServe, .ticket = one->ticket, .size_bytes = one->size_bytes};
  const bool is_new = granted_.emplace(one->ticket, std::move(*one)).second;
  MORROW_INVARIANT(is_new, "a request is granted once", decision.ticket);
  waiting_.erase(one);
  return decision;
}

RoomDecision RoomQueue::refuse(Position one, Reason reason, bool contended) {
  const RoomDecision decision{.kind = Kind::kRefuse,
                              .ticket = one->ticket,
                              .size_bytes = one->size_bytes,
                              .reason = reason,
                              .contended = contended};
  if (contended) control::coverage_mark<"room is refused, since other tasks hold it">();
  waiting_.erase(one);
  return decision;
}

void RoomQueue::advance(std::uint64_t now_ms) {
  MORROW_INVARIANT(now_ms >= now_ms_, "time does not go back", now_ms, now_ms_);
  now_ms_ = now_ms;
}

}  // namespace morrow::worker
