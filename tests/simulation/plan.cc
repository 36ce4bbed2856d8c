// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/plan.h"

#include <algorithm>
#include <set>
#include <utility>

namespace morrow::simulation {

using control::FailureKind;
using Kind = PlanStep::Kind;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  return x * 0x94d049bb133111ebULL;
}

std::uint64_t fold(std::uint64_t value, const Expected& awaited) {
  return mix(value,
             awaited.failure == FailureKind::kNone ? awaited.value : static_cast<std::uint64_t>(awaited.failure));
}

// ---- the sequential run ----

std::vector<Expected> evaluate_children(const Plan& plan) {
  std::vector<Expected> out;
  for (const ChildPlan& child : plan.children) {
    std::vector<Expected> dependencies;
    std::vector<Expected> given;
    bool failed = false;
    for (const std::size_t at : child.dependencies) {
      dependencies.push_back(out.at(at));
      failed |= out.at(at).failure != FailureKind::kNone;
    }
    for (const std::size_t at : child.given) given.push_back(out.at(at));
    // In a circle it fails with the others, by its dependency or not.
    const bool circle = child.plan->end == Plan::End::kCircle;
    out.push_back(failed && !circle ? Expected{FailureKind::kDependency, 0, nullptr}
                                    : evaluate(*child.plan, dependencies, given));
  }
  return out;
}

Expected evaluate(const Plan& plan, const std::vector<Expected>& dependencies, const std::vector<Expected>& given) {
  if (plan.end == Plan::End::kDoomed) return {FailureKind::kCrash, 0, nullptr};
  if (plan.end == Plan::End::kSleeps) return {FailureKind::kTimeout, 0, nullptr};
  if (plan.end == Plan::End::kUnstartable) return {FailureKind::kProgram, 0, nullptr};
  if (plan.end == Plan::End::kCircle) return {FailureKind::kDeadlock, 0, nullptr};
  const std::vector<Expected> children = evaluate_children(plan);
  std::uint64_t value = mix(plan.tag, 1);
  for (const Expected& dependency : dependencies) value = fold(value, dependency);
  for (const PlanStep& step : plan.steps) {
    if (step.kind == Kind::kAwait) {
      for (const std::size_t at : step.children) {
        if (!plan.children.at(at).tainted) value = fold(value, children.at(at));
      }
    } else if (step.kind == Kind::kAwaitGiven) {
      value = fold(value, given.at(step.at));
    } else if (step.kind == Kind::kAwaitHandle) {
      value = fold(value, *children.at(step.at).handle);
    }
  }
  if (plan.end == Plan::End::kThrow) return {FailureKind::kException, value, nullptr};
  Expected out{FailureKind::kNone, value, nullptr};
  if (plan.handle) out.handle = std::make_shared<Expected>(children.at(*plan.handle));
  return out;
}

// ---- making plans ----

/// Makes the steps of one plan. Keeps to what has a certain outcome, or marks it as tainted.
class Plans::Maker {
 public:
  Maker(Plans& plans, Plan& plan, std::size_t depth, bool driver)
      : plans_(plans), random_(plans.random_), plan_(plan), depth_(depth), driver_(driver) {}

  /// Lets these alone.
  void keep_off(const std::vector<std::size_t>& children) { gone_.insert(children.begin(), children.end()); }

  void run(std::size_t children) {
    while (plan_.children.size() < children) {
      submit();
      while (random_.chance(35)) something();
    }
    while (random_.chance(50)) something();
    for (std::size_t left = open_.size(); left > 0; --left) end_scope();
    if (driver_ || random_.chance(80)) await_rest();
    if (!driver_ && random_.chance(25)) choose_handle();
  }

 private:
  void add(PlanStep step) { plan_.steps.push_back(std::move(step)); }
  bool may_await(std::size_t child) const { return !gone_.contains(child); }
  std::vector<std::size_t> awaitable() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < plan_.children.size(); ++i) {
      if (may_await(i)) out.push_back(i);
    }
    return out;
  }
  std::vector<std::size_t> some(std::vector<std::size_t> from, std::size_t most) {
    std::vector<std::size_t> out;
    while (!from.empty() && out.size() < most && (out.empty() || random_.chance(50))) {
      const std::size_t pick = random_.below(from.size());
      out.push_back(from[pick]);
      from.erase(from.begin() + static_cast<std::ptrdiff_t>(pick));
    }
    return out;
  }

  void submit() {
    ChildPlan child;
    if (!open_.empty() && random_.chance(50)) child.scope = open_.back();
    const auto there = awaitable();
    if (!there.empty() && random_.chance(35)) child.dependencies = some(there, 3);
    if (!there.empty() && random_.chance(20)) {
      // A handle must stay good as long as the child may use it: one of the same scope, and not tainted.
      auto safe = there;
      std::erase_if(
          safe, [&](std::size_t at) { return plan_.children[at].tainted || plan_.children[at].scope != child.scope; });
      if (!safe.empty()) child.given = some(safe, 2);
    }
    for (const std::size_t at : child.dependencies) child.tainted |= plan_.children[at].tainted;
    child.plan = depth_ > 0 && random_.chance(60) ? plans_.task(depth_ - 1) : plans_.leaf();
    if (plans_.sizes_.once && random_.chance(10)) child.plan = plans_.once(*child.plan);
    if (plans_.sizes_.unstartable && random_.chance(5)) child.plan = plans_.unstartable(*child.plan);
    child.tainted |= child.plan->runs_once_alone();
    if (!child.given.empty()) {
      auto with = std::make_shared<Plan>(*child.plan);
      for (std::size_t i = 0; i < child.given.size(); ++i) {
        const auto where = static_cast<std::ptrdiff_t>(random_.below(with->steps.size() + 1));
        with->steps.insert(with->steps.begin() + where, PlanStep{Kind::kAwaitGiven, 0, i});
        given_.insert(child.given[i]);
      }
      plans_.plans_[with->tag] = with;
      child.plan = with;
    }
    const std::size_t at = plan_.children.size();
    plan_.children.push_back(std::move(child));
    add({Kind::kSubmit, 0, at});
  }

  void something() {
    const auto there = awaitable();
    switch (random_.below(driver_ ? 14 : 11)) {
      case 0:
      case 1:
        return add({Kind::kWork, random_.below(plans_.sizes_.longest_work), 0});
      case 2:
      case 3:
      case 4:
        if (!there.empty()) await(some(there, 4));
        return;
      case 5:
        if (!there.empty()) add({Kind::kAwaitSome, 0, 1, there});
        return;
      case 6:
        if (!there.empty()) add({Kind::kPoll, 0, 0, some(there, 3)});
        return;
      case 7:
        if (random_.chance(50) || open_.size() >= 2) {
          if (!open_.empty()) end_scope();
        } else {
          open_.push_back(plan_.scopes);
          add({Kind::kOpenScope, 0, plan_.scopes++});
        }
        return;
      case 8:
      case 9:
        return let_go(there, Kind::kRelease);
      case 10:
        return let_go(there, Kind::kCancel);
      case 11:
        return add({Kind::kFlush, 0, 0});
      default:
        return add({Kind::kWork, random_.below(plans_.sizes_.longest_idle), 0});
    }
  }

  void await(std::vector<std::size_t> children) {
    std::vector<std::size_t> with_handle;
    for (const std::size_t at : children) {
      seen_.insert(at);
      const ChildPlan& child = plan_.children[at];
      const bool has = child.plan->handle && !child.tainted && child.plan->end == Plan::End::kValue &&
                       evaluate_children(plan_).at(at).failure == FailureKind::kNone;
      if (has) with_handle.push_back(at);
    }
    add({Kind::kAwait, 0, 0, std::move(children)});
    for (const std::size_t at : with_handle) {
      if (!released_.insert(at).second) continue;
      add({Kind::kAwaitHandle, 0, at});
      if (!release_handle(at)) released_.erase(at);
    }
  }

  /// What nobody else has a handle of.
  bool release_handle(std::size_t at) {
    const bool ours = !given_.contains(at) && plan_.children[at].plan->tag % 3 == 0;
    if (ours) add({Kind::kReleaseHandle, 0, at});
    return ours;
  }

  /// A future that nobody was given a handle of is released or cancelled. After a release it can't be awaited; others
  /// may depend on it still.
  void let_go(const std::vector<std::size_t>& there, Kind kind) {
    if (there.empty()) return;
    const std::size_t at = there[random_.below(there.size())];
    if (given_.contains(at)) return;
    if (kind == Kind::kRelease) gone_.insert(at);
    if (kind == Kind::kCancel && !seen_.contains(at)) taint(at);
    add({kind, 0, at});
  }

  void taint(std::size_t at) {
    plan_.children[at].tainted = true;
    for (std::size_t i = at + 1; i < plan_.children.size(); ++i) {
      const auto& dependencies = plan_.children[i].dependencies;
      const auto& given = plan_.children[i].given;
      const auto depends = [&](const auto& all) { return std::find(all.begin(), all.end(), at) != all.end(); };
      if (!seen_.contains(i) && (depends(dependencies) || depends(given))) taint(i);
    }
  }

  void end_scope() {
    const std::size_t scope = open_.back();
    open_.pop_back();
    if (random_.chance(70)) {
      std::vector<std::size_t> inside;
      for (const std::size_t at : awaitable()) {
        if (plan_.children[at].scope == scope) inside.push_back(at);
      }
      if (!inside.empty()) await(std::move(inside));
    }
    for (std::size_t i = 0; i < plan_.children.size(); ++i) {
      if (plan_.children[i].scope != scope) continue;
      gone_.insert(i);
      if (!seen_.contains(i)) taint(i);
      // Who depends on it from outside, and has not begun, is failed.
      for (std::size_t j = i + 1; j < plan_.children.size(); ++j) {
        const auto& all = plan_.children[j].dependencies;
        if (!seen_.contains(j) && std::find(all.begin(), all.end(), i) != all.end()) taint(j);
      }
    }
    add({Kind::kEndScope, 0, scope});
  }

  void await_rest() {
    auto rest = awaitable();
    if (!driver_) std::erase_if(rest, [&](std::size_t) { return random_.chance(20); });
    if (!rest.empty()) await(std::move(rest));
  }

  void choose_handle() {
    std::vector<std::size_t> good;
    for (const std::size_t at : awaitable()) {
      if (!plan_.children[at].tainted && !plan_.children[at].scope) good.push_back(at);
    }
    if (!good.empty()) plan_.handle = good[random_.below(good.size())];
  }

  Plans& plans_;
  Random& random_;
  Plan& plan_;
  std::size_t depth_;
  bool driver_;
  std::vector<std::size_t> open_;
  std::set<std::size_t> gone_;      // can't be awaited any more
  std::set<std::size_t> seen_;      // awaited before: nothing changes their outcome
  std::set<std::size_t> given_;     // somebody has a handle
  std::set<std::size_t> released_;  // the future that its value holds was released
};

PlanPtr Plans::leaf() {
  auto plan = std::make_shared<Plan>();
  plan->tag = ++tags_;
  plan->needs.cpu_micro = random_.chance(80) ? 1'000'000 : 500'000 * random_.below(5);
  if (random_.chance(10)) plan->needs.memory = 1 << 20;
  if (random_.chance(8)) plan->needs.named_micro["license"] = 1'000'000;
  plan->steps.push_back(
      {Kind::kWork, random_.chance(50) ? random_.delay(sizes_.longest_work) : random_.below(sizes_.longest_work), 0});
  if (random_.chance(3)) plan->value_bytes = 20'000;
  if (sizes_.failures) {
    const std::uint64_t how = random_.below(100);
    if (how < 6) plan->end = Plan::End::kThrow;
    if (how == 6 && sizes_.deaths) plan->end = Plan::End::kDoomed;
    if (how == 7 && sizes_.deaths) plan->end = Plan::End::kSleeps;
    if (how >= 8 && how < 14 && sizes_.deaths) plan->crashes = static_cast<std::uint32_t>(1 + random_.below(2));
    if (how >= 14 && how < 18) {
      plan->retry_exceptions = true;
      plan->throws = 1;
    }
    if (plan->end == Plan::End::kDoomed) plan->max_retries = static_cast<std::uint32_t>(random_.below(3));
    if (plan->end == Plan::End::kDoomed) plan->crashes = plan->max_retries + 1;
  }
  plans_[plan->tag] = plan;
  return plan;
}

/// Gives a plan so many children more, and perhaps some that wait for each other.
void Plans::run(Plan& plan, std::size_t depth, bool driver, std::size_t children) {
  std::vector<std::size_t> apart;
  if (sizes_.circles && random_.chance(driver ? 70 : 10)) apart = random_.chance(60) ? circle(plan) : near_circle(plan);
  Maker maker(*this, plan, depth, driver);
  maker.keep_off(apart);
  for (std::size_t at = 0; at < plan.children.size(); ++at) {
    if (plan.children[at].detached) maker.keep_off({at});
  }
  maker.run(plan.children.size() + children);
  if (!apart.empty()) plan.steps.push_back({Kind::kAwait, 0, 0, apart});
}

PlanPtr Plans::task(std::size_t depth) {
  auto plan = std::make_shared<Plan>(*leaf());
  if (plan->end == Plan::End::kDoomed || plan->end == Plan::End::kSleeps) return plan;
  run(*plan, depth, false, 1 + random_.below(sizes_.task_children));
  if (plan->crashes != 0) plan->crash_at = random_.below(plan->steps.size() + 1);
  plans_[plan->tag] = plan;
  return plan;
}

/// The same, but it may run once alone.
PlanPtr Plans::once(const Plan& plan) {
  auto with = std::make_shared<Plan>(plan);
  if (plan.end == Plan::End::kValue) with->max_retries = 0;
  plans_[with->tag] = with;
  return with;
}

/// The same, but no worker can start its program.
PlanPtr Plans::unstartable(const Plan& plan) {
  auto with = std::make_shared<Plan>(plan);
  with->max_retries = Plan().max_retries;
  with->end = Plan::End::kUnstartable;
  plans_[with->tag] = with;
  return with;
}

/// Very many around one future: what one transaction does not take.
void Plans::wide(Plan& plan) {
  const std::size_t first = plan.children.size();
  const std::size_t count = random_.between(110, 260);
  plan.children.push_back({leaf(), {}, {}, std::nullopt, false});
  plan.steps.push_back({Kind::kSubmit, 0, first});
  std::vector<std::size_t> all;
  for (std::size_t i = 1; i <= count; ++i) {
    plan.children.push_back({leaf(), {first}, {}, std::nullopt, false});
    plan.steps.push_back({Kind::kSubmit, 0, first + i});
    all.push_back(first + i);
  }
  plan.children.push_back({leaf(), all, {}, std::nullopt, false});
  plan.steps.push_back({Kind::kSubmit, 0, first + count + 1});
  plan.steps.push_back({Kind::kAwait, 0, 0, {first + count + 1}});
}

/// A task that kills each worker it comes to. It is the driver's own: one that a task submits is submitted anew with
/// each attempt of that, and may kill anew.
void Plans::killer(Plan& plan) {
  auto kills = std::make_shared<Plan>();
  kills->tag = ++tags_;
  kills->needs.cpu_micro = 1'000'000;
  kills->steps.push_back({Kind::kWork, random_.below(sizes_.longest_work), 0});
  kills->end = Plan::End::kDoomed;
  kills->kills_worker = true;
  kills->max_retries = static_cast<std::uint32_t>(random_.below(3));
  kills->crashes = kills->max_retries + 40;
  kills->crash_at = 1;
  plans_[kills->tag] = kills;
  const std::size_t at = plan.children.size();
  plan.children.push_back({kills, {}, {}, std::nullopt, false});
  plan.steps.push_back({Kind::kSubmit, 0, at});
  plan.steps.push_back({Kind::kAwait, 0, 0, {at}});
}

/// Begins with submits and releases, one after the other: some of these meet a store that is full.
void Plans::hoard(Plan& plan) {
  constexpr std::size_t kFutures = 12;
  std::vector<PlanStep> steps;
  const std::size_t first = plan.children.size();
  for (std::size_t i = 0; i < kFutures; ++i) {
    auto kept = std::make_shared<Plan>();
    kept->tag = ++tags_;
    kept->needs.cpu_micro = 1'000'000;
    kept->steps.push_back({Kind::kWork, kMillisecond, 0});
    plans_[kept->tag] = kept;
    plan.children.push_back({kept, {}, {}, std::nullopt, false});
    steps.push_back({Kind::kSubmit, 0, first + i});
    steps.push_back({Kind::kWork, random_.below(kSecond), 0});
    if (i >= 2) steps.push_back({Kind::kRelease, 0, first + i - 2});
  }
  plan.steps.insert(plan.steps.begin(), steps.begin(), steps.end());
}

PlanPtr Plans::driver() {
  auto plan = std::make_shared<Plan>();
  plan->tag = ++tags_;
  if (sizes_.wide && random_.chance(50)) wide(*plan);
  while (sizes_.detached && random_.chance(50)) detach(*plan);
  run(*plan, sizes_.depth, true, random_.between(2, sizes_.driver_children));
  if (sizes_.killers && random_.chance(50)) killer(*plan);
  if (sizes_.hoarder && plan->tag == 1) hoard(*plan);
  return plan;
}

}  // namespace morrow::simulation
