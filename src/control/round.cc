// SPDX-License-Identifier: Apache-2.0

// One list of operations in one transaction.
//
// Hard: the operations of a round come from many clients and executors, and see each other: a task ends, its dependent
// starts, a scope closes, all in one list. Reading the store anew for each would cost more than everything else, and
// each of them may be one that was sent twice or comes from an execution that lost its claim long ago.
//
// Solved by a Transition, the working set of the transaction: each record is read once, with a conflict where a change
// of it matters, and written through, so that later operations see what earlier ones did. Each operation passes its own
// fence (the session's number, the execution's claim) and answers with a verdict instead of an error; the round as a
// whole passes that of its worker, the incarnation. The number of the round, which is its heartbeat as well, tells a
// try that has committed already.
//
// A check whose need went away in this transaction is decided in a later one: two ends that commit side by side would
// each still see the need of the other (write skew).
//
// To read: docs/store.md, "Who writes what, together". Write skew: Berenson et al., "A Critique of ANSI SQL Isolation
// Levels" (SIGMOD 1995).

#include "control/round.h"

#include "base/invariant.h"
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
  MORROW_INVARIANT(number != 0 && attempt != 0, "a round and its tries are counted from one", number, attempt);
  record::Round mark;
  mark.set_number(number);
  mark.set_attempt(attempt);
  transaction.set(own[1], serialize(mark));
  result.results.reserve(ops.size());
  for (const Op& op : ops) {
    result.results.push_back(std::visit([&](const auto& one) { return apply(t, one); }, op));
    t.settle();
  }
  MORROW_INVARIANT(result.results.size() == ops.size(), "each operation has a result", result.results.size(),
                   ops.size());
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
