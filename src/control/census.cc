// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>
#include <unordered_set>

#include "control/cluster.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

/// Visits all states of futures in `range`, page by page.
template <typename Visit>
void for_each_state(store::Transaction& transaction, store::Range range, Visit visit) {
  constexpr std::size_t kPage = 500;
  for (;;) {
    const auto page = transaction.scan(range, store::Read::kSnapshot, kPage);
    for (const auto& [key, value] : page) {
      if (keys::suffix_of(key) == keys::kState) visit(keys::future_of(key), parse_record<record::State>(value));
    }
    if (page.size() < kPage) return;
    range.begin = page.back().key + '\0';
  }
}

}  // namespace

ClusterCounts count(store::Store& store) {
  const auto transaction = store.begin_read();
  ClusterCounts counts;
  for_each_state(*transaction, keys::all_futures(),
                 [&](FutureId, const record::State& state) { ++counts.futures[status_of(state)]; });
  counts.sessions = transaction->scan(keys::sessions(), store::Read::kSnapshot).size();
  for (const auto& [key, unused] : transaction->scan(keys::all_scopes(), store::Read::kSnapshot)) {
    counts.scopes += keys::is_scope(key);
  }
  return counts;
}

LooseEnds loose_ends(store::Store& store, ScopeId scope, const std::vector<FutureId>& seen) {
  const std::unordered_set<FutureId> known(seen.begin(), seen.end());
  const auto transaction = store.begin_read();
  std::unordered_map<FutureId, bool> cancelled_roots;  // many fail for one
  const auto is_expected = [&](const record::Outcome& outcome) {
    if (static_cast<FailureKind>(outcome.failure()) != FailureKind::kDependency || !outcome.has_root()) return false;
    const FutureId root = read_id(outcome.root());
    if (known.contains(root)) return true;
    const auto [cancelled, is_new] = cancelled_roots.try_emplace(root, false);
    if (is_new) {
      const auto state = transaction->get(keys::state(root), store::Read::kSnapshot);
      cancelled->second = state && status_of(parse_record<record::State>(*state)) == Status::kCancelled;
    }
    return cancelled->second;
  };
  LooseEnds ends;
  record::State unfinished;
  for (int bucket = 0; bucket < keys::kBuckets; ++bucket) {
    for_each_state(*transaction, keys::scope_futures(scope, bucket), [&](FutureId id, const record::State& state) {
      if (!is_final(state) && !state.released()) {
        if (++ends.unfinished > 1 && ends.first_unfinished < id) return;
        ends.first_unfinished = id;
        unfinished = state;
      } else if (status_of(state) == Status::kFailed && !known.contains(id) && !is_expected(state.outcome())) {
        if (++ends.failed > 1 && ends.first_failed < id) return;
        ends.first_failed = id;
        ends.failure = read_outcome(state.outcome());
      }
    });
  }
  if (ends.unfinished != 0 && status_of(unfinished) != Status::kBuilding)
    ends.unfinished_spec = Transition(*transaction, 0).spec(ends.first_unfinished, unfinished);
  if (const auto value = transaction->get(keys::session(scope), store::Read::kSnapshot)) {
    const auto session = parse_record<record::Session>(*value);
    for (const record::LeftOutLines& one : session.left_out()) ends.left_out_lines[one.place()] += one.lines();
  }
  return ends;
}

}  // namespace morrow::control
