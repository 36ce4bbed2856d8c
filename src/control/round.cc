// SPDX-License-Identifier: Apache-2.0
#include "control/round.h"

#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {

RoundResult apply_round(store::Transaction& transaction, Incarnation incarnation, std::span<const Op> ops,
                        std::uint64_t number, std::uint64_t attempt) {
  RoundResult result;
  Transition t(transaction, incarnation);
  t.reports_freed = true;
  const std::vector<std::string> own{keys::incarnation(incarnation), keys::round(incarnation)};
  transaction.prefetch(own, {});
  if (!planted(Fault::kRevivedCreation) && !t.alive(incarnation)) {
    coverage_mark<"a round was fenced">();
    result.fenced = true;
    return result;
  }
  const auto last = transaction.get(own[1], store::Read::kConflict);
  if (last) {
    const auto seen = parse_record<record::Round>(*last);
    if (seen.number() == number && !planted(Fault::kForgottenRound)) {
      coverage_mark<"a round found that it had committed">();
      result.committed_attempt = seen.attempt();
      return result;
    }
    if (seen.number() > number) {
      throw store::StoreError("A round of this worker came after its successor; give each round a greater number.");
    }
  }
  record::Round mark;
  mark.set_number(number);
  mark.set_attempt(attempt);
  transaction.set(own[1], serialize(mark));
  result.results.reserve(ops.size());
  for (const Op& op : ops) {
    result.results.push_back(std::visit([&](const auto& one) { return apply(t, one); }, op));
    t.settle();
  }
  t.flush();
  result.checks = std::move(t.checks);
  result.endings = std::move(t.endings);
  result.freed = std::move(t.freed);
  result.indexed = t.indexed;
  result.fanouts = t.fanouts;
  result.records = t.records;
  return result;
}

}  // namespace morrow::control
