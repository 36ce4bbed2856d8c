// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <utility>

#include "control/coverage_mark.h"
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
  if (total_.commits != 0 || !tries_.empty()) coverage_mark<"a round went on after the store had failed">();
  try {
    while (!parts_.empty() && !total_.fenced) {
      const Part part = parts_.front();
      if (part.ahead) {
        run_ahead(std::get<op::Submit>(round.ops[part.begin]));
      } else {
        run_part(std::span(round.ops).subspan(part.begin, part.end - part.begin));
      }
    }
  } catch (const store::TooLarge&) {
    round_ = nullptr;  // no repetition helps
    throw;
  }
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
    parts_.push_back({begin, end, begin < end && goes_ahead(round.ops[begin])});
    begin = end;
  } while (begin < round.ops.size());
}

void Committer::run_part(std::span<const Op> ops) {
  if (!std::exchange(numbered_, true)) ++*number_;
  const auto transaction = store_.begin();
  RoundResult result;
  store::CommitResult commit = store::CommitResult::kConflict;
  try {
    result = apply_round(*transaction, incarnation_, ops, *number_, tries_.size() + 1);
    if (result.fenced) {
      total_.fenced = true;
      return;
    }
    if (result.committed_attempt != 0) return committed(std::move(tries_.at(result.committed_attempt - 1)));
    commit = transaction->commit();
  } catch (const store::TooLarge&) {
    if (unknown_ || ops.size() < 2) throw;
  } catch (const store::StoreError&) {
    if (result.results.size() == ops.size()) {
      // It may have landed all the same.
      tries_.push_back(std::move(result));
      unknown_ = true;
    }
    throw;
  }
  if (commit == store::CommitResult::kCommitted) return committed(std::move(result));
  tries_.push_back(std::move(result));
  if (commit == store::CommitResult::kUnknown) {
    coverage_mark<"the answer to a round was lost">();
    unknown_ = true;
  }
  // A try whose answer was lost may land until another has committed: only the same list again settles it.
  if (commit == store::CommitResult::kConflict && !unknown_ && ops.size() > 1) split();
}

void Committer::committed(RoundResult&& result) {
  ++total_.commits;
  merge(total_, std::move(result));
  parts_.pop_front();
  numbered_ = unknown_ = false;
  tries_.clear();
}

void Committer::split() {
  coverage_mark<"a round was split after a conflict">();
  const Part part = parts_.front();
  const std::size_t middle = part.begin + (part.end - part.begin) / 2;
  parts_.front() = {middle, part.end, false};
  parts_.push_front({part.begin, middle, false});
  numbered_ = false;
  tries_.clear();
}

void Committer::run_ahead(const op::Submit& submit) {
  bool more = false;
  RoundResult result;
  store_.transact([&](store::Transaction& transaction) {
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
