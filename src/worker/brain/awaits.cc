// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/awaits.h"

#include <algorithm>

#include "base/invariant.h"

// A client asks for many futures at once and is satisfied by some of them; a future is asked for by many clients. Three
// things make this more than a table.
//
// A task that waits is blocked: it keeps its process, but others use its cpus meanwhile. So the answer that lets it go
// on must not reach it before it has its cpus again. Such an answer is held back in its AwaitState, which stands in the
// queue of those that resume; large values are held back too, since each takes memory from the moment it is here.
//
// A value that is too large for a record comes after its answer, from this worker's memory or from another worker, and
// may turn out to be lost. Then the same question waits once more, under a number of its own (`again`), for all that
// was lost of it together; it is satisfied when both parts are. An answer that comes while nobody asks any more is
// dropped: `values_coming_` knows which questions still stand.
//
// The store tells a worker of an end only when the worker registered. Whether it did, or asks just now, is kept for
// each future that anybody here waits for, so that it registers once; and when nobody waits any more, it says so.
//
// This file has the tables. What is done when a task waits and goes on is in waiting.cc.
namespace morrow::worker {

AwaitPtr Awaits::open(const Waiter& who, AwaitRequest request) {
  auto await = std::make_shared<AwaitState>();
  await->who = who;
  const auto count = static_cast<std::uint32_t>(request.ids.size());
  if (request.need == 0 || request.need > count) request.need = count;
  await->missing = request.need;
  await->answered.assign(count, false);
  await->unanswered = count;
  await->request = std::move(request);
  questions_[{who, await->request.token}] = await;
  return await;
}

AwaitSlot Awaits::open_again(const action::Ready& answer) {
  AwaitPtr await;
  for (auto it = lost_.lower_bound({answer.to, 0}); it != lost_.end() && it->first.first == answer.to; ++it) {
    if (it->second->request.token == answer.token && it->second->missing > 0) await = it->second;
  }
  if (!await) {
    await = std::make_shared<AwaitState>();
    await->who = answer.to;
    await->request.token = answer.token;
    await->request.claim = answer.claim;
    await->request.hosts = answer.hosts;
    await->again = ++last_again_;
    lost_[{answer.to, await->again}] = await;
  }
  const auto index = static_cast<std::uint32_t>(await->request.ids.size());
  await->request.ids.push_back(answer.id);
  await->indices.push_back(answer.index);
  await->answered.push_back(false);
  ++await->unanswered;
  ++await->missing;
  return {await, index};
}

bool Awaits::count_answer(AwaitState& await, std::uint32_t index) {
  MORROW_INVARIANT(index < await.answered.size(), "an answer is to one of the futures that were asked for", index,
                   await.answered.size(), await.request.token);
  if (await.answered[index]) return false;
  MORROW_INVARIANT(await.unanswered > 0 && await.missing <= await.unanswered,
                   "a question misses no more than it has unanswered", await.unanswered, await.missing,
                   await.request.token);
  await.answered[index] = true;
  if (await.missing > 0) --await.missing;
  if (--await.unanswered == 0) forget(await);
  return true;
}

bool Awaits::more_missing(const AwaitState& await) const {
  if (await.again == 0 && lost_.empty()) return false;
  const auto misses = [&](const AwaitPtr& other) {
    return other.get() != &await && other->request.token == await.request.token && other->missing > 0;
  };
  if (const auto asked = questions_.find({await.who, await.request.token});
      asked != questions_.end() && misses(asked->second))
    return true;
  return std::any_of(lost_.lower_bound({await.who, 0}), lost_.upper_bound({await.who, ~std::uint64_t{0}}),
                     [&](const auto& one) { return misses(one.second); });
}

void Awaits::forget(const AwaitState& await) {
  if (await.again != 0) {
    lost_.erase({await.who, await.again});
  } else {
    questions_.erase({await.who, await.request.token});
  }
}

std::vector<AwaitPtr> Awaits::take_back(const Waiter& who, std::uint64_t token) {
  values_coming_.erase({who, token});
  std::vector<AwaitPtr> awaits;
  if (const auto asked = questions_.find({who, token}); asked != questions_.end()) awaits.push_back(asked->second);
  for (auto it = lost_.lower_bound({who, 0}); it != lost_.end() && it->first.first == who; ++it) {
    if (it->second->request.token == token) awaits.push_back(it->second);
  }
  return awaits;
}

std::vector<AwaitPtr> Awaits::drop_all(const Waiter& who) {
  values_coming_.erase(values_coming_.lower_bound({who, 0}), values_coming_.upper_bound({who, ~std::uint64_t{0}}));
  std::vector<AwaitPtr> dropped;
  for (auto* awaits : {&questions_, &lost_}) {
    auto next = awaits->lower_bound({who, 0});
    while (next != awaits->end() && next->first.first == who) {
      dropped.push_back(std::move(next->second));
      next = awaits->erase(next);
    }
  }
  resuming_.erase(
      std::remove_if(resuming_.begin(), resuming_.end(), [&](const auto& entry) { return entry.first->who == who; }),
      resuming_.end());
  return dropped;
}

bool Awaits::value_came(const action::Ready& answer) {
  const auto found = values_coming_.find({answer.to, answer.token});
  if (found == values_coming_.end()) return false;
  MORROW_INVARIANT(found->second > 0, "a question is counted while values of it are on their way", answer.token);
  if (--found->second == 0) values_coming_.erase(found);
  return true;
}

AwaitedFuture* Awaits::find(control::FutureId id) {
  const auto found = futures_.find(id);
  return found == futures_.end() ? nullptr : &found->second;
}

const AwaitedFuture* Awaits::find(control::FutureId id) const {
  const auto found = futures_.find(id);
  return found == futures_.end() ? nullptr : &found->second;
}

std::optional<AwaitedFuture> Awaits::take(control::FutureId id) {
  const auto found = futures_.find(id);
  if (found == futures_.end()) return std::nullopt;
  std::optional<AwaitedFuture> taken = std::move(found->second);
  futures_.erase(found);
  return taken;
}

std::optional<AwaitedFuture> Awaits::remove_waiter(control::FutureId id, const AwaitPtr& await) {
  const auto found = futures_.find(id);
  if (found == futures_.end()) return std::nullopt;
  auto& waiters = found->second.waiters;
  waiters.erase(
      std::remove_if(waiters.begin(), waiters.end(), [&](const AwaitSlot& slot) { return slot.await == await; }),
      waiters.end());
  if (!waiters.empty()) return std::nullopt;
  std::optional<AwaitedFuture> last = std::move(found->second);
  futures_.erase(found);
  return last;
}

bool Awaits::blocked_for(control::FutureId id) const {
  const AwaitedFuture* awaited = find(id);
  return awaited != nullptr && std::any_of(awaited->waiters.begin(), awaited->waiters.end(),
                                           [](const AwaitSlot& slot) { return slot.await->blocks; });
}

void Awaits::queue_to_resume(const AwaitPtr& await, Time now) {
  if (!std::exchange(await->resumes, true)) resuming_.emplace_back(await, now);
}

bool Awaits::resumes(ExecutorId executor, control::Claim claim) const {
  return std::any_of(resuming_.begin(), resuming_.end(), [&](const auto& entry) {
    return entry.first->who.executor == executor && entry.first->request.claim == claim;
  });
}

std::size_t Awaits::ended_within(Time now, Time span) const {
  return static_cast<std::size_t>(
      std::count_if(ended_.begin(), ended_.end(), [&](const auto& entry) { return now - entry.second < span; }));
}

std::optional<Time> Awaits::first_ended_within(Time now, Time span) const {
  std::optional<Time> first;
  for (const auto& [id, since] : ended_) {
    if (now - since < span) first = std::min(first.value_or(since), since);
  }
  return first;
}

}  // namespace morrow::worker
