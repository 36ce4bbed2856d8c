// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/types.h"
#include "tests/simulation/timeline.h"

/// Random programs: what a driver or a task does, and what comes out when it is done sequentially, by calls instead of
/// submits. Values carry the tag of their plan and those of all that went into them, so that a mismatched one is seen.
namespace morrow::simulation {

struct Plan;
using PlanPtr = std::shared_ptr<const Plan>;

struct PlanStep {
  enum class Kind : std::uint8_t {
    kWork,           ///< computes, or is idle
    kSubmit,         ///< submits child `at`
    kAwait,          ///< waits for all of `children`, and takes their outcomes into its value
    kAwaitSome,      ///< waits for any `at` of `children`; its value does not depend on which
    kAwaitGiven,     ///< waits for the future it was given as number `at`
    kAwaitLater,     ///< waits for the one it was given last, as soon as that is submitted; it may be itself
    kAwaitAnyGiven,  ///< waits for any of those it was given; its value does not depend on which
    kAwaitHandle,    ///< waits for the future that the value of child `at` holds
    kPoll,           ///< asks for `children` without waiting
    kOpenScope,      ///< opens scope `at`
    kEndScope,
    kRelease,        ///< of child `at`
    kReleaseHandle,  ///< of the future that the value of child `at` holds
    kCancel,
    kFlush,
    kLeaveScope,  ///< goes on outside of the innermost scope, which stays open
    kKeep,        ///< makes sure that child `at` is found by its name
    kFind,        ///< finds child `at` by its name, in place of a submit
  };
  Kind kind = Kind::kWork;
  Time work = 0;
  std::size_t at = 0;
  std::vector<std::size_t> children = {};
};

struct ChildPlan {
  PlanPtr plan;
  std::vector<std::size_t> dependencies;  ///< earlier children, as arguments
  std::vector<std::size_t> given;         ///< earlier children, as handles
  std::optional<std::size_t> scope;       ///< one of the parent's scopes
  /// Cancelled or let go, may run once alone, or depends on such: its outcome is not certain.
  bool tainted = false;
  std::optional<std::size_t> later = {};  ///< a child that may come later, or itself, as the last handle
  bool detached = false;                  ///< it outlives its parent, and is found by its plan's tag
};

struct Plan {
  enum class End : std::uint8_t {
    kValue,
    kThrow,
    kDoomed,       ///< each attempt kills its process
    kSleeps,       ///< longer than its timeout
    kUnstartable,  ///< no worker can start its program
    kCircle,       ///< it waits, through others, for itself
  };
  std::uint64_t tag = 0;
  control::Resources needs;
  std::uint32_t max_retries = 40;  ///< more than a run can use up: what must end well does
  bool retry_exceptions = false;
  std::uint32_t crashes = 0;  ///< so many attempts kill their process
  std::size_t crash_at = 0;   ///< before this step
  bool kills_worker = false;  ///< … and not its process alone: the whole worker
  std::uint32_t throws = 0;   ///< so many attempts throw (with retry_exceptions)
  End end = End::kValue;
  std::vector<ChildPlan> children;
  std::vector<PlanStep> steps;
  std::optional<std::size_t> handle;  ///< its value holds this child
  /// Whatever happens to its process or its worker may be its end.
  bool runs_once_alone() const { return max_retries == 0 && end == End::kValue; }
  std::size_t value_bytes = 0;    ///< padding of the value
  std::size_t payload_bytes = 0;  ///< padding of the specification
  std::size_t scopes = 0;
};

/// How a future ends when everything is done sequentially.
struct Expected {
  control::FailureKind failure = control::FailureKind::kNone;
  std::uint64_t value = 0;
  std::shared_ptr<const Expected> handle;  ///< of the future that the value holds
  bool operator==(const Expected& other) const { return failure == other.failure && value == other.value; }
};

/// Sizes of the programs of a run.
struct PlanSizes {
  std::size_t driver_children = 8;
  std::size_t task_children = 4;
  std::size_t depth = 2;
  Time longest_work = 20 * kMillisecond;
  Time longest_idle = 2 * kSecond;  ///< of a driver between its calls
  bool wide = false;                ///< a future with very many dependents, and one with very many dependencies
  bool failures = true;
  bool deaths = true;    ///< plans that kill their process
  bool killers = false;  ///< … and plans that kill their worker
  bool once = false;     ///< plans that may run once alone
  bool unstartable = false;
  bool circles = false;   ///< futures that wait for each other
  bool detached = false;  ///< futures that outlive their session
  bool hoarder = false;   ///< the first driver goes on submitting and releasing, and waits for nothing meanwhile
};

/// Makes plans and knows them again by their tags.
class Plans {
 public:
  Plans(Random& random, PlanSizes sizes) : random_(random), sizes_(sizes) {}
  PlanPtr driver();
  /// Of a driver that finds detached futures by their names, awaits and releases them.
  PlanPtr finder(const std::vector<PlanPtr>& detached);
  const Plan& by_tag(std::uint64_t tag) const { return *plans_.at(tag); }
  PlanPtr detached(std::string_view name) const;
  std::size_t size() const { return plans_.size(); }

 private:
  class Maker;
  PlanPtr task(std::size_t depth);
  void run(Plan& plan, std::size_t depth, bool driver, std::size_t children);
  PlanPtr leaf();
  PlanPtr once(const Plan& plan);
  PlanPtr unstartable(const Plan& plan);
  void wide(Plan& plan);
  void killer(Plan& plan);
  void hoard(Plan& plan);
  void detach(Plan& plan);
  PlanPtr member(PlanStep::Kind waits, Plan::End end);
  std::size_t add(Plan& plan, ChildPlan child);
  std::vector<std::size_t> circle(Plan& plan);
  std::vector<std::size_t> near_circle(Plan& plan);

  Random& random_;
  PlanSizes sizes_;
  std::uint64_t tags_ = 0;
  std::map<std::uint64_t, PlanPtr> plans_;
};

std::uint64_t mix(std::uint64_t a, std::uint64_t b);

/// What goes into a value from a future that was awaited.
std::uint64_t fold(std::uint64_t value, const Expected& awaited);

/// Runs the plan sequentially.
Expected evaluate(const Plan& plan, const std::vector<Expected>& dependencies, const std::vector<Expected>& given);
/// The outcome of each child of a plan.
std::vector<Expected> evaluate_children(const Plan& plan);

}  // namespace morrow::simulation
