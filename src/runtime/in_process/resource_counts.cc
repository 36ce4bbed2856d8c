// SPDX-License-Identifier: Apache-2.0
#include "runtime/in_process/resource_counts.h"

#include <algorithm>

namespace morrow::runtime {

namespace {

bool fits(std::uint64_t need, std::uint64_t taken, std::uint64_t total) { return need == 0 || taken + need <= total; }

std::uint64_t amount(const base::Resources& resources, const std::string& name) {
  const auto found = resources.named_micro.find(name);
  return found == resources.named_micro.end() ? 0 : found->second;
}

}  // namespace

bool ResourceCounts::has(const base::Resources& need) const {
  return fits(need.cpu_micro, taken_.cpu_micro, total_.cpu_micro) && fits(need.memory, taken_.memory, total_.memory) &&
         fits(need.gpu_micro, taken_.gpu_micro, total_.gpu_micro) &&
         std::all_of(need.named_micro.begin(), need.named_micro.end(), [this](const auto& named) {
           return fits(named.second, amount(taken_, named.first), amount(total_, named.first));
         });
}

base::Resources ResourceCounts::released_in_wait(const base::Resources& need) {
  base::Resources released = need;
  released.memory = 0;
  released.gpu_micro = 0;
  return released;
}

}  // namespace morrow::runtime
