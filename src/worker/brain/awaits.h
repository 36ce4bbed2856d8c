// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "control/types.h"
#include "worker/brain/actions.h"
#include "worker/brain/flat_map.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// What a client asks when it waits.
struct AwaitRequest {
  std::uint64_t token = 0;
  std::vector<control::FutureId> ids;
  control::Claim claim = 0;
  bool values = true;
  bool only_small = false;  ///< no value that lies in an object
  bool hosts = false;       ///< the waiting thread can run a task on top of its stack
  bool poll = false;
  bool endless = false;    ///< it has no timeout
  bool in_order = false;   ///< the first failure in the order of `ids` satisfies it too
  std::uint32_t need = 0;  ///< 0: all
};

/// One await of a client, until all is answered.
struct AwaitState {
  Waiter who;
  AwaitRequest request;
  Time since = 0;                      ///< when it was asked
  std::uint64_t again = 0;             ///< of an await of lost values: its number, as the token has one already
  std::vector<std::uint32_t> indices;  ///< of lost values: where each stood in the client's question
  std::vector<bool> answered;
  std::uint32_t unanswered = 0;
  std::uint32_t missing = 0;             ///< answers until it is satisfied
  std::vector<action::Ready> held_back;  ///< sent when the task has its resources again: large values, the last answer
  bool resumes = false;                  ///< it stands in the queue of those that go on
  bool put_off = false;                  ///< some of it is to be wanted when the task stands on top of its stack
  bool blocks = false;                   ///< a task stands still for it, and released what others may use
};
using AwaitPtr = std::shared_ptr<AwaitState>;

/// The place of a future in an await.
struct AwaitSlot {
  AwaitPtr await;
  std::uint32_t index = 0;
};

/// A future that somebody here waits for.
struct AwaitedFuture {
  boost::container::small_vector<AwaitSlot, 1> waiters;
  bool asked = false;        ///< an op::Await is on the way
  bool asked_since = false;  ///< … and somebody has asked since: the answer may be older than what that one knows of
  bool registered = false;   ///< the store knows that this worker waits
};

/// All that somebody here waits for: by question, and by future. awaits.cc opens with the whole story.
///
/// A question is known from `open` until its last answer, or until it is dropped; of what it misses never more than it
/// has unanswered. A future is known while somebody waits for it. Not thread-safe.
class Awaits {
 public:
  // ---- questions ----
  /// Nothing is answered yet. A question with the same token of the same client is replaced.
  AwaitPtr open(const Waiter& who, AwaitRequest request);
  /// The value of this answer is lost, and waited for once more; together with all else that was lost of the question.
  AwaitSlot open_again(const action::Ready& answer);
  /// Counts the answer of that index, once: false when it was given already. The last one ends the question.
  bool count_answer(AwaitState& await, std::uint32_t index);
  /// Whether the client misses something else of the same question, since values were lost: it is blocked until then.
  bool more_missing(const AwaitState& await) const;
  void forget(const AwaitState& await);
  /// The question, and what is asked again of it; also takes back that values of it are on their way.
  std::vector<AwaitPtr> take_back(const Waiter& who, std::uint64_t token);
  /// All questions of a client that is gone; they are forgotten, but still wait for their futures.
  std::vector<AwaitPtr> drop_all(const Waiter& who);
  /// Those that were asked for the first time, by client and token.
  const auto& questions() const { return questions_; }

  // ---- values on their way ----
  /// An answer brings a value that is too large for a record; `value_came` follows, or `take_back` of its question.
  void value_sent(const action::Ready& answer) { ++values_coming_[{answer.to, answer.token}]; }
  /// Whether the question of an answer that was to bring a large value still stands.
  bool value_came(const action::Ready& answer);

  // ---- futures ----
  AwaitedFuture& future(control::FutureId id) { return futures_[id]; }
  /// Null: nobody waits for it. Stands until the next change.
  AwaitedFuture* find(control::FutureId id);
  const AwaitedFuture* find(control::FutureId id) const;
  /// It has ended: nobody waits for it any more. Empty: nobody did.
  std::optional<AwaitedFuture> take(control::FutureId id);
  /// That question does not wait for it any more; the future as it was known when nobody else does either.
  std::optional<AwaitedFuture> remove_waiter(control::FutureId id, const AwaitPtr& await);
  /// Whether a task of this worker is blocked for it.
  bool blocked_for(control::FutureId id) const;

  // ---- tasks that go on ----
  /// All that the task waited for is there: it goes on when it has its resources again. Once at a time.
  void queue_to_resume(const AwaitPtr& await, Time now);
  /// Whether that execution stands in the queue.
  bool resumes(ExecutorId executor, control::Claim claim) const;
  /// Calls `resume(await, since)` for each, in the order they came; those for which it returns true stand here no more.
  template <class Resume>
  void resume(Resume resume) {
    for (auto entry = resuming_.begin(); entry != resuming_.end();) {
      const AwaitPtr& await = entry->first;
      if (!resume(await, entry->second)) {
        ++entry;
        continue;
      }
      await->resumes = false;
      entry = resuming_.erase(entry);
    }
  }
  /// When the first of those came for which `counts(await)` holds; nothing when there is none.
  template <class Counts>
  std::optional<Time> first_resumed(Counts counts) const {
    std::optional<Time> first;
    for (const auto& [await, since] : resuming_) {
      if (counts(*await)) first = std::min(first.value_or(since), since);
    }
    return first;
  }

  // ---- ends that are not committed yet ----
  /// It has ended, and a task is blocked for it until that is committed.
  void note_ended(control::FutureId id, Time now) { ended_[id] = now; }
  void note_committed(control::FutureId id) {
    if (!ended_.empty()) ended_.erase(id);
  }
  /// Those that ended less than `span` ago.
  std::size_t ended_within(Time now, Time span) const;
  /// When the first of these ended; nothing when there is none.
  std::optional<Time> first_ended_within(Time now, Time span) const;

 private:
  using Key = std::pair<Waiter, std::uint64_t>;

  std::map<Key, AwaitPtr> questions_;           ///< by token
  std::map<Key, AwaitPtr> lost_;                ///< of lost values, by `again`
  std::map<Key, std::uint32_t> values_coming_;  ///< by token: answers with large values that are on their way
  std::uint64_t last_again_ = 0;
  FlatMap<control::FutureId, AwaitedFuture> futures_;
  std::deque<std::pair<AwaitPtr, Time>> resuming_;
  std::unordered_map<control::FutureId, Time> ended_;
};

}  // namespace morrow::worker
