// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/failure.h>

#include "runtime/client/link.h"
#include "runtime/client/long_wait.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// The news of one future, from a worker.
struct Answer {
  bool here = false;     ///< it said something
  bool pending = false;  ///< that the future is not finished, to a poll
  bool large = false;    ///< the value lies in an object, and was not asked for
  std::uint64_t size = 0;
  std::uint64_t object = 0;  ///< the value is to be fetched, and then unpinned; 0: not so
  std::uint64_t worker = 0;  ///< the one that pinned it, as the client counts them
  detail::FailureKind failure = detail::FailureKind::kNone;
  detail::Value value;
  std::string failure_bytes;  ///< a wire::Failure
  detail::FutureId root;      ///< of a dependency that failed: the future that failed first
};

/// A question about some futures.
struct Question {
  std::span<const detail::FutureId> ids;  ///< must outlive the call
  bool values = false;                    ///< with their values
  bool only_small = false;                ///< of large ones, only that they are there
  bool blocks = false;                    ///< the task that asks does nothing else meanwhile
  bool poll = false;                      ///< answered at once for each, finished or not
  bool in_order = false;                  ///< done when all are there, or the first failure in their order is known
  std::size_t need = 0;                   ///< else: done when so many are there
};

/// A call that waits for answers. Not thread-safe.
class PendingAwait {
 public:
  explicit PendingAwait(const Question& question) : question_(question), answers_(question.ids.size()) {}
  PendingAwait(const PendingAwait&) = delete;
  PendingAwait& operator=(const PendingAwait&) = delete;

  const Question& question() const { return question_; }
  /// One for each future, in their order.
  std::vector<Answer>& answers() { return answers_; }
  /// How many of the first futures are there and did not fail, as far as `done` has looked.
  std::size_t good() const { return good_; }

  /// Whether the call need not wait any longer.
  bool done();
  /// Whether there is nothing more that could come.
  bool is_answered() const { return count_ == answers_.size(); }
  /// Marks the answer as there, to be filled. It must not be there yet.
  Answer& take(std::size_t index);

  /// The question travels in so many messages, each with its own token.
  std::size_t parts() const;
  std::uint64_t token(std::size_t part) const { return first_token_ + part; }
  wire::Await message(std::size_t part) const;

  /// Before it is sent: the task that asks, by its claim (0: the driver), and whether the call has a timeout.
  void asked_by(std::uint64_t claim, bool timed) {
    claim_ = claim;
    timed_ = timed;
  }
  std::uint64_t claim() const { return claim_; }

  Waiter waiter;
  LongWait long_wait;

  /// The first future that is not there yet; nothing when all are.
  std::optional<detail::FutureId> missing() const;

 private:
  friend class PendingAwaits;

  const Question question_;
  std::vector<Answer> answers_;
  std::size_t count_ = 0;  ///< of the answers that are there
  std::size_t good_ = 0;
  std::uint64_t claim_ = 0;
  bool timed_ = false;
  std::uint64_t first_token_ = 0;  ///< 0: not among PendingAwaits
};

/// The calls that wait for answers, by the tokens of their questions. Each future of a question is answered once. Not
/// thread-safe.
class PendingAwaits {
 public:
  /// The place of an answer.
  struct Place {
    PendingAwait* call;
    std::size_t index;  ///< among the futures of the call
  };

  /// Gives its parts the tokens from `first_token` on, which no question had before. The call must stay until `remove`.
  void add(PendingAwait& call, std::uint64_t first_token);
  void remove(PendingAwait& call);
  /// Where the answer to the future of that index in the question belongs; nothing when no call waits for it any more,
  /// or it is there.
  std::optional<Place> find(std::uint64_t token, std::uint32_t index) const;
  /// A call that has waited so long that it is to be told of now; null: none. To be asked now and then.
  PendingAwait* overdue(LongWait::Clock::time_point now, std::chrono::nanoseconds patience);
  /// Appends all questions, as frames for another worker.
  void append_questions(std::string& frames) const;

 private:
  /// Which part of which call a token stands for: one AWAIT has an end, a call may need several.
  struct Part {
    PendingAwait* call;
    std::size_t number;
  };

  std::unordered_map<std::uint64_t, Part> parts_;  ///< by token
};

}  // namespace morrow::runtime
