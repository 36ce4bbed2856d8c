// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "worker/objects/holders.h"
#include "worker/objects/process_id.h"
#include "worker/objects/room_needs.h"

namespace morrow::worker {

/// A request for room in memory. The one that came first has the lowest.
enum class Ticket : std::uint64_t { kNone = 0 };

/// A process that a request is for.
struct Party {
  ProcessId process = kNoProcess;
  /// It waits for a moment only: it lets go whatever it holds when it gets nothing, and asks anew.
  bool brief = false;
};

/// The memory as it is when the queue decides. All in bytes.
struct RoomState {
  std::uint64_t largest_free_bytes = 0;  ///< a request of this size finds room, and no larger one
  std::uint64_t limit_bytes = 0;         ///< what the machine has memory for; at most the capacity
  bool coming_free = false;              ///< objects are on their way to disk: more comes free by itself
  bool disk_failed = false;              ///< nothing can be written to disk
};

/// What a task does that holds room and does not wait for more.
enum class Standing : std::uint8_t {
  kGoesOn,       ///< it runs, or waits for what does: it lets go some time
  kStuck,        ///< it waits for others that wait for room, and may begin anew
  kStuckForGood  ///< the same, but it may not run twice
};

/// What the queue can ask about the processes; empty functions: nothing is known.
struct RoomQuestions {
  /// Nothing, when nothing is known of any that hold room.
  std::function<std::optional<RoomAccounts>()> accounts = {};
  std::function<Standing(ProcessId)> standing = {};
  /// Which of the processes wait for which.
  std::function<RoomChains()> chains = {};
  /// Of two heads the one that began earlier has the lower number; empty: it is not known.
  std::function<std::uint64_t(ProcessId)> began = {};
  /// Whether one that waits could go on at once if it had room; empty: it could.
  std::function<bool(ProcessId)> could_use = {};
};

/// What to do next.
struct RoomDecision {
  /// What is to be done next.
  enum class Kind : std::uint8_t {
    kServe,      ///< allocate room for the request: there is some. It is granted from here on
    kRefuse,     ///< tell the request that there is no room. It is out of the queue
    kInterrupt,  ///< end the task in `process`, which begins anew: what it holds keeps all that hold room from going on
    kAwaitDisk,  ///< nothing, until the memory changes
    kLookAgain,  ///< nothing, until the memory changes or kLookAgainMs have passed
  };

  /// Why a request is refused.
  enum class Reason : std::uint8_t {
    kNone,
    kMachineIsFull,  ///< it is larger than what the machine has memory for
    kWaitedEnough,
    kMadeWay,   ///< a brief one, for those that wait
    kDeadlock,  ///< all that hold memory wait for more
  };

  Kind kind = Kind::kLookAgain;
  Ticket ticket = Ticket::kNone;
  ProcessId process = kNoProcess;
  std::uint64_t size_bytes = 0;
  Reason reason = Reason::kNone;
  bool contended = false;  ///< other tasks hold the room that is missing: later there may be enough
};

/// Requests for room in memory, and the decision which of them is served or refused, and when: room_queue.cc begins
/// with the rules. It holds no memory, clock or thread: what happens is told to it, with the time in ms of any clock
/// that does not go back, and `decide` says what to do. Owned by Objects, and by tests in virtual time. One thread.
///
/// Invariants: a request is either waiting or granted, never both, and leaves once; those that wait stand in the order
/// of their tickets, each with at least one party.
class RoomQueue {
 public:
  /// How much room there is in all, and how long it is waited for.
  struct Options {
    std::uint64_t capacity_bytes = 0;
    std::uint64_t patience_ms = 10'000;  ///< how long the first waits for room that others hold
  };

  static constexpr std::uint64_t kLookAgainMs = 100;

  explicit RoomQueue(Options options) : options_(options) {}

  /// Needs a size of 1 to the capacity, and at least one party.
  Ticket ask(std::uint64_t size_bytes, std::vector<Party> parties, std::uint64_t now_ms);
  /// Another one waits for what the request is for. Nothing happens when it waits no more.
  void join(Ticket ticket, Party party);

  /// The process is dead. Requests that were for no other one are out of the queue: they are returned, and nobody is to
  /// be told.
  std::vector<Ticket> leave(ProcessId process);

  /// What to do next, while anything waits: repeat until it says to wait. Room for the first must have been looked for
  /// before: whatever idle memory can be freed at once is free.
  RoomDecision decide(std::uint64_t now_ms, const RoomState& room, const Holders& holders,
                      const RoomQuestions& questions = {});

  /// What was granted is in the hands of the request: it is through.
  void settle(Ticket ticket);
  /// What was granted does not exist after all: the request waits again, at its old place.
  void put_back(Ticket ticket);

  bool empty() const { return waiting_.empty(); }
  /// Needs one that waits.
  std::uint64_t first_bytes() const;
  std::size_t waiting() const { return waiting_.size(); }
  /// How much room in all is waited for on behalf of the process.
  std::uint64_t waits_for_bytes(ProcessId process) const;
  /// Calls `visit(process)` for each party of each request that waits; for some more than once.
  template <class Visit>
  void for_each_waiting(Visit visit) const {
    for (const Request& one : waiting_) {
      for (const Party& party : one.parties) visit(party.process);
    }
  }
  /// The largest request that waits; 0: none does.
  std::uint64_t largest_bytes() const;
  std::size_t granted() const { return granted_.size(); }
  /// The next request's.
  Ticket next_ticket() const { return static_cast<Ticket>(next_ticket_); }
  /// All requests that came before this ticket have room or were refused.
  bool all_through_before(Ticket ticket) const;

 private:
  /// One who waits for room.
  struct Request {
    Ticket ticket = Ticket::kNone;
    std::uint64_t size_bytes = 0;
    std::uint64_t came_ms = 0;
    std::vector<Party> parties;
    std::optional<std::uint64_t> first_since_ms;  ///< since it stood at the head and found no room
    bool after_refusal = false;                   ///< the one before it got nothing
    std::uint64_t not_before_ms = 0;              ///< it is not refused before, whatever else
    std::uint64_t held_back_ms = 0;               ///< when it could have had room last, and was held back; 0: never
    std::uint64_t passed_by_bytes = 0;            ///< what requests got that came later
  };
  using Position = std::deque<Request>::iterator;

  static bool is_brief(const Request& request);
  static bool is_for_holder(const Request& request, const Holders& holders);
  static bool could_use(const Request& request, const RoomQuestions& questions);
  std::uint64_t refuse_at_ms(const Request& first) const;
  std::optional<Position> find_passing(const RoomState& room, const RoomQuestions& questions, bool held_back);
  bool may_begin(const Request& request, const RoomQuestions& questions) const;
  std::optional<Position> find_brief(const RoomQuestions& questions);
  /// Of those that hold room, when none of them will let go.
  struct Deadlock {
    std::size_t waiting = 0;       ///< for more room
    std::vector<ProcessId> stuck;  ///< for others that wait for room, and may begin anew
    std::size_t stuck_for_good = 0;
    RoomChains chains;                    ///< as they are now
    std::unordered_set<ProcessId> heads;  ///< of all that hold room, but for drivers
    bool is_one() const { return waiting + stuck.size() + stuck_for_good != 0; }
  };
  static ProcessId find_youngest(const Deadlock& deadlock, const RoomQuestions& questions);
  Deadlock find_deadlock(const Holders& holders, const RoomQuestions& questions) const;
  std::optional<RoomDecision> end_deadlock(const Deadlock& deadlock, const RoomState& room, const Holders& holders,
                                           const RoomQuestions& questions);
  std::optional<Position> find_fitting(const RoomState& room, const std::function<bool(const Request&)>& may);
  std::optional<Position> find_holder(const RoomState& room, const Holders& holders, const RoomQuestions& questions);
  std::optional<Position> find_last(const Holders& holders, const RoomQuestions& questions);
  RoomDecision break_deadlock(Position last);
  bool is_contended(const Request& request, const RoomState& room, const Holders& holders) const;
  RoomDecision serve(Position one);
  RoomDecision refuse(Position one, RoomDecision::Reason reason, bool contended);
  void advance(std::uint64_t now_ms);

  const Options options_;
  std::deque<Request> waiting_;
  std::map<Ticket, Request> granted_;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t now_ms_ = 0;
  bool last_was_refused_ = false;  ///< the last that left the head of the queue
  std::optional<std::uint64_t> sent_away_ms_;
  std::optional<std::uint64_t> deadlock_broken_ms_;
};

}  // namespace morrow::worker
