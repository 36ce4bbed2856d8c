// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/types.h"
#include "tests/simulation/plan.h"

namespace morrow::simulation {

using control::FutureId;
using control::ScopeId;

/// Runs a plan step by step for a driver or a task, and looks whether what it awaits is what it must be.
class Script {
 public:
  /// What the plan's owner does for it. `token` names a question; its answers come by `answered`.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual ScopeId root_scope() = 0;
    virtual ScopeId fresh_scope() = 0;
    virtual void submit(FutureId id, const ChildPlan& child, std::vector<FutureId> dependencies,
                        std::vector<FutureId> given) = 0;
    virtual std::uint64_t ask(std::vector<FutureId> ids, std::uint32_t need, bool poll, bool hosts) = 0;
    virtual void unask(std::uint64_t token) = 0;
    virtual void release(FutureId id) = 0;
    virtual void cancel(FutureId id) = 0;
    virtual void open_scope(ScopeId scope, ScopeId parent) = 0;
    virtual void end_scope(ScopeId scope) = 0;
    /// Asks for the detached future of this name; `found` follows.
    virtual void find(const std::string& name) = 0;
    /// Calls `advance` again when all that was asked is committed.
    virtual void flush() = 0;
    /// Calls `advance` again after `time`.
    virtual void work(Time time) = 0;
    virtual void wrong(const std::string& sentence) = 0;
  };

  enum class State : std::uint8_t { kRuns, kWorks, kWaits, kEnded };

  Script(Owner& owner, const Plan& plan, std::vector<control::OutcomePtr> dependencies, std::vector<FutureId> given,
         Random& random);

  /// Goes on until it works, waits or has ended.
  void advance();
  /// An answer; true when it waits no longer, and `advance` is to be called.
  bool answered(std::uint64_t token, std::uint32_t index, const control::OutcomePtr& outcome, bool pending);

  /// The detached future of the name that was asked for, and whether the store has all that it needs.
  void found(FutureId id, bool complete);

  State state() const { return state_; }
  bool hosts() const { return hosts_; }  ///< while it waits: a task may run on top of it
  std::size_t step() const { return next_; }
  const Plan& plan() const { return plan_; }
  /// What it waits for, for people.
  std::string waits_for() const;
  control::Outcome outcome() const;

 private:
  void order_submits(Random& random);
  FutureId id_of(std::size_t child);
  void submit(std::size_t child);
  void ask(std::vector<FutureId> ids, std::uint32_t need, bool poll, bool hosts);
  /// False: it is to ask again.
  bool take_answers();
  void compare(const ChildPlan& child, FutureId id, const control::Outcome& got, const Expected& expected);

  Owner& owner_;
  const Plan& plan_;
  std::vector<PlanStep> steps_;
  std::vector<control::OutcomePtr> dependencies_;
  std::vector<FutureId> given_;
  std::vector<Expected> expected_;
  std::vector<FutureId> ids_;
  std::vector<FutureId> handles_;
  std::vector<ScopeId> scopes_;
  std::vector<ScopeId> open_;  ///< the innermost last
  std::map<ScopeId, std::uint64_t> sequences_;
  std::uint64_t value_;
  std::size_t next_ = 0;
  State state_ = State::kRuns;
  bool hosts_ = false;
  bool asked_ = false;
  std::uint64_t token_ = 0;
  std::uint32_t need_ = 0;
  std::vector<FutureId> asked_ids_;
  std::vector<bool> here_;
  std::vector<control::OutcomePtr> answers_;
};

/// The value of a future as it travels: a tag, and perhaps a handle.
std::string encode_value(std::uint64_t value, FutureId handle, std::size_t padding);
Expected read_value(const control::Outcome& outcome, FutureId* handle);

}  // namespace morrow::simulation
