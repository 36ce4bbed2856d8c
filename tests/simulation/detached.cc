// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <utility>

#include "tests/simulation/plan.h"

// Futures that outlive their sessions: how a driver submits them, as runtime/client/detached.cc does, and how a later
// one finds them.
namespace morrow::simulation {

using Kind = PlanStep::Kind;

/// In a scope of its own, which the driver does not end.
void Plans::detach(Plan& plan) {
  ChildPlan child;
  child.plan = task(random_.below(sizes_.depth + 1));
  child.scope = plan.scopes++;
  child.detached = true;
  child.tainted = child.plan->runs_once_alone();
  plan.steps.push_back({Kind::kOpenScope, 0, *child.scope});
  const std::size_t at = add(plan, std::move(child));
  plan.steps.push_back({Kind::kLeaveScope});
  plan.steps.push_back({Kind::kFlush});
  plan.steps.push_back({Kind::kKeep, 0, at});
  if (random_.chance(30)) plan.steps.push_back({Kind::kAwait, 0, 0, {at}});
}

PlanPtr Plans::detached(std::string_view name) const {
  return plans_.at(std::strtoull(std::string(name).c_str(), nullptr, 10));
}

PlanPtr Plans::finder(const std::vector<PlanPtr>& detached) {
  auto plan = std::make_shared<Plan>();
  plan->tag = ++tags_;
  for (const PlanPtr& one : detached) {
    ChildPlan child;
    child.plan = one;
    child.tainted = one->runs_once_alone();
    const std::size_t at = plan->children.size();
    plan->children.push_back(std::move(child));
    plan->steps.push_back({Kind::kFind, 0, at});
    plan->steps.push_back({Kind::kAwait, 0, 0, {at}});
    plan->steps.push_back({Kind::kRelease, 0, at});
  }
  return plan;
}

}  // namespace morrow::simulation
