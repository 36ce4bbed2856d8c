// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/script.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "wire/messages.pb.h"

namespace morrow::simulation {

using control::FailureKind;
using Kind = PlanStep::Kind;

namespace {

constexpr Time kAskAgain = 20 * kMillisecond;

}  // namespace

std::string encode_value(std::uint64_t value, FutureId handle, std::size_t padding) {
  std::string bytes(24, '\0');
  std::memcpy(bytes.data(), &value, 8);
  std::memcpy(bytes.data() + 8, &handle.scope, 8);
  std::memcpy(bytes.data() + 16, &handle.sequence, 8);
  bytes.append(padding, 'x');
  return bytes;
}

/// What a plan throws: as text, since people read failures.
std::string encode_exception(std::uint64_t value, std::size_t padding) {
  wire::Failure failure;
  failure.set_kind(static_cast<std::uint32_t>(FailureKind::kException));
  failure.set_message(std::to_string(value));
  failure.set_type(std::string(padding, 'x'));
  return failure.SerializeAsString();
}

Expected read_value(const control::Outcome& outcome, FutureId* handle) {
  Expected read{outcome.failure, 0, nullptr};
  // Whether some of the attempts ended with their worker and not by themselves, no plan knows.
  if (read.failure == FailureKind::kPoisoned) read.failure = FailureKind::kCrash;
  if (outcome.failure == FailureKind::kException) {
    wire::Failure failure;
    if (failure.ParseFromString(outcome.bytes)) read.value = std::strtoull(failure.message().c_str(), nullptr, 10);
    return read;
  }
  if (!outcome.ok() || outcome.bytes.size() < 24) return read;
  std::memcpy(&read.value, outcome.bytes.data(), 8);
  if (handle != nullptr) {
    std::memcpy(&handle->scope, outcome.bytes.data() + 8, 8);
    std::memcpy(&handle->sequence, outcome.bytes.data() + 16, 8);
  }
  return read;
}

Script::Script(Owner& owner, const Plan& plan, std::vector<control::OutcomePtr> dependencies,
               std::vector<FutureId> given, Random& random)
    : owner_(owner),
      plan_(plan),
      steps_(plan.steps),
      dependencies_(std::move(dependencies)),
      given_(std::move(given)),
      expected_(evaluate_children(plan)),
      ids_(plan.children.size()),
      handles_(plan.children.size()),
      scopes_(plan.scopes),
      value_(mix(plan.tag, 1)) {
  order_submits(random);
  for (const auto& dependency : dependencies_) value_ = fold(value_, read_value(*dependency, nullptr));
}

/// Each attempt submits in another order: an execution must not meet the children of another one.
void Script::order_submits(Random& random) {
  const auto free = [this](const PlanStep& step) {
    return step.kind == Kind::kSubmit && plan_.children[step.at].dependencies.empty() &&
           plan_.children[step.at].given.empty() && !plan_.children[step.at].later;
  };
  for (auto begin = steps_.begin(); begin != steps_.end();) {
    auto end = begin;
    while (end != steps_.end() && free(*end)) ++end;
    for (auto last = end; last - begin > 1; --last) {
      std::swap(*(last - 1),
                begin[static_cast<std::ptrdiff_t>(random.below(static_cast<std::uint64_t>(last - begin)))]);
    }
    begin = end == steps_.end() ? end : end + 1;
  }
}

FutureId Script::id_of(std::size_t at) {
  const ChildPlan& child = plan_.children[at];
  const ScopeId scope = child.scope ? scopes_[*child.scope] : owner_.root_scope();
  if (ids_[at] == FutureId{}) ids_[at] = {scope, ++sequences_[scope]};
  return ids_[at];
}

void Script::submit(std::size_t at) {
  const ChildPlan& child = plan_.children[at];
  const FutureId id = id_of(at);
  std::vector<FutureId> dependencies;
  for (const std::size_t one : child.dependencies) dependencies.push_back(ids_[one]);
  std::vector<FutureId> given;
  for (const std::size_t one : child.given) given.push_back(ids_[one]);
  if (child.later) given.push_back(id_of(*child.later));
  owner_.submit(id, child, std::move(dependencies), std::move(given));
}

void Script::ask(std::vector<FutureId> ids, std::uint32_t need, bool poll, bool hosts) {
  asked_ = true;
  asked_ids_ = ids;
  here_.assign(ids.size(), false);
  answers_.assign(ids.size(), nullptr);
  need_ = need;
  hosts_ = hosts;
  state_ = State::kWaits;
  token_ = owner_.ask(std::move(ids), need == answers_.size() ? 0 : need, poll, hosts);
}

bool Script::answered(std::uint64_t token, std::uint32_t index, const control::OutcomePtr& outcome, bool pending) {
  if (!asked_ || token != token_ || index >= here_.size() || here_[index]) return false;
  if (!pending && !outcome) owner_.wrong("An answer holds no outcome.");
  here_[index] = true;
  if (!pending) answers_[index] = outcome;
  if (static_cast<std::size_t>(std::count(here_.begin(), here_.end(), true)) < need_) return false;
  state_ = State::kRuns;
  return true;
}

void Script::compare(const ChildPlan& child, FutureId id, const control::Outcome& got, const Expected& expected) {
  const Expected read = read_value(got, nullptr);
  if (child.tainted || read == expected) return;
  const auto text = [](const Expected& one) {
    return "failure " + std::to_string(static_cast<int>(one.failure)) + ", value " + std::to_string(one.value);
  };
  owner_.wrong("Future " + std::to_string(id.scope) + "/" + std::to_string(id.sequence) + " of plan " +
               std::to_string(child.plan->tag) + " ended with " + text(read) + " instead of " + text(expected) + ": " +
               got.bytes.substr(0, 200));
}

bool Script::take_answers() {
  asked_ = false;
  const PlanStep& step = steps_[next_];
  const bool unanswered = std::count(here_.begin(), here_.end(), false) != 0;
  if (unanswered) owner_.unask(token_);
  switch (step.kind) {
    case Kind::kAwait:
    case Kind::kAwaitSome:
    case Kind::kPoll:
      for (std::size_t i = 0; i < step.children.size(); ++i) {
        if (!answers_[i]) continue;
        const std::size_t at = step.children[i];
        compare(plan_.children[at], ids_[at], *answers_[i], expected_[at]);
        const Expected got = read_value(*answers_[i], &handles_[at]);
        if (step.kind == Kind::kAwait && !plan_.children[at].tainted) value_ = fold(value_, got);
      }
      break;
    case Kind::kAwaitAnyGiven:
      break;
    case Kind::kAwaitLater:
      if (answers_.front()->failure == FailureKind::kReleased) return false;  // it is not submitted yet
      [[fallthrough]];
    case Kind::kAwaitGiven:
      value_ = fold(value_, read_value(*answers_.front(), nullptr));
      break;
    default: {
      const auto& inner = plan_.children[step.at].plan->children.at(*plan_.children[step.at].plan->handle);
      compare(inner, asked_ids_.front(), *answers_.front(), *expected_[step.at].handle);
      value_ = fold(value_, read_value(*answers_.front(), nullptr));
    }
  }
  return true;
}

void Script::found(FutureId id, bool complete) {
  const PlanStep& step = steps_[next_];
  const bool find = step.kind == Kind::kFind;
  if (id == FutureId{} || (!find && id != ids_[step.at])) {
    owner_.wrong("A detached future of plan " + std::to_string(plan_.children[step.at].plan->tag) +
                 " is not found by its name.");
  }
  ids_[step.at] = id;
  if (find || complete) ++next_;
  advance();
}

void Script::advance() {
  if (state_ == State::kEnded) return;
  state_ = State::kRuns;
  if (asked_) {
    if (!take_answers()) {
      state_ = State::kWorks;
      return owner_.work(kAskAgain);
    }
    ++next_;
  }
  while (next_ < steps_.size() && state_ == State::kRuns) {
    const PlanStep& step = steps_[next_];
    std::vector<FutureId> ids;
    for (const std::size_t at : step.children) ids.push_back(ids_[at]);
    const auto count = static_cast<std::uint32_t>(ids.size());
    switch (step.kind) {
      case Kind::kAwait:
        ask(std::move(ids), count, false, true);
        continue;
      case Kind::kAwaitSome:
        ask(std::move(ids), static_cast<std::uint32_t>(std::min<std::size_t>(step.at, count)), false, false);
        continue;
      case Kind::kPoll:
        ask(std::move(ids), count, true, false);
        continue;
      case Kind::kAwaitGiven:
        ask({given_.at(step.at)}, 1, false, true);
        continue;
      case Kind::kAwaitLater:
        ask({given_.back()}, 1, false, true);
        continue;
      case Kind::kAwaitAnyGiven:
        ask(given_, 1, false, false);
        continue;
      case Kind::kAwaitHandle:
        ask({handles_.at(step.at)}, 1, false, true);
        continue;
      case Kind::kWork:
        state_ = State::kWorks;
        owner_.work(step.work);
        break;
      case Kind::kFlush:
        state_ = State::kWorks;
        owner_.flush();
        break;
      case Kind::kSubmit:
        submit(step.at);
        break;
      case Kind::kOpenScope:
        scopes_[step.at] = owner_.fresh_scope();
        owner_.open_scope(scopes_[step.at], open_.empty() ? owner_.root_scope() : open_.back());
        open_.push_back(scopes_[step.at]);
        break;
      case Kind::kLeaveScope:
        open_.pop_back();
        break;
      case Kind::kKeep:
      case Kind::kFind:
        state_ = State::kWorks;
        return owner_.find(std::to_string(plan_.children[step.at].plan->tag));
      case Kind::kEndScope:
        owner_.end_scope(scopes_[step.at]);
        open_.pop_back();  // the plan ends the latest first
        break;
      case Kind::kRelease:
        owner_.release(ids_[step.at]);
        break;
      case Kind::kReleaseHandle:
        owner_.release(handles_[step.at]);
        break;
      case Kind::kCancel:
        owner_.cancel(ids_[step.at]);
        break;
    }
    ++next_;
  }
  if (state_ == State::kRuns) state_ = State::kEnded;
}

control::Outcome Script::outcome() const {
  const FutureId handle = plan_.handle ? ids_[*plan_.handle] : FutureId{};
  control::Outcome outcome;
  if (plan_.end == Plan::End::kThrow) {
    outcome.failure = FailureKind::kException;
    outcome.bytes = encode_exception(value_, plan_.value_bytes);
  } else {
    outcome.bytes = encode_value(value_, handle, plan_.value_bytes);
  }
  return outcome;
}

std::string Script::waits_for() const {
  if (state_ != State::kWaits) return "nothing";
  std::string out;
  for (std::size_t i = 0; i < here_.size(); ++i) {
    if (here_[i]) continue;
    out +=
        (out.empty() ? "" : ", ") + std::to_string(asked_ids_[i].scope) + "/" + std::to_string(asked_ids_[i].sequence);
  }
  return out;
}

}  // namespace morrow::simulation
