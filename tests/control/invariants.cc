// SPDX-License-Identifier: Apache-2.0
#include "tests/control/invariants.h"

#include <algorithm>
#include <utility>

namespace morrow::control {
namespace {

constexpr std::size_t kAfterPrefix = keys::kFuturePrefixBytes + 1;

store::Range everything() { return {std::string(1, '\0'), "\xff\xff"}; }

std::string text(FutureId id) { return std::to_string(id.scope) + "/" + std::to_string(id.sequence); }

template <typename Set, typename Key>
void put(Set& set, const Key& key, bool there) {
  if (there) {
    set.insert(key);
  } else {
    set.erase(key);
  }
}

template <typename Map, typename Key, typename Read>
void put(Map& map, const Key& key, const std::string* value, const Read& read) {
  if (value != nullptr) {
    map[key] = read(*value);
  } else {
    map.erase(key);
  }
}

}  // namespace

void Invariants::wrong(std::string sentence) { violations_.push_back(std::move(sentence)); }

// ---- what a commit may change ----

std::vector<std::string> Invariants::committed(const store::Commit& commit) {
  check_changes(commit);
  Touched touched;
  for (const auto& [key, value] : commit.writes) take_in(key, value ? &*value : nullptr, touched);
  if (depth_ == Depth::kWhole) return check();
  add_neighbours(touched);
  look(touched);
  return std::exchange(violations_, {});
}

void Invariants::check_changes(const store::Commit& commit) {
  std::set<std::string> gone;
  for (const auto& [key, value] : commit.writes) {
    if (value) {
      check_change(key, *value);
      continue;
    }
    const bool state = key[0] == 'f' && keys::suffix_of(key) == keys::kState;
    const bool record = (key[0] == 'o' || key[0] == 's') && key.size() == 9;
    const bool incarnation = key[0] == 'w' && key.back() == 'e' && key.size() == 10;
    if (!state && !record && !incarnation) continue;
    gone.insert(key);
    if (state) freed_futures_.insert(keys::future_of(key));
    if (record) freed_scopes_.insert(keys::read_u64(key, 1));
    if (incarnation) freed_incarnations_.insert(keys::read_u64(key, 1));
  }
  for (const store::Range& range : commit.cleared) {
    if (other_ranges_ && range.begin[0] != 'f') continue;
    const ScopeId scope = range.begin.size() < 10 ? 0 : keys::read_u64(range.begin, 2);
    if (!(range.begin[0] == 'f' && gone.contains(keys::scope(scope))))
      wrong("A range was cleared outside of the end of its scope.");
  }
  freed_.insert(gone.begin(), gone.end());
}

/// No commit creates anything under a future, scope or incarnation that was freed or has ended.
void Invariants::check_change(const std::string& key, const std::string& value) {
  if (freed_.contains(key)) wrong("Something that was freed came back: " + readable(key));
  const bool of_worker = std::string_view("ackxmwdgl").find(key[0]) != std::string_view::npos;
  if (of_worker && !freed_incarnations_.empty())
    if (freed_incarnations_.contains(keys::read_u64(key, 1))) wrong("A dead worker got something: " + readable(key));
  if (key[0] == 'o' && key.size() > 9)
    if (freed_scopes_.contains(keys::read_u64(key, 1))) wrong("A scope that is gone got a child: " + readable(key));
  if (key[0] != 'f') return;
  const Id id = keys::future_of(key);
  if (freed_futures_.contains(id)) wrong("A future that was freed got something: " + readable(key));
  if (freed_scopes_.contains(id.scope)) wrong("A scope that is gone got a future: " + readable(key));
  if (keys::suffix_of(key) != keys::kState) return;
  const auto state = parse_record<record::State>(value);
  const auto known = outcomes_.find(key);
  if (known != outcomes_.end() && lost_and_begun_anew(known->second, id, state)) {
    outcomes_.erase(known);
  } else if (known != outcomes_.end()) {
    if (!(is_final(state) && state.outcome().SerializeAsString() == known->second))
      wrong("An outcome changed: " + readable(key));
  } else if (is_final(state)) {
    outcomes_[key] = state.outcome().SerializeAsString();
  }
  if (status_of(state) != Status::kClaimed) return;
  const auto before = view_.states.find(id);
  const bool anew = before == view_.states.end() || before->second.claim() != state.claim();
  const auto incarnation = view_.incarnations.find(state.incarnation());
  if (anew && (incarnation == view_.incarnations.end() || incarnation->second))
    wrong("A dead worker claimed future " + text(id) + ".");
}

/// A value that lay with workers may be computed again once none of the living ones has it, but for the one that says
/// so.
bool Invariants::lost_and_begun_anew(const std::string& outcome, Id id, const record::State& state) const {
  record::Outcome known;
  if (is_final(state) || !known.ParseFromString(outcome) || !known.has_object()) return false;
  return std::count_if(view_.holders.lower_bound({id, 0}), view_.holders.upper_bound({id, ~Incarnation{0}}),
                       [this](const auto& holder) {
                         const auto incarnation = view_.incarnations.find(holder.first.second);
                         return incarnation != view_.incarnations.end() && !incarnation->second;
                       }) <= 1;
}

// ---- reading keys ----

void Invariants::take_in_future(std::string_view key, const std::string* value, Touched& touched) {
  const Id id = keys::future_of(key);
  touched.futures.insert(id);
  const bool there = value != nullptr;
  switch (keys::suffix_of(key)) {
    case keys::kState:
      touched.states.insert(id);
      put(view_.states, id, value, [](const std::string& bytes) { return parse_record<record::State>(bytes); });
      break;
    case keys::kSpecification: {
      auto& parts = view_.parts[id];
      put(parts, std::string(key), value, [](const std::string& bytes) { return bytes; });
      if (parts.empty()) view_.parts.erase(id);
      break;
    }
    case keys::kEdge:
      put(view_.edges, std::pair(id, keys::read_id(key, kAfterPrefix)), there);
      touched.futures.insert(keys::read_id(key, kAfterPrefix));
      break;
    case keys::kNeed:
      put(view_.needs, std::pair(id, keys::read_id(key, kAfterPrefix)), there);
      put(view_.needed_by, std::pair(keys::read_id(key, kAfterPrefix), id), there);
      touched.futures.insert(keys::read_id(key, kAfterPrefix));
      break;
    case keys::kWaiter:
      put(view_.waiters, std::pair(id, keys::read_u64(key, kAfterPrefix)), there);
      break;
    case keys::kHolder:
      put(view_.holders, std::pair(id, keys::read_u64(key, kAfterPrefix)), value,
          [](const std::string& bytes) { return keys::read_u64(bytes, 0); });
      break;
    default:
      wrong("A future has a key of no known kind: " + readable(key));
  }
}

void Invariants::take_in(std::string_view key, const std::string* value, Touched& touched) {
  const bool there = value != nullptr;
  const auto number = [&](std::size_t at) { return keys::read_u64(key, at); };
  switch (key[0]) {
    case 'f':
      return take_in_future(key, value, touched);
    case 'i':
      put(view_.index, std::string(key), there);
      touched.index.emplace(key);
      touched.futures.insert(keys::read_index(key).id);
      return;
    case 'c':
      put(view_.claims, std::pair(number(1), keys::read_id(key, 9)), value,
          [](const std::string& bytes) { return keys::read_u64(bytes, 0); });
      touched.claims.emplace(number(1), keys::read_id(key, 9));
      touched.futures.insert(keys::read_id(key, 9));
      break;
    case 'k':
      put(view_.checks, std::pair(keys::read_id(key, 9), std::string(key)), there);
      touched.futures.insert(keys::read_id(key, 9));
      break;
    case 'x':
      put(view_.fanouts, std::pair(keys::read_id(key, 9), number(1)), value, [](const std::string&) { return true; });
      touched.futures.insert(keys::read_id(key, 9));
      break;
    case 'o':
      touched.scopes.insert(number(1));
      if (key.size() > 9 && key[9] == 'n') {
        touched.scopes.insert(number(10));
        put(view_.scope_needs, std::pair(number(10), number(1)), there);
      } else if (key.size() == 9) {
        put(view_.scopes, number(1), value,
            [](const std::string& bytes) { return parse_record<record::Scope>(bytes); });
      } else {
        put(view_.links, std::pair(number(1), number(10)), there);
        touched.scopes.insert(number(10));
      }
      return;
    case 'e':
      put(view_.endings, number(1), there);
      touched.scopes.insert(number(1));
      return;
    case 's':
      put(view_.sessions, number(1), value,
          [](const std::string& bytes) { return parse_record<record::Session>(bytes); });
      touched.sessions.insert(number(1));
      return;
    case 'a':
      put(view_.attached, std::pair(number(1), number(9)), there);
      touched.sessions.insert(number(9));
      break;
    case 'u':
      put(view_.orphans, number(1), there);
      touched.sessions.insert(number(1));
      return;
    case 'w':
      if (key.back() == 'e' && key.size() == 10) {
        put(view_.incarnations, number(1), value,
            [](const std::string& bytes) { return parse_record<record::Incarnation>(bytes).dying(); });
      }
      break;
    case 'n':
      put(view_.names, std::string(key.substr(1)), value,
          [](const std::string& bytes) { return read_id(parse_record<record::Name>(bytes).future()); });
      if (value != nullptr) touched.scopes.insert(read_id(parse_record<record::Name>(*value).future()).scope);
      return;
    case 'm':
    case 'd':
    case 'l':
      break;
    default:
      return;
  }
  put(view_.of_workers, std::pair(number(1), std::string(key)), there);
  touched.incarnations.insert(number(1));
}

/// Who stands beside a future that changed, and what is in a scope or at a session that changed.
void Invariants::add_neighbours(Touched& touched) const {
  std::set<Id> more;
  for (const Id& id : touched.states) {
    for (auto edge = view_.edges.lower_bound({id, Id{}}); edge != view_.edges.end() && edge->first == id; ++edge)
      more.insert(edge->second);
    for (auto need = view_.needs.lower_bound({id, Id{}}); need != view_.needs.end() && need->first == id; ++need)
      more.insert(need->second);
    for (auto need = view_.needed_by.lower_bound({id, Id{}}); need != view_.needed_by.end() && need->first == id;
         ++need)
      more.insert(need->second);
  }
  touched.futures.merge(more);
  for (const ScopeId scope : touched.scopes) {
    if (view_.scopes.contains(scope)) continue;
    const auto left = view_.states.lower_bound({scope, 0});
    if (left != view_.states.end() && left->first.scope == scope) touched.futures.insert(left->first);
  }
  for (const SessionId session : touched.sessions) touched.scopes.insert(session);
}

// ---- what must hold ----

std::vector<std::string> Invariants::check() {
  Touched all;
  // What was read commit by commit is read anew, so that nothing slips through.
  view_ = View();
  database_.for_each(everything(), [&](std::string_view key, std::string_view value) {
    const std::string bytes(value);
    take_in(key, &bytes, all);
  });
  look(all);
  for (const auto& [name, id] : view_.names)
    if (const auto scope = view_.scopes.find(id.scope); scope == view_.scopes.end() || scope->second.detached() != name)
      wrong("The name " + name + " is nobody's.");
  for (const auto& [incarnation, id] : view_.attached)
    if (!(view_.sessions.contains(id))) wrong("An attached session that is none.");
  return std::exchange(violations_, {});
}

void Invariants::look(const Touched& touched) {
  for (const Id& id : touched.futures) {
    look_at_future(id);
    look_at_neighbours(id);
  }
  for (const std::string& key : touched.index) look_at_index(key);
  for (const auto& [incarnation, id] : touched.claims) look_at_claim(incarnation, id);
  for (const ScopeId id : touched.scopes) look_at_scope(id);
  for (const SessionId id : touched.sessions) look_at_session(id);
  for (const Incarnation incarnation : touched.incarnations) look_at_incarnation(incarnation);
}

void Invariants::look_at_future(Id id) {
  const auto found_state = view_.states.find(id);
  const auto parts = view_.parts.find(id);
  const std::size_t there = parts == view_.parts.end() ? 0 : parts->second.size();
  const bool exists = found_state != view_.states.end();
  const std::string name = text(id);
  if (!(exists || there == 0)) wrong("A specification without a state: " + name);
  for (auto fanout = view_.fanouts.lower_bound({id, 0}); fanout != view_.fanouts.end() && fanout->first.first == id;
       ++fanout) {
    if (!(exists && found_state->second.fanout() == fanout->first.second)) wrong("A fan-out of no future: " + name);
  }
  for (auto holder = view_.holders.lower_bound({id, 0}); holder != view_.holders.end() && holder->first.first == id;
       ++holder) {
    if (!(exists && found_state->second.outcome().object().number() == holder->second))
      wrong("Nobody would ever free an object of " + name);
  }
  if (!exists) return;
  const record::State& state = found_state->second;
  const Status status = status_of(state);
  if (!(view_.scopes.contains(id.scope))) wrong("Future " + name + " has no scope.");
  if (!(status == Status::kBuilding || there == state.spec_parts()))
    wrong("Future " + name + " lacks a part of its specification.");
  if (status == Status::kWaiting) {
    const auto need = view_.needs.lower_bound({id, Id{}});
    const auto posted = view_.checks.lower_bound({id, ""});
    const bool has_need = need != view_.needs.end() && need->first == id;
    const bool has_check = posted != view_.checks.end() && posted->first == id;
    if (!(has_need || has_check)) wrong("Future " + name + " waits for nothing, and nobody will look at it.");
  }
  if (is_final(state)) {
    if (!state.has_outcome()) wrong("Future " + name + " is final without an outcome.");
    if (!(state.fanout() != 0 || there == 0 || state.outcome().has_object()))
      wrong("Future " + name + " is final and keeps its specification.");
  } else {
    if (!(there > 0 || status == Status::kBuilding))
      wrong("Future " + name + " is not final and has no specification.");
  }
  if (!(status != Status::kReady || view_.index.contains(state.index_key())))
    wrong("A ready future is not indexed: " + name);
  if (!(status == Status::kReady || state.index_key().empty()))
    wrong("A future that is not ready names an entry: " + name);
  if (status == Status::kClaimed) {
    if (!(view_.claims.contains({state.incarnation(), id}))) wrong("Eviction would not find the claim on " + name);
    if (state.has_scope() && !view_.scopes.contains(state.claim())) wrong("The scope of a claim is missing: " + name);
  }
  if (is_final(state) || status == Status::kBuilding || there == 0 || state.dependencies() == 0) return;
  std::string bytes;
  for (const auto& [key, part] : parts->second) bytes += part;
  const auto spec = decode_spec(bytes);
  for (const Id& dependency : spec->dependencies) {
    if (view_.states.contains(dependency) && !view_.edges.contains({dependency, id}))
      wrong("Future " + name + " does not pin its dependency " + text(dependency) + ".");
  }
}

void Invariants::look_at_neighbours(Id id) {
  const auto own = view_.states.find(id);
  const bool exists = own != view_.states.end();
  const bool ended = exists && is_final(own->second) && own->second.fanout() == 0;
  const auto waiter = view_.waiters.lower_bound({id, 0});
  if (waiter != view_.waiters.end() && waiter->first == id) {
    if (!exists) wrong("A waiter on no future: " + text(id));
    if (ended) wrong("Nobody will tell the waiter on " + text(id) + ".");
  }
  for (auto edge = view_.edges.lower_bound({id, Id{}}); edge != view_.edges.end() && edge->first == id; ++edge) {
    if (!exists) wrong("An edge at no future: " + text(id));
    const auto dependent = view_.states.find(edge->second);
    if (!(dependent != view_.states.end() && (!is_final(dependent->second) || dependent->second.fanout() != 0)))
      wrong("Future " + text(id) + " is pinned by " + text(edge->second) + ", which is final or gone.");
  }
  for (auto need = view_.needs.lower_bound({id, Id{}}); need != view_.needs.end() && need->first == id; ++need) {
    if (!exists) wrong("A need of no future: " + text(id));
    if (!exists) return;
    if (is_final(own->second)) {
      if (ended) wrong("Future " + text(id) + " is final and needs something.");
      return;
    }
    if (!(view_.edges.contains({need->second, id}))) wrong("A need without its edge: " + text(id));
    const auto other = view_.states.find(need->second);
    if (!(other != view_.states.end() && (!is_final(other->second) || other->second.fanout() != 0)))
      wrong("Future " + text(id) + " needs " + text(need->second) + ", which is final or gone.");
  }
}

void Invariants::look_at_index(const std::string& key) {
  if (!view_.index.contains(key)) return;
  const Id id = keys::read_index(key).id;
  const auto state = view_.states.find(id);
  if (!(state != view_.states.end() && status_of(state->second) == Status::kReady && state->second.index_key() == key))
    wrong("An index entry of no ready future: " + text(id));
}

void Invariants::look_at_claim(Incarnation incarnation, Id id) {
  const auto held = view_.claims.find({incarnation, id});
  if (held == view_.claims.end()) return;
  const auto state = view_.states.find(id);
  if (!(state != view_.states.end() && status_of(state->second) == Status::kClaimed &&
        state->second.claim() == held->second && state->second.incarnation() == incarnation))
    wrong("A claim key of no such claim: " + text(id));
}

bool Invariants::scope_is_open(const record::Scope& scope) { return !scope.closing() && !scope.ends_later(); }

void Invariants::look_at_scope(ScopeId id) {
  const auto found_scope = view_.scopes.find(id);
  const bool exists = found_scope != view_.scopes.end();
  if (!(exists || !view_.endings.contains(id))) wrong("A scope that is gone is still listed as ending.");
  for (auto link = view_.links.lower_bound({id, 0}); link != view_.links.end() && link->first == id; ++link)
    if (!(exists && view_.scopes.contains(link->second))) wrong("A link between scopes that are not there.");
  if (!(exists || !view_.sessions.contains(id))) wrong("A session has no scope.");
  const auto needs = view_.scope_needs.lower_bound({id, 0});
  if (!exists && needs != view_.scope_needs.end() && needs->first == id)
    wrong("A scope that is gone keeps another one from its end.");
  if (!exists) return;
  const record::Scope& scope = found_scope->second;
  const std::string name = std::to_string(id);
  const bool detached = !scope.detached().empty();
  if (!(scope.session() || detached || view_.scopes.contains(scope.parent())))
    wrong("Scope " + name + " has no parent.");
  if (const auto named = view_.names.find(scope.detached()); detached && scope_is_open(scope))
    if (named == view_.names.end() || named->second.scope != id) wrong("Nobody finds scope " + name + " by its name.");
  if (scope.session() && !view_.sessions.contains(id)) wrong("Scope " + name + " has no session.");
  if (!(scope.closing() == view_.endings.contains(id)))
    wrong("Scope " + name + " closes and is not listed, or the other way round.");
  if (!(scope.linked() == view_.links.contains({scope.parent(), id})))
    wrong("The link of scope " + name + " does not match it.");
  for (auto need = view_.scope_needs.lower_bound({id, 0}); need != view_.scope_needs.end() && need->first == id; ++need)
    if (std::find(scope.needs().begin(), scope.needs().end(), need->second) == scope.needs().end())
      wrong("Scope " + name + " keeps another one from its end, and does not know it");
  for (const ScopeId need : scope.needs())
    if (!view_.scope_needs.contains({id, need})) wrong("Scope " + name + " needs one that does not know it");
  if (scope.closing() || scope.linked() || scope.session() || detached) return;
  const auto owner = view_.states.find(read_id(scope.owner()));
  if (!(owner != view_.states.end() && status_of(owner->second) == Status::kClaimed && owner->second.claim() == id))
    wrong("Scope " + name + " is nobody's.");
}

void Invariants::look_at_session(SessionId id) {
  const auto found_session = view_.sessions.find(id);
  const bool exists = found_session != view_.sessions.end();
  if (!(exists || !view_.orphans.contains(id))) wrong("An orphan that is no session.");
  if (!exists || found_session->second.ending()) return;
  const record::Session& session = found_session->second;
  const bool attached = session.incarnation() != 0;
  if (attached && !view_.attached.contains({session.incarnation(), id}))
    wrong("Eviction would not find session " + std::to_string(id));
  if (!(attached || view_.orphans.contains(id))) wrong("Nobody would end session " + std::to_string(id));
}

void Invariants::look_at_incarnation(Incarnation incarnation) {
  const auto key = view_.of_workers.lower_bound({incarnation, ""});
  if (key == view_.of_workers.end() || key->first != incarnation) return;
  if (!(view_.incarnations.contains(incarnation))) wrong("A key of a worker that is gone: " + readable(key->second));
}

}  // namespace morrow::control
