// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "tests/simulation/executors.h"

namespace morrow::simulation {

namespace {

constexpr Time kSleepTimeout = 30 * kMillisecond;

}  // namespace

control::SpecPtr make_spec(const ChildPlan& child, std::vector<FutureId> dependencies,
                           const std::vector<FutureId>& given, control::SessionId session) {
  const Plan& plan = *child.plan;
  auto spec = std::make_shared<control::Spec>();
  spec->requirements = plan.needs;
  spec->dependencies = std::move(dependencies);
  spec->max_retries = plan.max_retries;
  spec->retry_exceptions = plan.retry_exceptions;
  if (plan.end == Plan::End::kSleeps) spec->timeout_ns = kSleepTimeout;
  spec->name = std::to_string(plan.tag);
  spec->program = plan.end == Plan::End::kUnstartable ? kHopelessProgram : kProgram;
  spec->function_key = plan.tag % 7 + 1;
  spec->session = session;
  spec->detached = child.detached;
  std::string& payload = spec->payload;
  payload.resize(8 + 16 * given.size());
  std::memcpy(payload.data(), &plan.tag, 8);
  for (std::size_t i = 0; i < given.size(); ++i) {
    std::memcpy(payload.data() + 8 + 16 * i, &given[i].scope, 8);
    std::memcpy(payload.data() + 16 + 16 * i, &given[i].sequence, 8);
  }
  payload.append(plan.payload_bytes, 'p');
  return spec;
}

}  // namespace morrow::simulation
