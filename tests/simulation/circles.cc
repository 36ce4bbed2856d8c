// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tests/simulation/plan.h"

// Plans of futures that wait for each other. They are the children of one plan; the last handle of the first one is
// that of the last one, which is submitted after it.
namespace morrow::simulation {

using Kind = PlanStep::Kind;

namespace {

constexpr std::size_t kLongestCircle = 5;

}  // namespace

std::size_t Plans::add(Plan& plan, ChildPlan child) {
  plan.children.push_back(std::move(child));
  plan.steps.push_back({Kind::kSubmit, 0, plan.children.size() - 1});
  return plan.children.size() - 1;
}

PlanPtr Plans::member(Kind waits, Plan::End end) {
  auto plan = std::make_shared<Plan>();
  plan->tag = ++tags_;
  plan->needs.cpu_micro = 1'000'000;
  plan->steps.push_back({Kind::kWork, random_.delay(sizes_.longest_work), 0});
  plan->steps.push_back({waits, 0, 0});
  plan->end = end;
  plans_[plan->tag] = plan;
  return plan;
}

/// Each waits for the one before or depends on it, and the first one waits for the last one: all of them fail, and
/// nobody else. Two more learn of it.
std::vector<std::size_t> Plans::circle(Plan& plan) {
  const std::size_t first = plan.children.size();
  const std::size_t last = first + random_.below(kLongestCircle);
  std::vector<std::size_t> all;
  for (std::size_t at = first; at <= last; ++at) {
    ChildPlan child;
    child.plan = member(at == first ? Kind::kAwaitLater : Kind::kAwaitGiven, Plan::End::kCircle);
    if (at == first) {
      child.later = last;
    } else if (random_.chance(40)) {
      child.dependencies = {at - 1};
    } else {
      child.given = {at - 1};
    }
    all.push_back(add(plan, std::move(child)));
  }
  ChildPlan dependent;
  dependent.plan = leaf();
  dependent.dependencies = {last};
  all.push_back(add(plan, std::move(dependent)));
  ChildPlan waits;
  waits.plan = member(Kind::kAwaitGiven, Plan::End::kValue);
  waits.given = {first};
  all.push_back(add(plan, std::move(waits)));
  return all;
}

/// The same with a way out: the first one waits for the last one or for somebody else. None of them fails.
std::vector<std::size_t> Plans::near_circle(Plan& plan) {
  ChildPlan way_out;
  way_out.plan = leaf();
  std::vector<std::size_t> all{add(plan, std::move(way_out))};
  const std::size_t last = plan.children.size() + random_.between(1, kLongestCircle - 1);
  ChildPlan first;
  first.plan = member(Kind::kAwaitAnyGiven, Plan::End::kValue);
  first.given = all;
  first.later = last;
  all.push_back(add(plan, std::move(first)));
  while (all.back() != last) {
    ChildPlan next;
    next.plan = member(Kind::kAwaitGiven, Plan::End::kValue);
    next.given = {all.back()};
    all.push_back(add(plan, std::move(next)));
  }
  return all;
}

}  // namespace morrow::simulation
