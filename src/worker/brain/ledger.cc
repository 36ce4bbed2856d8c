// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/ledger.h"

#include <algorithm>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::worker {

namespace {

std::int64_t as_signed(std::uint64_t amount) { return static_cast<std::int64_t>(amount); }
std::uint64_t not_below_zero(std::int64_t amount) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(amount, 0));
}

}  // namespace

Ledger::Ledger(const control::Resources& total)
    : total_(total),
      cpu_(as_signed(total.cpu_micro)),
      memory_(as_signed(total.memory)),
      gpu_(as_signed(total.gpu_micro)) {
  for (const auto& [name, amount] : total.named_micro) named_[name] = as_signed(amount);
}

bool Ledger::fits(const control::Resources& need) const {
  // What is not asked for is not looked at: an oversubscribed cpu does not hold up a task that needs none.
  if (need.cpu_micro != 0 && as_signed(need.cpu_micro) > cpu_) return false;
  if (need.memory != 0 && as_signed(need.memory) > memory_) return false;
  if (need.gpu_micro != 0 && as_signed(need.gpu_micro) > gpu_) return false;
  return std::all_of(need.named_micro.begin(), need.named_micro.end(), [&](const auto& entry) {
    if (entry.second == 0) return true;
    const auto found = named_.find(entry.first);
    return found != named_.end() && found->second >= as_signed(entry.second);
  });
}

void Ledger::take(const control::Resources& need) {
  cpu_ -= as_signed(need.cpu_micro);
  memory_ -= as_signed(need.memory);
  gpu_ -= as_signed(need.gpu_micro);
  for (const auto& [name, amount] : need.named_micro) named_[name] -= as_signed(amount);
}

void Ledger::release(const control::Resources& need) {
  cpu_ += as_signed(need.cpu_micro);
  memory_ += as_signed(need.memory);
  gpu_ += as_signed(need.gpu_micro);
  MORROW_INVARIANT(
      cpu_ <= as_signed(total_.cpu_micro) && memory_ <= as_signed(total_.memory) && gpu_ <= as_signed(total_.gpu_micro),
      "no more is released than was taken", cpu_, memory_, gpu_, total_.cpu_micro, total_.memory, total_.gpu_micro);
  for (const auto& [name, amount] : need.named_micro) {
    std::int64_t& free = base::must_find(named_, name, "a named resource that is released was taken");
    free += as_signed(amount);
    const auto total = total_.named_micro.find(name);
    MORROW_INVARIANT(free <= (total == total_.named_micro.end() ? 0 : as_signed(total->second)),
                     "no more of a named resource is released than was taken", name, free);
  }
}

control::Resources Ledger::releasable(const control::Resources& need) {
  control::Resources released;
  released.cpu_micro = need.cpu_micro;
  released.named_micro = need.named_micro;
  return released;
}

control::Resources Ledger::block(const control::Resources& held) {
  control::Resources released = releasable(held);
  release(released);
  control::Resources kept = held;
  kept -= released;
  kept_ += kept;
  return released;
}

void Ledger::unblock(const control::Resources& held) {
  const control::Resources released = releasable(held);
  take(released);
  control::Resources kept = held;
  kept -= released;
  MORROW_INVARIANT(kept.memory <= kept_.memory && kept.gpu_micro <= kept_.gpu_micro,
                   "what a task keeps while it is blocked was counted", kept.memory, kept_.memory, kept.gpu_micro,
                   kept_.gpu_micro);
  kept_ -= kept;
}

control::Resources Ledger::beside_kept() const {
  control::Resources rest = total_;
  rest -= kept_;
  return rest;
}

bool Ledger::may_oversubscribe(const control::Resources& need) const {
  control::Resources but_cpus = need;
  but_cpus.cpu_micro = 0;
  return fits(but_cpus) && as_signed(need.cpu_micro) - cpu_ <= as_signed(total_.cpu_micro);
}

std::uint64_t Ledger::cpu_oversubscribed() const { return not_below_zero(-cpu_); }

control::Resources Ledger::free() const {
  control::Resources free;
  free.cpu_micro = not_below_zero(cpu_);
  free.memory = not_below_zero(memory_);
  free.gpu_micro = not_below_zero(gpu_);
  for (const auto& [name, amount] : named_) free.named_micro[name] = not_below_zero(amount);
  return free;
}

std::uint64_t Ledger::used_cpu_micro() const { return not_below_zero(as_signed(total_.cpu_micro) - cpu_); }

control::Resources Ledger::used() const {
  control::Resources used;
  used.cpu_micro = used_cpu_micro();
  used.memory = not_below_zero(as_signed(total_.memory) - memory_);
  used.gpu_micro = not_below_zero(as_signed(total_.gpu_micro) - gpu_);
  for (const auto& [name, amount] : total_.named_micro) {
    used.named_micro[name] =
        not_below_zero(as_signed(amount) - base::must_find(named_, name, "each named resource is counted"));
  }
  return used;
}

Devices::Devices(unsigned count) : free_(count, control::kOneMicro) {}

bool Devices::fits(std::uint64_t gpu_micro) const {
  if (gpu_micro == 0) return true;
  if (gpu_micro < control::kOneMicro) {
    return std::any_of(free_.begin(), free_.end(), [&](std::uint64_t free) { return free >= gpu_micro; });
  }
  const auto whole = static_cast<std::uint64_t>(std::count(free_.begin(), free_.end(), control::kOneMicro));
  return whole >= (gpu_micro + control::kOneMicro - 1) / control::kOneMicro;
}

std::vector<unsigned> Devices::take(std::uint64_t gpu_micro) {
  std::vector<unsigned> taken;
  if (gpu_micro == 0 || !fits(gpu_micro)) return taken;
  const std::uint64_t share = std::min(gpu_micro, control::kOneMicro);
  const std::size_t wanted = (gpu_micro + control::kOneMicro - 1) / control::kOneMicro;
  for (unsigned device = 0; device < free_.size() && taken.size() < wanted; ++device) {
    if (free_[device] < share) continue;
    free_[device] -= share;
    taken.push_back(device);
  }
  return taken;
}

void Devices::release(const std::vector<unsigned>& devices, std::uint64_t gpu_micro) {
  const std::uint64_t share = std::min(gpu_micro, control::kOneMicro);
  for (const unsigned device : devices) {
    MORROW_INVARIANT(device < free_.size() && free_[device] + share <= control::kOneMicro,
                     "a device that is released was taken", device, free_.size(), share);
    free_[device] += share;
  }
}

}  // namespace morrow::worker
