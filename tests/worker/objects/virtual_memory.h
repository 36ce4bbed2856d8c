// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/extents.h"
#include "worker/objects/holders.h"
#include "worker/objects/room_queue.h"

namespace morrow::worker {

inline constexpr std::uint64_t kUnitBytes = 4096;

/// A RoomQueue over a memory that exists only as numbers, in virtual time: processes ask for units of it, hold what
/// they get, and let it go.
class VirtualMemory {
 public:
  struct Answer {
    bool served = false;
    std::uint64_t at_ms = 0;
    RoomDecision::Reason reason = RoomDecision::Reason::kNone;
    bool contended = false;
  };

  explicit VirtualMemory(std::uint64_t units)
      : extents_(units * kUnitBytes), queue_({.capacity_bytes = units * kUnitBytes}) {}

  std::uint64_t now_ms() const { return now_ms_; }

  Ticket ask(ProcessId process, std::uint64_t units, bool brief = false) {
    holders_.came(process);
    const Ticket ticket = queue_.ask(units * kUnitBytes, {{process, brief}}, now_ms_);
    processes_[ticket] = process;
    waiting_bytes_[ticket] = units * kUnitBytes;
    serve();
    return ticket;
  }
  /// The process ends or lets go all that it holds.
  void let_go(ProcessId process) {
    for (const std::uint64_t number : holders_.gone(process).writes) {
      extents_.free(held_.at(number));
      held_.erase(number);
    }
    holders_.came(process);
    serve();
  }
  /// The process is dead: it waits for nothing any more, either.
  void die(ProcessId process) {
    for (const Ticket ticket : queue_.leave(process)) waiting_bytes_.erase(ticket);
    let_go(process);
  }
  /// Time passes; the queue looks again as often as it says.
  void pass(std::uint64_t ms) {
    for (const std::uint64_t end = now_ms_ + ms; now_ms_ < end;) {
      now_ms_ += std::min(RoomQueue::kLookAgainMs, end - now_ms_);
      serve();
    }
  }
  /// Until `ticket` has an answer: after how many ms from now.
  std::uint64_t wait(Ticket ticket, std::uint64_t most_ms = 1'000'000) {
    const std::uint64_t begin_ms = now_ms_;
    while (!answered(ticket) && now_ms_ < begin_ms + most_ms) pass(RoomQueue::kLookAgainMs);
    return now_ms_ - begin_ms;
  }

  bool answered(Ticket ticket) const { return answers_.contains(ticket); }
  bool served(Ticket ticket) const { return answered(ticket) && answers_.at(ticket).served; }
  bool refused(Ticket ticket) const { return answered(ticket) && !answers_.at(ticket).served; }
  const Answer& answer(Ticket ticket) const { return answers_.at(ticket); }
  /// The answers in their order, since this was called last.
  std::vector<Ticket> take_news() { return std::exchange(news_, {}); }

  /// The next extent that is handed out turns out not to exist: the machine has memory for so many units only.
  void fail_next_growth(std::uint64_t units) { growth_fails_at_ = units; }
  void set_limit(std::uint64_t units) { extents_.limit(units * kUnitBytes); }
  void set_coming_free(bool yes) { coming_free_ = yes; }
  void set_disk_failed(bool yes) { disk_failed_ = yes; }
  std::uint64_t free_units() const { return (extents_.capacity() - extents_.used()) / kUnitBytes; }
  /// Bytes that processes hold, as those add up.
  std::uint64_t held_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [number, extent] : held_) sum += extent.size;
    return sum;
  }
  std::uint64_t used_bytes() const { return extents_.used(); }
  std::uint64_t capacity_bytes() const { return extents_.capacity(); }
  /// The process holds what it has until this is taken back: it waits for others.
  void set_standing(ProcessId process, Standing standing) { standing_[process] = standing; }
  /// It waits for what the other does.
  void set_waits_for(ProcessId process, ProcessId other) { waits_for_[process].push_back(other); }
  /// Processes begin in the order in which this is called.
  void begin(ProcessId process) { began_.try_emplace(process, began_.size() + 1); }
  /// What the task in the process needs in all is known.
  void set_need(ProcessId process, std::uint64_t units) { needs_[process] = units * kUnitBytes; }
  /// Whether it could go on if it had room.
  void set_could_use(ProcessId process, bool could) { could_use_[process] = could; }
  /// Those that were to begin anew.
  std::vector<ProcessId> take_interrupted() { return std::exchange(interrupted_, {}); }
  RoomQueue& queue() { return queue_; }
  Holders& holders() { return holders_; }
  /// Promises that were broken so far, in words; empty: none.
  std::string broken_promise() const {
    if (double_answer_) return "a request has two answers";
    if (out_of_turn_) return "a request passed one that needs no more than it";
    if (held_bytes() != used_bytes()) return "memory is lost, or held twice";
    if (held_bytes() > capacity_bytes()) return "more is held than there is";
    if (queue_.granted() != 0) return "a request is neither waiting nor through";
    if (queue_.waiting() != waiting_bytes_.size()) return "a request is lost";
    return {};
  }

  void serve() {
    while (!queue_.empty()) {
      const RoomDecision decision = queue_.decide(
          now_ms_, {extents_.largest_free(), extents_.limit(), coming_free_, disk_failed_}, holders_, questions());
      using Kind = RoomDecision::Kind;
      if (decision.kind == Kind::kInterrupt) {
        interrupted_.push_back(decision.process);
        continue;
      }
      if (decision.kind == Kind::kAwaitDisk || decision.kind == Kind::kLookAgain) return;
      const bool is_served = decision.kind == Kind::kServe;
      if (is_served) {
        const auto number = static_cast<std::uint64_t>(decision.ticket);
        const data::Extent extent = extents_.allocate(decision.size_bytes).value();
        if (const auto fails_at = std::exchange(growth_fails_at_, std::nullopt)) {
          extents_.free(extent);
          queue_.put_back(decision.ticket);
          set_limit(*fails_at);
          continue;
        }
        held_.emplace(number, extent);
        const bool held_before = holders_.holds_anything(processes_.at(decision.ticket));
        holders_.begin_writing(processes_.at(decision.ticket), number);
        queue_.settle(decision.ticket);
        // Only a request that needs less than each older one passes these, or one that they wait for.
        for (const auto& [older, bytes] : waiting_bytes_) {
          if (older < decision.ticket && bytes <= decision.size_bytes && !held_before) out_of_turn_ = true;
        }
      }
      waiting_bytes_.erase(decision.ticket);
      const Answer answer{is_served, now_ms_, decision.reason, decision.contended};
      double_answer_ = double_answer_ || !answers_.emplace(decision.ticket, answer).second;
      news_.push_back(decision.ticket);
    }
  }

 private:
  RoomQuestions questions() {
    RoomQuestions questions;
    questions.standing = [this](ProcessId process) {
      const auto known = standing_.find(process);
      return known == standing_.end() ? Standing::kGoesOn : known->second;
    };
    questions.chains = [this] {
      const auto waits_for = [this](ProcessId one) {
        return waits_for_.contains(one) ? waits_for_.at(one) : std::vector<ProcessId>();
      };
      return RoomChains(holders_.known(), waits_for);
    };
    questions.began = [this](ProcessId process) { return began_.contains(process) ? began_.at(process) : 0; };
    questions.could_use = [this](ProcessId process) { return !could_use_.contains(process) || could_use_.at(process); };
    if (needs_.empty()) return questions;
    questions.accounts = [this] {
      std::map<ProcessId, std::uint64_t> held;
      for (const auto& [process, need] : needs_) held[process] = 0;
      holders_.for_each_holder([&](ProcessId process) {
        for (const std::uint64_t number : holders_.find(process)->writes) held[process] += held_.at(number).size;
      });
      std::vector<RoomAccount> all;
      for (const auto& [process, bytes] : held) {
        const auto need = needs_.find(process);
        all.push_back({process, bytes, need == needs_.end() ? 0 : need->second, {}});
      }
      return std::optional(RoomAccounts{all, all, extents_.capacity() - extents_.used()});
    };
    return questions;
  }

  std::map<ProcessId, Standing> standing_;
  std::map<ProcessId, std::vector<ProcessId>> waits_for_;
  std::map<ProcessId, std::uint64_t> began_;
  std::map<ProcessId, std::uint64_t> needs_;
  std::map<ProcessId, bool> could_use_;
  std::vector<ProcessId> interrupted_;
  std::uint64_t now_ms_ = 5;
  data::Extents extents_;
  Holders holders_;
  RoomQueue queue_;
  bool coming_free_ = false;
  bool disk_failed_ = false;
  bool double_answer_ = false;
  bool out_of_turn_ = false;
  std::optional<std::uint64_t> growth_fails_at_;
  std::map<Ticket, std::uint64_t> waiting_bytes_;
  std::map<Ticket, ProcessId> processes_;
  std::map<Ticket, Answer> answers_;
  std::map<std::uint64_t, data::Extent> held_;
  std::vector<Ticket> news_;
};

}  // namespace morrow::worker
