// SPDX-License-Identifier: Apache-2.0
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

FailedFutures failed_in_scope(store::Store& store, ScopeId scope, const std::vector<FutureId>& except) {
  const std::unordered_set<FutureId> seen(except.begin(), except.end());
  const auto transaction = store.begin_read();
  FailedFutures failed;
  for (int bucket = 0; bucket < keys::kBuckets; ++bucket) {
    for_each_state(*transaction, keys::scope_futures(scope, bucket), [&](FutureId id, const record::State& state) {
      if (status_of(state) != Status::kFailed || seen.contains(id)) return;
      if (++failed.count > 1 && failed.first < id) return;
      failed.first = id;
      failed.outcome = read_outcome(state.outcome());
    });
  }
  return failed;
}

}  // namespace morrow::control
