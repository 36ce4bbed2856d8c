// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "worker/brain/worker_failure.h"
#include "worker/shell/convert.h"
#include "worker/shell/shell.h"

// Tasks to executors, with the values that they depend on.
namespace morrow::worker {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kSentAheadBytes = 1 << 20;
constexpr int kTriesAlone = 3;
constexpr int kRoomWithinTimes = 6;  // of the time that others wait for room
constexpr int kAgainAfterMs = 50;
constexpr int kAgainSpreadMs = 150;

}  // namespace

/// A task that was given to an executor and waits for its values to be here. It holds room only while all that it still
/// needs may come: else two of them would wait for each other.
struct Shell::Starting {
  action::Dispatch dispatch;
  std::vector<std::pair<std::size_t, ObjectPlace>> places;  ///< by the dependency's index
  std::size_t missing = 0;
  bool asked = false;
  bool over = false;      ///< taken back
  bool hopeless = false;  ///< no other try will do
  std::optional<ObjectProblem> problem;
  control::op::LostValue lost;  ///< the problem, when that can be mended
  int tries = 0;
  std::uint64_t others = 0;  ///< tasks with such values that had started when it began to wait
  SteadyClock::time_point since;
  std::uint64_t bytes() const {
    std::uint64_t all = 0;
    for (const auto& [index, place] : places) all += place.extent.size;
    return all;
  }
};

void Shell::carry_out(action::Dispatch& dispatch) {
  Executor* executor = by_number(dispatch.executor);
  if (executor == nullptr) return;  // it exited in this very turn: the brain is told by that
  const control::Runnable& run = dispatch.task;
  executor->given.push_back(Given{dispatch.slot, dispatch.generation, run.claim, run.tries + 1, run.spec, run.id});
  const bool waits = std::any_of(run.dependencies.begin(), run.dependencies.end(),
                                 [](const auto& value) { return static_cast<bool>(value->object); });
  // An executor gets its tasks in their order.
  if (!waits && (dispatch.nested || executor->starting.empty())) return start(*executor, dispatch, {});
  auto starting = std::make_shared<Starting>();
  starting->dispatch = std::move(dispatch);
  starting->since = SteadyClock::now();
  executor->starting.push_back(starting);
  std::set<std::uint64_t> distinct;
  std::uint64_t bytes = 0;
  for (const control::OutcomePtr& value : starting->dispatch.task.dependencies) {
    if (value->object && distinct.insert(value->object.number).second) bytes += value->object.size;
  }
  starting->problem = objects_.never_fit(bytes);
  starting->hopeless = starting->asked = starting->problem.has_value();
  start_ready(starting->dispatch.executor);
  if (starting->asked) return;
  // Its turn comes later: it holds nothing until then.
  for (std::size_t i = 0; i < starting->dispatch.task.dependencies.size(); ++i) {
    const control::ObjectRef& object = starting->dispatch.task.dependencies[i]->object;
    if (object) objects_.prefetch(starting->dispatch.task.spec->dependencies[i], object);
  }
}

void Shell::ask_for_values(const std::shared_ptr<Starting>& starting) {
  const ExecutorId number = starting->dispatch.executor;
  const auto& dependencies = starting->dispatch.task.dependencies;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    if (dependencies[i]->object) order.push_back(i);
  }
  // The largest first: it is the hardest to find room for. When that did not do, the other way round: what is here
  // already may lie in the middle of the room that another one needs.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return dependencies[a]->object.size > dependencies[b]->object.size;
  });
  if (starting->tries % 2 != 0) std::reverse(order.begin(), order.end());
  starting->asked = true;
  starting->missing = 1;  // one more, so that nothing starts while there are others to ask for
  for (const std::size_t i : order) {
    ++starting->missing;
    objects_.want(
        number, starting->dispatch.task.spec->dependencies[i], dependencies[i]->object,
        [this, starting, number, i](const ObjectPlace* place, const ObjectProblem* problem) {
          --starting->missing;
          if (place != nullptr) starting->places.emplace_back(i, *place);
          if (problem != nullptr && (!starting->problem || problem->kind != control::FailureKind::kNoRoom)) {
            starting->problem = *problem;
            starting->problem->sentence = "a value it depends on: " + problem->sentence;
            const control::Runnable& task = starting->dispatch.task;
            if (problem->lost) starting->lost = {task.spec->dependencies[i], task.dependencies[i]->object.number};
          }
          if (starting->problem || starting->over) let_go(*starting);
          if (starting->missing == 0 && !starting->over) start_ready(number);
        },
        true);
  }
  --starting->missing;
}

void Shell::let_go(Starting& starting) {
  const auto places = std::exchange(starting.places, {});
  for (const auto& [index, place] : places) objects_.unpin(starting.dispatch.executor, place.number);
}

/// Another try, a moment later, while others hold room that may come free. False: there is no use in that.
bool Shell::tries_again(const std::shared_ptr<Starting>& starting) {
  if (starting->hopeless || starting->problem->kind != control::FailureKind::kNoRoom) return false;
  if (starting->others != started_with_objects_) {
    starting->others = started_with_objects_;
    starting->since = SteadyClock::now();
  }
  const std::chrono::milliseconds at_most(kRoomWithinTimes * options_.objects.room_within_ms);
  const bool alone = !objects_.anything_held();
  ++starting->tries;
  if (alone ? starting->tries >= kTriesAlone : SteadyClock::now() - starting->since > at_most) return false;
  starting->problem.reset();
  starting->missing = 1;
  static thread_local std::minstd_rand random{std::random_device{}()};
  auto timer = std::make_shared<boost::asio::steady_timer>(io_);
  timer->expires_after(std::chrono::milliseconds(kAgainAfterMs + static_cast<int>(random() % kAgainSpreadMs)));
  timer->async_wait([this, starting, timer](const boost::system::error_code& error) {
    const ExecutorId number = starting->dispatch.executor;
    if (error || starting->over || by_number(number) == nullptr) return;
    ask_for_values(starting);
    start_ready(number);
  });
  return true;
}

/// The next that has all its values or will never have them, and whose turn it is: an executor gets its tasks in the
/// order in which they were given, but for those that run on top of a wait.
std::shared_ptr<Shell::Starting> Shell::next_ready(Executor& executor) {
  bool behind = false;
  for (auto one = executor.starting.begin(); one != executor.starting.end(); ++one) {
    const std::shared_ptr<Starting> starting = *one;
    const bool nested = starting->dispatch.nested;
    if (!nested && std::exchange(behind, true)) continue;
    if (!starting->asked) {
      ask_for_values(starting);
      return next_ready(executor);  // others may have been told meanwhile
    }
    if (starting->missing != 0 || (starting->problem && tries_again(starting))) continue;
    // What is taken back from an executor that is busy is let go only when it comes to it, and what runs there may need
    // that room itself. And its failure is told in its turn.
    const bool busy = executor.given.front().claim != starting->dispatch.task.claim;
    if (!nested && busy && (starting->problem || starting->bytes() > kSentAheadBytes)) continue;
    executor.starting.erase(one);
    return starting;
  }
  return nullptr;
}

void Shell::start_ready(ExecutorId number) {
  while (Executor* executor = by_number(number)) {
    const std::shared_ptr<Starting> starting = next_ready(*executor);
    if (!starting) return;
    const action::Dispatch& dispatch = starting->dispatch;
    if (!starting->problem) {
      start(*executor, dispatch, starting->places);
      continue;
    }
    std::erase_if(executor->given, [&](const Given& given) { return given.claim == dispatch.task.claim; });
    Brain::Done done;
    done.slot = dispatch.slot;
    done.generation = dispatch.generation;
    done.claim = dispatch.task.claim;
    done.unstarted = true;
    done.lost = starting->lost;
    done.outcome = make_failure(starting->problem->kind, starting->problem->sentence, dispatch.task.spec.get(),
                                options_.info.name, dispatch.task.tries + 1);
    brain_.task_done(now(), number, std::move(done));
    decide_again_ = true;
  }
}

void Shell::start(const Executor& executor, const action::Dispatch& dispatch,
                  const std::vector<std::pair<std::size_t, ObjectPlace>>& places) {
  const control::Runnable& run = dispatch.task;
  task_.set_slot(dispatch.slot);
  task_.set_generation(dispatch.generation);
  task_.set_claim(run.claim);
  set_id(task_.mutable_id(), run.id);
  task_.set_attempt(run.tries + 1);
  task_.set_name(run.spec->name);
  task_.set_nested(dispatch.nested);
  task_.set_brief(dispatch.brief);
  task_.set_payload(run.spec->payload);
  task_.set_session(run.spec->session);
  task_.clear_dependencies();
  task_.clear_objects();
  for (const control::OutcomePtr& dependency : run.dependencies) task_.add_dependencies(dependency->bytes);
  for (const auto& [index, place] : places) {
    wire::ObjectPlace& out = *task_.add_objects();
    out.set_index(static_cast<std::uint32_t>(index));
    out.set_object(place.number);
    out.set_offset(place.extent.offset);
    out.set_size(place.extent.size);
  }
  if (!places.empty()) ++started_with_objects_;
  // The word first: the executor looks at it as soon as the frame is there.
  pool_.offer(executor.process, dispatch.slot, dispatch.generation);
  pool_.send(executor.process, wire::TASK, task_);
}

void Shell::carry_out(action::Revoke& revoke) {
  Executor* executor = by_number(revoke.executor);
  const auto is_it = [&](const auto& one) { return one.slot == revoke.slot && one.generation == revoke.generation; };
  bool back = false;
  if (executor != nullptr) {
    const auto starting = std::find_if(executor->starting.begin(), executor->starting.end(),
                                       [&](const auto& one) { return is_it(one->dispatch); });
    if (starting != executor->starting.end()) {
      const std::shared_ptr<Starting> taken_back = *starting;
      executor->starting.erase(starting);
      taken_back->over = true;
      let_go(*taken_back);
      back = true;
    } else {
      back = pool_.revoke(executor->process, revoke.slot, revoke.generation);
    }
  }
  if (back) std::erase_if(executor->given, is_it);
  brain_.revoked(revoke.executor, revoke.slot, revoke.generation, back);
  decide_again_ |= back;  // it may run elsewhere at once
  start_ready(revoke.executor);
}

}  // namespace morrow::worker
