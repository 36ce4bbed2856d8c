// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/long_waits.h"

#include <algorithm>
#include <map>
#include <utility>

// Which waits are written down, so that deadlocks are found (control/deadlocks.cc)?
//
// Those of tasks that have been blocked for a second in a wait that has no timeout: what is shorter costs nothing. Each
// is written so that it is never wrong, however late it is read: once the task has gone on, `need` of its futures have
// ended, and that is what control looks at. So
//
// - of a wait for some of many, all that have not ended are named, and how many of them it needs;
// - a wait for values in their order goes on with the first failure as well, so of these only the first one is named
//   that has not ended: without that one it does not go on either way;
// - a task that asks several questions at once has several threads, of which some may go on: it is left out.
//
// The store is told when that has changed, and then looked at for deadlocks. What else may bring one about (a worker
// that left, a value that was lost) is rare: so as long as anything is written down it is looked at again, more and
// more seldom.
namespace morrow::worker {

namespace {

constexpr std::size_t kMaxNamed = 100;            // futures of a wait: a few kilobytes
constexpr Time kShortestPauseNs = 2'000'000'000;  // between looks that nothing new asks for
constexpr Time kLongestPauseNs = 30'000'000'000;

/// What a question waits for; nothing when that can't be told in short.
std::optional<control::LongWait> wait_of(const AwaitState& await) {
  control::LongWait wait;
  wait.claim = await.request.claim;
  for (std::size_t i = 0; i < await.answered.size() && wait.futures.size() < kMaxNamed; ++i) {
    if (await.answered[i]) continue;
    wait.futures.push_back(await.request.ids[i]);
    if (await.request.in_order) break;
  }
  const auto named = static_cast<std::uint32_t>(wait.futures.size());
  const bool needs_all = await.request.in_order || await.missing == await.unanswered;
  if (named == 0 || (!needs_all && named < await.unanswered)) return std::nullopt;
  wait.need = needs_all ? named : await.missing;
  return wait;
}

}  // namespace

std::vector<control::LongWait> LongWaits::collect(Time now, const Awaits& awaits,
                                                  const ExecutorStates& executors) const {
  // By execution; null: it asks more than one question.
  std::map<std::pair<ExecutorId, control::Claim>, const AwaitState*> questions;
  for (const auto& [key, await] : awaits.questions()) {
    if (!await->blocks) continue;
    const auto [question, fresh] = questions.try_emplace({await->who.executor, await->request.claim}, await.get());
    if (!fresh) question->second = nullptr;
  }
  std::vector<control::LongWait> waits;
  for (const auto& [who, await] : questions) {
    if (await == nullptr || !await->request.endless || await->missing == 0 || now - await->since < long_wait_) continue;
    const StackedTask* stacked = executors.stacked(who.first, who.second);
    if (stacked == nullptr || !stacked->blocked || !stacked->task->committed) continue;
    std::optional<control::LongWait> wait = wait_of(*await);
    if (!wait) continue;
    wait->id = stacked->task->run.id;
    wait->keeps = stacked->held;
    wait->keeps -= stacked->released;
    waits.push_back(*std::move(wait));
  }
  return waits;
}

std::optional<action::NoteLongWaits> LongWaits::update(Time now, const Awaits& awaits,
                                                       const ExecutorStates& executors) {
  if (!is_due(now)) return std::nullopt;
  next_ = now + long_wait_ / 2;
  std::vector<control::LongWait> waits = collect(now, awaits, executors);
  if (waits != told_) {
    pause_ = kShortestPauseNs;
  } else if (told_.empty() || now < next_look_) {
    return std::nullopt;
  } else {
    pause_ = std::min(2 * pause_, kLongestPauseNs);
  }
  next_look_ = now + pause_;
  told_ = waits;
  under_way_ = true;
  return action::NoteLongWaits{std::move(waits)};
}

}  // namespace morrow::worker
