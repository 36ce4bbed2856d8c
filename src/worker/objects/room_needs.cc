// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/room_needs.h"

#include <algorithm>

namespace morrow::worker {

namespace {

constexpr std::uint64_t kForgottenPart = 4;  // of what a task did not need after all

}  // namespace

bool RoomAccount::is_of(ProcessId one) const {
  return process == one || std::find(others.begin(), others.end(), one) != others.end();
}

RoomChains::RoomChains(const std::vector<ProcessId>& all, const WaitsFor& waits_for) {
  if (!waits_for) return;
  for (const ProcessId process : all) {
    for (const ProcessId other : waits_for(process)) {
      if (other != process) waiters_.try_emplace(other, process);
    }
  }
}

ProcessId RoomChains::head_of(ProcessId process) const {
  ProcessId head = process;
  for (std::size_t steps = 0; steps <= waiters_.size(); ++steps) {
    const auto waiter = waiters_.find(head);
    if (waiter == waiters_.end()) return head;
    head = waiter->second;
  }
  return process;  // they wait for each other in a circle
}

bool can_all_end(std::vector<RoomAccount> accounts, std::uint64_t free_bytes) {
  std::erase_if(accounts, [](const RoomAccount& one) { return !is_executor(one.process); });
  const auto lacks = [](const RoomAccount& one) {
    return one.need_bytes > one.held_bytes ? one.need_bytes - one.held_bytes : 0;
  };
  std::sort(accounts.begin(), accounts.end(),
            [&](const RoomAccount& one, const RoomAccount& other) { return lacks(one) < lacks(other); });
  for (const RoomAccount& one : accounts) {
    if (lacks(one) > free_bytes) return false;
    free_bytes += one.held_bytes;
  }
  return true;
}

void RoomNeeds::runs(ProcessId process, std::uint64_t function) {
  Run& run = processes_[process];
  if (const auto known = by_function_.find(run.function); known != by_function_.end() && run.most_bytes != 0) {
    // The last ones count most: a function whose tasks differ is not held to the largest for ever.
    std::uint64_t& need = known->second;
    need = run.most_bytes >= need ? run.most_bytes : need - (need - run.most_bytes) / kForgottenPart;
  }
  run = {function, ++runs_, 0};
}

void RoomNeeds::stood_in_the_way(ProcessId process, std::uint64_t need_bytes) {
  const auto run = processes_.find(process);
  if (run == processes_.end()) return;
  if (by_function_.size() >= kMostFunctions) by_function_.clear();
  std::uint64_t& need = by_function_[run->second.function];
  need = std::max(need, need_bytes);
}

void RoomNeeds::holds(ProcessId process, std::uint64_t held_bytes) {
  if (const auto run = processes_.find(process); run != processes_.end())
    run->second.most_bytes = std::max(run->second.most_bytes, held_bytes);
}

std::uint64_t RoomNeeds::began(ProcessId process) const {
  const auto run = processes_.find(process);
  return run == processes_.end() ? 0 : run->second.began;
}

std::uint64_t RoomNeeds::need_of(ProcessId process) const {
  const auto run = processes_.find(process);
  if (run == processes_.end()) return 0;
  const auto known = by_function_.find(run->second.function);
  return known == by_function_.end() ? 0 : known->second;
}

}  // namespace morrow::worker
