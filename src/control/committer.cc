#include <algorithm>
#include <iterator>

#include "control/probe.h"
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
    const bool short_of_spec = submit->how == op::Submit::How::kEnded || !submit->spec;
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
  total.endings.insert(total.endings.end(), part.endings.begin(), part.endings.end());
  total.indexed |= part.indexed;
  total.fanouts |= part.fanouts;
  total.records += part.records;
}

}  // namespace

RoundResult Committer::run(const Round& round) {
  RoundResult total;
  if (!number_) {
    const auto last = store_.begin_read()->get(keys::round(epoch_), store::Read::kSnapshot);
    number_ = last ? parse_record<record::Round>(*last).number() : 0;
  }
  std::size_t begin = 0;
  do {
    if (begin < round.ops.size() && goes_ahead(round.ops[begin])) {
      if (!run_ahead(std::get<op::Submit>(round.ops[begin]), total)) break;
    }
    std::size_t end = begin;
    for (std::size_t bytes = 0; end < round.ops.size() && end - begin < kPartOps; ++end) {
      bytes += goes_ahead(round.ops[end]) ? 0 : weight(round.ops[end]);
      if (end != begin && (bytes > kPartBytes || goes_ahead(round.ops[end]))) break;
    }
    if (!run_part(round, begin, end, total)) break;
    begin = end;
  } while (begin < round.ops.size());
  return total;
}

bool Committer::run_part(const Round& round, std::size_t begin, std::size_t end, RoundResult& total) {
  const auto part = std::span(round.ops).subspan(begin, end - begin);
  const auto in_halves = [&] {
    probe<"a round was split after a conflict">();
    const std::size_t middle = begin + (end - begin) / 2;
    return run_part(round, begin, middle, total) && run_part(round, middle, end, total);
  };
  ++*number_;
  std::vector<RoundResult> tries;  // what each try would mean if it is the one that committed
  bool unknown = false;
  for (;;) {
    const auto transaction = store_.begin();
    RoundResult result;
    store::CommitResult committed = store::CommitResult::kConflict;
    try {
      result = apply_round(*transaction, epoch_, part, *number_, tries.size() + 1);
      if (result.fenced) {
        total.fenced = true;
        return false;
      }
      if (result.committed_attempt != 0) {
        ++total.commits;
        merge(total, std::move(tries.at(result.committed_attempt - 1)));
        return true;
      }
      committed = transaction->commit();
    } catch (const store::TooLarge&) {
      if (unknown || end - begin < 2) throw;
    }
    if (committed == store::CommitResult::kCommitted) {
      ++total.commits;
      merge(total, std::move(result));
      return true;
    }
    tries.push_back(std::move(result));
    if (committed == store::CommitResult::kUnknown) {
      probe<"the answer to a round was lost">();
      unknown = true;
    }
    // A try whose answer was lost may land until another has committed: only the same list again settles it.
    if (committed == store::CommitResult::kConflict && !unknown && end - begin > 1) return in_halves();
  }
}

bool Committer::run_ahead(const op::Submit& submit, RoundResult& total) {
  for (std::size_t step = 0;; ++step) {
    bool more = false;
    RoundResult result;
    store_.transact([&](store::Transaction& transaction) {
      Transition t(transaction, epoch_);
      result = RoundResult();
      result.fenced = !t.alive(epoch_);
      if (result.fenced) return;
      more = build(t, submit, step);
      t.settle();
      result.checks = std::move(t.checks);
      result.fanouts = t.fanouts;
      result.endings = std::move(t.endings);
      result.records = t.records;
    });
    total.fenced |= result.fenced;
    if (result.fenced) return false;
    ++total.commits;
    merge(total, std::move(result));
    if (!more) return true;
  }
}

}  // namespace morrow::control
