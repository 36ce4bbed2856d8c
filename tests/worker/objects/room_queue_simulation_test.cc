// SPDX-License-Identifier: Apache-2.0
// Many processes over virtual hours: tasks that write values piece by piece, tasks that wait for their arguments, and
// drivers that read for long. A run is its seed; that of a run which breaks a promise is printed, and
//
//     MORROW_ROOM_SEED=17 worker_objects_test --gtest_filter='RoomQueueSimulation.*'
//
// does it again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/objects/virtual_memory.h"

namespace morrow::worker {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 60;  // each takes ten times as long there
#else
constexpr std::uint64_t kSeeds = 300;
#endif
constexpr std::uint64_t kUnits = 256;
constexpr std::uint64_t kBusyMs = 15 * 60'000;
constexpr std::uint64_t kDrainMs = 30 * 60'000;
constexpr std::uint64_t kMostMs = 10'000 + 1000 + RoomQueue::kLookAgainMs;  // at the head, after a broken deadlock

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed) {
    const std::uint64_t processes = any(3, 16);
    most_hold_ms_ = any(0, 3) == 0 ? 20'000 : 1500;
    for (std::uint64_t i = 1; i <= processes; ++i) {
      const std::uint64_t kind = any(0, 9);
      Process process;
      process.kind = kind < 5 ? Kind::kWriter : kind < 8 ? Kind::kReader : Kind::kDriver;
      process.id = process.kind == Kind::kDriver ? kDriverBit | i : i;
      process.due_ms = any(0, 3000);
      processes_.push_back(process);
    }
  }

  /// What went wrong; empty: nothing.
  std::string run() {
    while (problem_.empty()) {
      const bool drains = memory_.now_ms() >= kBusyMs;
      const bool all_done = std::all_of(processes_.begin(), processes_.end(),
                                        [](const Process& one) { return one.state == State::kResting; });
      if (drains && all_done) break;
      if (memory_.now_ms() >= kBusyMs + kDrainMs) return "some never come to an end";
      std::uint64_t next_ms = memory_.now_ms() + 1000;
      for (const Process& one : processes_) {
        if (one.state != State::kAsking) next_ms = std::min(next_ms, std::max(one.due_ms, memory_.now_ms() + 1));
      }
      if (!memory_.queue().empty()) next_ms = std::min(next_ms, memory_.now_ms() + RoomQueue::kLookAgainMs);
      memory_.pass(next_ms - memory_.now_ms());
      hear();
      for (Process& one : processes_) {
        if (one.state != State::kAsking && one.due_ms <= memory_.now_ms()) go_on(one, drains);
      }
      if (problem_.empty()) problem_ = memory_.broken_promise();
    }
    if (problem_.empty() && memory_.used_bytes() != 0) return "memory is held when all are through";
    return problem_;
  }

  std::uint64_t served() const { return served_; }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t deadlocks() const { return deadlocks_; }
  /// Refusals of patient ones whose time was over.
  std::uint64_t late() const { return late_; }
  std::uint64_t finished() const { return finished_; }

 private:
  enum class Kind : std::uint8_t { kWriter, kReader, kDriver };
  enum class State : std::uint8_t { kResting, kAsking, kBetween, kHolding };
  struct Process {
    ProcessId id = kNoProcess;
    Kind kind = Kind::kWriter;
    State state = State::kResting;
    std::uint64_t due_ms = 0;
    std::vector<std::uint64_t> pieces;  ///< of this piece of work, in units
    std::size_t next_piece = 0;
    std::uint64_t answer_by_ms = 0;
  };

  std::uint64_t any(std::uint64_t least, std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(least, most)(random_);
  }

  void go_on(Process& process, bool drains) {
    switch (process.state) {
      case State::kResting:
        if (drains) return;
        process.pieces.clear();
        for (std::uint64_t left = any(1, 3); left != 0; --left)
          process.pieces.push_back(any(0, 4) == 0 ? any(kUnits / 4, kUnits / 3) : any(1, kUnits / 8));
        if (process.pieces.size() == 1 && any(0, 9) == 0) process.pieces = {kUnits};  // all there is
        process.next_piece = 0;
        return ask(process);
      case State::kBetween:
        return ask(process);
      case State::kHolding:
        ++finished_;
        memory_.let_go(process.id);
        process.state = State::kResting;
        process.due_ms = memory_.now_ms() + any(1, 2000);
        return hear();
      case State::kAsking:
        return;
    }
  }

  void ask(Process& process) {
    const bool brief = process.kind == Kind::kReader;
    process.state = State::kAsking;
    const std::uint64_t before = memory_.queue().waiting();
    process.answer_by_ms = memory_.now_ms() + (before + 1) * kMostMs;
    asked_[memory_.ask(process.id, process.pieces[process.next_piece], brief)] = &process;
    hear();
  }

  /// Tells the processes what became of their requests, and of those that are answered on account of it.
  void hear() {
    const std::vector<Ticket> news = memory_.take_news();
    news_.insert(news_.end(), news.begin(), news.end());
    if (std::exchange(hears_, true)) return;
    while (!news_.empty()) {
      const Ticket ticket = news_.front();
      news_.pop_front();
      Process& process = *asked_.at(ticket);
      asked_.erase(ticket);
      answered(process, memory_.answer(ticket));
    }
    hears_ = false;
  }

  void answered(Process& process, const VirtualMemory::Answer& answer) {
    if (answer.at_ms > process.answer_by_ms) problem_ = "an answer took longer than the time of all before it";
    if (answer.served) {
      ++served_;
      ++process.next_piece;
      const bool has_all = process.next_piece == process.pieces.size();
      process.state = has_all ? State::kHolding : State::kBetween;
      const bool reads_long = process.kind == Kind::kDriver && any(0, 9) == 0;
      process.due_ms = memory_.now_ms() + (has_all ? any(1, reads_long ? 30'000 : most_hold_ms_) : any(1, 300));
      return;
    }
    ++refused_;
    if (answer.reason == RoomDecision::Reason::kDeadlock) ++deadlocks_;
    if (answer.reason == RoomDecision::Reason::kWaitedEnough && process.kind != Kind::kReader) ++late_;
    memory_.let_go(process.id);
    process.next_piece = 0;
    // A driver's program gives up; a task is tried again.
    process.state = process.kind == Kind::kDriver ? State::kResting : State::kBetween;
    process.due_ms = memory_.now_ms() + any(50, process.kind == Kind::kReader ? 200 : 1500);
    hear();
  }

  std::mt19937_64 random_;
  VirtualMemory memory_{kUnits};
  std::vector<Process> processes_;
  std::map<Ticket, Process*> asked_;
  std::deque<Ticket> news_;
  bool hears_ = false;
  std::uint64_t most_hold_ms_ = 0;
  std::uint64_t served_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t deadlocks_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t finished_ = 0;
  std::string problem_;
};

TEST(RoomQueueSimulation, AllComeToAnEndInTheirTurnWhateverTheyHold) {
  const char* one_seed = std::getenv("MORROW_ROOM_SEED");
  const std::uint64_t first = one_seed == nullptr ? 1 : std::strtoull(one_seed, nullptr, 10);
  const std::uint64_t last = one_seed == nullptr ? kSeeds : first;
  std::uint64_t served = 0;
  std::uint64_t refused = 0;
  std::uint64_t deadlocks = 0;
  std::uint64_t late = 0;
  std::uint64_t finished = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Simulation simulation(seed);
    const std::string problem = simulation.run();
    ASSERT_EQ(problem, "") << "MORROW_ROOM_SEED=" << seed;
    served += simulation.served();
    refused += simulation.refused();
    deadlocks += simulation.deadlocks();
    late += simulation.late();
    finished += simulation.finished();
  }
  std::printf("%lu served, %lu refused, of them %lu for a deadlock and %lu since their time was over; %lu ends\n",
              served, refused, deadlocks, late, finished);
  EXPECT_GT(finished, 0U);
  if (one_seed == nullptr) {
    EXPECT_GT(deadlocks, 0U) << "the rule was never needed";
    EXPECT_GT(late, 0U) << "likewise";
    EXPECT_LT(late, served / 25) << "most let go in time";
  }
}

}  // namespace
}  // namespace morrow::worker
