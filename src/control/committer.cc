// SPDX-License-Identifier: Apache-2.0

// A round becomes transactions.
//
// Hard: one transaction for all that a worker has gathered is what makes it quick, but a transaction may conflict, be
// too large, or commit without the answer coming back. Nothing of a round may be applied twice, left out, or applied
// before what stands in front of it.
//
// Solved by cutting the round into parts, in order, each of a bounded size. Only the first part is ever in work:
//
//     committed results | part in work | parts that follow
//     0                 ^ part.begin   ^ part.end            ops.size()
//
// A conflict cuts the part in halves, down to single operations, so that one contended future does not hold up the
// rest. Each part has a number, which it writes; when an answer is lost, the same part is tried again under the same
// number, and finds there which of its tries committed. Until that is known it can't be cut: a late try might land.
// After an error of the store the whole round is handed in again and goes on where it stopped. When there is no room
// for the same list again, its number is written alone, which needs none: then each try is seen to have landed or can't
// any more, and the round may be left.
//
// A submit that is too large for a transaction is written ahead in steps (building.cc); its own transaction then only
// makes it visible.
//
// To read: docs/design.md, "One round, one transaction"; docs/store.md, "Who writes what, together". FoundationDB's
// developer guide, "Transactions with unknown results", is the problem of the lost answer.

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/defer.h"
#include "base/invariant.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/round.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr std::size_t kPartBytes = 600'000;
constexpr std::size_t kPartOps = 1000;

std::size_t weight(const Op& op) {
  constexpr std::size_t kBase = 300;
  if (const auto* submit = std::get_if<op::Submit>(&op)) {
    const std::size_t value = submit->outcome ? submit->outcome->bytes.size() : 0;
    const bool short_of_spec =
        !submit->spec || (submit->how == op::Submit::How::kEnded && submit->outcome && !submit->outcome->object);
    return kBase + value + (short_of_spec ? 0 : submit->spec->payload.size() + 150 * submit->spec->dependencies.size());
  }
  if (const auto* end = std::get_if<op::End>(&op)) return kBase + 2 * end->outcome->bytes.size();
  return kBase;
}

bool goes_ahead(const Op& op) {
  const auto* submit = std::get_if<op::Submit>(&op);
  return submit != nullptr && needs_building(*submit);
}

void merge(RoundResult& total, RoundResult&& part) {
  if (total.results.empty()) {
    total.results = std::move(part.results);
  } else {
    std::move(part.results.begin(), part.results.end(), std::back_inserter(total.results));
  }
  total.checks.insert(total.checks.end(), part.checks.begin(), part.checks.end());
  total.freed.insert(total.freed.end(), part.freed.begin(), part.freed.end());
  total.endings.insert(total.endings.end(), part.endings.begin(), part.endings.end());
  total.indexed |= part.indexed;
  total.fanouts |= part.fanouts;
  total.records += part.records;
}

}  // namespace

RoundResult Committer::run(const Round& round) {
  if (round_ != &round) begin(round);
  MORROW_INVARIANT(round.incarnation == incarnation_, "a round is of this worker", round.incarnation, incarnation_);
  if (total_.commits != 0 || !tries_.empty()) coverage_mark<"a round went on after the store had failed">();
  try {
    while (!parts_.empty() && !total_.fenced) {
      const Part part = parts_.front();
      MORROW_INVARIANT(total_.results.size() == part.begin, "what is committed stands before what is left",
                       total_.results.size(), part.begin, part.end);
      MORROW_INVARIANT(part.end <= round.ops.size(), "a round stays as it is until all of it is committed", part.end,
                       round.ops.size());
      if (part.ahead) {
        run_ahead(std::get<op::Submit>(round.ops[part.begin]));
      } else {
        run_part(std::span(round.ops).subspan(part.begin, part.end - part.begin));
      }
    }
  } catch (const store::TooLarge&) {
    round_ = nullptr;  // no repetition helps
    throw;
  } catch (const store::StoreFull& error) {
    // What may take the last page waits here, like for a store that is away.
    if (round.room == store::Room::kFree) throw;
    coverage_mark<"the store had no room for a round">();
    while (unknown_ && !total_.fenced) run_part({});
    if (!parts_.empty()) total_.full = error.what();
  }
  MORROW_INVARIANT(total_.fenced || !total_.full.empty() || total_.results.size() == round.ops.size(),
                   "each operation has a result", total_.results.size(), round.ops.size());
  round_ = nullptr;
  return std::exchange(total_, {});
}

void Committer::begin(const Round& round) {
  if (!number_) {
    const auto last = store_.begin_read()->get(keys::round(incarnation_), store::Read::kSnapshot);
    number_ = last ? parse_record<record::Round>(*last).number() : 0;
  }
  round_ = &round;
  total_ = {};
  parts_.clear();
  numbered_ = unknown_ = false;
  tries_.clear();
  step_ = 0;
  std::size_t begin = 0;
  do {
    std::size_t end = begin;
    for (std::size_t bytes = 0; end < round.ops.size() && end - begin < kPartOps; ++end) {
      const bool ahead = goes_ahead(round.ops[end]);
      bytes += ahead ? 0 : weight(round.ops[end]);
      if (end != begin && (bytes > kPartBytes || ahead)) break;
    }
    MORROW_INVARIANT(begin < end || round.ops.empty(), "a part of a round holds something", begin, round.ops.size());
    parts_.push_back({begin, end, begin < end && goes_ahead(round.ops[begin])});
    begin = end;
  } while (begin < round.ops.size());
}

/// \p ops: those of the part; or none, to settle what became of its tries.
void Committer::run_part(std::span<const Op> ops) {
  if (!std::exchange(numbered_, true)) ++*number_;
  const auto transaction = store_.begin(ops.empty() ? store::Room::kFree : round_->room);
  RoundResult result;
  store::CommitResult commit = store::CommitResult::kConflict;
  try {
    result = apply_round(*transaction, incarnation_, ops, *number_, tries_.size() + 1);
    if (result.fenced) {
      total_.fenced = true;
      return;
    }
    if (result.committed_attempt > tries_.size()) {
      throw store::StoreError("The store has a round of this worker that was never tried; start the worker anew.");
    }
    if (result.committed_attempt != 0) return committed(std::move(tries_[result.committed_attempt - 1]));
    commit = transaction->commit();
  } catch (const store::TooLarge&) {
    if (unknown_ || ops.size() < 2) throw;
  } catch (const store::StoreFull&) {
    if (planted(Fault::kUnwrittenAck) && result.results.size() == ops.size()) return committed(std::move(result));
    throw;  // nothing of it was written
  } catch (const store::StoreError&) {
    if (result.results.size() == ops.size()) {
      // It may have landed all the same.
      tries_.push_back(std::move(result));
      unknown_ = true;
    }
    throw;
  }
  if (commit == store::CommitResult::kCommitted) return committed(std::move(result));
  if (commit == store::CommitResult::kConflict) ++total_.conflicts;
  tries_.push_back(std::move(result));
  if (commit == store::CommitResult::kUnknown) {
    coverage_mark<"the answer to a round was lost">();
    unknown_ = true;
  }
  // A try whose answer was lost may land until another has committed: only the same list again settles it.
  if (commit == store::CommitResult::kConflict && !unknown_ && ops.size() > 1) split();
}

void Committer::committed(RoundResult&& result) {
  const Part part = parts_.front();
  const base::Defer settled([this] {
    numbered_ = unknown_ = false;
    tries_.clear();
  });
  if (result.results.empty() && part.begin != part.end) return;  // its number alone: none of the tries has landed
  MORROW_INVARIANT(!part.ahead && result.results.size() == part.end - part.begin,
                   "a part that is committed has a result for each operation", result.results.size(), part.begin,
                   part.end);
  ++total_.commits;
  merge(total_, std::move(result));
  parts_.pop_front();
}

void Committer::split() {
  coverage_mark<"a round was split after a conflict">();
  const Part part = parts_.front();
  MORROW_INVARIANT(!part.ahead && part.end - part.begin > 1 && !unknown_,
                   "a part that is split has two operations, and none of its tries can have landed", part.begin,
                   part.end, unknown_);
  const std::size_t middle = part.begin + (part.end - part.begin) / 2;
  parts_.front() = {middle, part.end, false};
  parts_.push_front({part.begin, middle, false});
  numbered_ = false;
  tries_.clear();
}

void Committer::run_ahead(const op::Submit& submit) {
  MORROW_INVARIANT(tries_.empty() && !numbered_, "a part is written ahead before it is tried", tries_.size(), step_);
  bool more = false;
  RoundResult result;
  store_.transact(round_->room, [&](store::Transaction& transaction) {
    Transition t(transaction, incarnation_);
    result = RoundResult();
    result.fenced = !t.alive(incarnation_);
    if (result.fenced) return;
    more = build(t, submit, step_);
    t.settle();
    result.checks = std::move(t.checks);
    result.fanouts = t.fanouts;
    result.endings = std::move(t.endings);
    result.records = t.records;
  });
  total_.fenced |= result.fenced;
  if (result.fenced) return;
  ++total_.commits;
  merge(total_, std::move(result));
  ++step_;
  if (more) return;
  step_ = 0;
  parts_.front().ahead = false;
}

}  // namespace morrow::control
