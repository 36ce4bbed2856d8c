// SPDX-License-Identifier: Apache-2.0
#include "control/questions.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "control/keys.h"
#include "control/records.h"
#include "control/transition.h"

namespace morrow::control {

namespace {

constexpr std::size_t kLongestChain = 1'000;
constexpr std::size_t kCountedAhead = 10'000;
constexpr std::size_t kNamedAhead = 200;
constexpr std::size_t kPageKeys = 500;

bool has_no_driver(store::Transaction& transaction, SessionId session) {
  const auto bytes = transaction.get(keys::session(session), store::Read::kSnapshot);
  return !bytes || parse_record<record::Session>(*bytes).incarnation() == 0;
}

FutureSeen seen(store::Transaction& transaction, FutureId id, const record::State& state) {
  FutureSeen future;
  future.id = id;
  future.status = status_of(state);
  future.tries = state.tries();
  future.holder = state.incarnation();
  future.recomputed = state.recomputed();
  if (is_final(state)) future.outcome = read_outcome(state.outcome());
  if (state.spec_parts() != 0 && future.status != Status::kBuilding) {
    const SpecPtr spec = Transition(transaction, 0).spec(id, state);
    future.name = spec->name;
    future.requirements = spec->requirements;
    future.session = spec->session;
    future.max_retries = spec->max_retries;
  }
  return future;
}

/// Where those stand in the index that are claimed before it.
store::Range before_it(const record::State& state) {
  store::Range before = keys::index_shape(state.shape());
  before.end = state.index_key();
  return before;
}

/// What it costs more to know.
void look_closer(store::Transaction& transaction, const record::State& state, FutureSeen& future) {
  if (future.session != 0) future.without_driver = has_no_driver(transaction, future.session);
  if (future.status == Status::kWaiting) {
    const auto needs = transaction.scan(keys::needs(future.id), store::Read::kSnapshot, 1);
    if (!needs.empty()) future.missing = keys::other_future(needs.front().key);
  }
  if (future.status == Status::kReady && !state.index_key().empty()) {
    future.ahead = transaction.scan(before_it(state), store::Read::kSnapshot, kCountedAhead).size();
  }
}

/// Of those that stand before it in the index, and of no more than a person reads of.
void look_who_is_ahead(store::Transaction& transaction, const record::State& state, FutureSeen& future) {
  for (const auto& [key, value] : transaction.scan(before_it(state), store::Read::kSnapshot, kNamedAhead)) {
    const FutureId other = keys::read_index(key).id;
    const auto bytes = transaction.get(keys::state(other), store::Read::kSnapshot);
    if (bytes) ++future.ahead_names[seen(transaction, other, parse_record<record::State>(*bytes)).name];
  }
}

bool wanted(const FutureFilter& filter, const record::State& state) {
  const Status status = status_of(state);
  if (filter.unfinished && is_final(status)) return false;
  if (filter.failed && status != Status::kFailed) return false;
  return !filter.claimed || status == Status::kClaimed;
}

}  // namespace

std::vector<FutureSeen> waits_for(store::Store& store, FutureId id) {
  const auto transaction = store.begin_read();
  std::vector<FutureSeen> chain;
  std::unordered_set<FutureId> met;
  std::optional<FutureId> next = id;
  while (next && chain.size() < kLongestChain && met.insert(*next).second) {
    const auto bytes = transaction->get(keys::state(*next), store::Read::kSnapshot);
    if (!bytes) break;
    const auto state = parse_record<record::State>(*bytes);
    chain.push_back(seen(*transaction, *next, state));
    look_closer(*transaction, state, chain.back());
    if (chain.back().ahead.value_or(0) != 0) look_who_is_ahead(*transaction, state, chain.back());
    next = chain.back().missing;
  }
  return chain;
}

FuturePage find_futures(store::Store& store, const FutureFilter& filter, std::string_view from) {
  const auto transaction = store.begin_read();
  store::Range range = keys::all_futures();
  if (!from.empty()) range.begin = std::string(from);
  const auto keys_here = transaction->scan(range, store::Read::kSnapshot, kPageKeys);
  FuturePage page;
  for (const auto& [key, value] : keys_here) {
    if (keys::suffix_of(key) != keys::kState) continue;
    const auto state = parse_record<record::State>(value);
    if (!wanted(filter, state)) continue;
    FutureSeen future = seen(*transaction, keys::future_of(key), state);
    if (filter.closely) look_closer(*transaction, state, future);
    page.futures.push_back(std::move(future));
  }
  if (keys_here.size() == kPageKeys) page.next = keys_here.back().key + '\0';
  return page;
}

std::vector<SessionSeen> all_sessions(store::Store& store) {
  const auto transaction = store.begin_read();
  std::vector<SessionSeen> all;
  for (const auto& [key, value] : transaction->scan(keys::sessions(), store::Read::kSnapshot)) {
    const auto session = parse_record<record::Session>(value);
    all.push_back({keys::number_of(key), session.incarnation(), session.ending()});
  }
  return all;
}

}  // namespace morrow::control
