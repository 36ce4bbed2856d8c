#include "tests/control/invariants.h"

#include <cctype>
#include <cstdio>

namespace morrow::control {
namespace {

using Id = FutureId;
constexpr std::size_t kAfterPrefix = keys::kFuturePrefixBytes + 1;

std::string text(Id id) { return std::to_string(id.scope) + "/" + std::to_string(id.sequence); }

}  // namespace

struct Invariants::View {
  std::map<Id, record::State> states;
  std::map<Id, std::size_t> parts;
  std::set<std::pair<Id, Id>> edges;  // dependency, dependent
  std::set<std::pair<Id, Id>> needs;  // dependent, dependency
  std::set<std::pair<Id, Epoch>> waiters;
  std::map<std::string, std::string> index;
  std::map<std::pair<Epoch, Id>, Claim> claims;
  std::set<Id> checks;
  std::map<Id, Epoch> fanouts;
  std::map<ScopeId, record::Scope> scopes;
  std::set<std::pair<ScopeId, ScopeId>> links;
  std::set<ScopeId> endings;
  std::map<SessionId, record::Session> sessions;
  std::set<std::pair<Epoch, SessionId>> attached;
  std::set<SessionId> orphans;
  std::map<Epoch, bool> epochs;             // dying?
  std::map<std::string, Epoch> of_workers;  // keys that belong to an epoch
  std::map<Id, std::string> specs;
};

std::vector<std::string> all_keys(const store::SimDatabase& database) {
  std::vector<std::string> out;
  database.for_each({std::string(1, '\0'), "\xff\xff"},
                    [&](std::string_view key, std::string_view) { out.emplace_back(key); });
  return out;
}

std::string readable(std::string_view key) {
  std::string out;
  for (const char c : key) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(c));
    out += std::isprint(static_cast<unsigned char>(c)) ? std::string(1, c) : "\\" + std::string(hex);
  }
  return out;
}

void Invariants::expect(bool holds, const std::string& sentence) {
  if (!holds) violations_.push_back(sentence);
}

std::vector<std::string> Invariants::committed(const store::Commit& commit) {
  check_changes(commit);
  return check();
}

void Invariants::check_changes(const store::Commit& commit) {
  std::set<std::string> gone;
  for (const auto& [key, value] : commit.writes) {
    const bool state = key[0] == 'f' && keys::suffix_of(key) == keys::kState;
    const bool record = (key[0] == 'o' || key[0] == 's') && key.size() == 9;
    const bool epoch = key[0] == 'w' && key.back() == 'e' && key.size() == 10;
    if (!state && !record && !epoch) continue;
    if (!value) {
      gone.insert(key);
      continue;
    }
    expect(!freed_.contains(key), "Something that was freed came back: " + readable(key));
    if (!state) continue;
    const auto read = parse_record<record::State>(*value);
    const auto known = outcomes_.find(key);
    if (known != outcomes_.end()) {
      expect(is_final(read) && read.outcome().SerializeAsString() == known->second,
             "An outcome changed: " + readable(key));
    } else if (is_final(read)) {
      outcomes_[key] = read.outcome().SerializeAsString();
    }
  }
  for (const store::Range& range : commit.cleared) {
    const ScopeId scope = keys::read_u64(range.begin, 2);
    expect(range.begin[0] == 'f' && gone.contains(keys::scope(scope)),
           "A range was cleared outside of the end of its scope.");
  }
  freed_.insert(gone.begin(), gone.end());
}

std::vector<std::string> Invariants::check() {
  View view;
  database_.for_each({std::string(1, '\0'), "\xff\xff"}, [&](std::string_view key, std::string_view value) {
    const auto number = [&](std::size_t at) { return keys::read_u64(key, at); };
    switch (key[0]) {
      case 'f': {
        const Id id = keys::future_of(key);
        switch (keys::suffix_of(key)) {
          case keys::kState:
            view.states[id] = parse_record<record::State>(value);
            break;
          case keys::kSpecification:
            ++view.parts[id];
            view.specs[id] += value;
            break;
          case keys::kEdge:
            view.edges.emplace(id, keys::read_id(key, kAfterPrefix));
            break;
          case keys::kNeed:
            view.needs.emplace(id, keys::read_id(key, kAfterPrefix));
            break;
          case keys::kWaiter:
            view.waiters.emplace(id, number(kAfterPrefix));
            break;
          default:
            expect(false, "A future has a key of no known kind: " + readable(key));
        }
        break;
      }
      case 'i':
        view.index[std::string(key)];
        break;
      case 'c':
        view.claims[{number(1), keys::read_id(key, 9)}] = keys::read_u64(value, 0);
        break;
      case 'k':
        view.checks.insert(keys::read_id(key, 9));
        break;
      case 'x':
        view.fanouts[keys::read_id(key, 9)] = number(1);
        break;
      case 'o':
        if (key.size() == 9) view.scopes[number(1)] = parse_record<record::Scope>(value);
        if (key.size() != 9) view.links.emplace(number(1), number(10));
        break;
      case 'e':
        view.endings.insert(number(1));
        break;
      case 's':
        view.sessions[number(1)] = parse_record<record::Session>(value);
        break;
      case 'a':
        view.attached.emplace(number(1), number(9));
        break;
      case 'u':
        view.orphans.insert(number(1));
        break;
      case 'w':
        if (key.back() == 'e' && key.size() == 10) view.epochs[number(1)] = parse_record<record::Epoch>(value).dying();
        break;
      default:
        break;
    }
    if (std::string_view("ackxmwd").find(key[0]) != std::string_view::npos)
      view.of_workers[std::string(key)] = number(1);
  });
  check_futures(view);
  check_neighbours(view);
  check_index_and_claims(view);
  check_scopes(view);
  check_sessions_and_workers(view);
  return std::move(violations_);
}

void Invariants::check_futures(const View& view) {
  for (const auto& [id, state] : view.states) {
    const std::string name = text(id);
    const Status status = status_of(state);
    expect(view.scopes.contains(id.scope), "Future " + name + " has no scope.");
    const auto parts = view.parts.find(id);
    const std::size_t there = parts == view.parts.end() ? 0 : parts->second;
    expect(status == Status::kBuilding || there == state.spec_parts(),
           "Future " + name + " lacks a part of its specification.");
    if (status == Status::kWaiting) {
      const auto need = view.needs.lower_bound({id, Id{}});
      const bool has_need = need != view.needs.end() && need->first == id;
      expect(has_need || view.checks.contains(id),
             "Future " + name + " waits for nothing, and nobody will look at it.");
    }
    if (is_final(state)) {
      expect(state.has_outcome(), "Future " + name + " is final without an outcome.");
      expect(state.fanout() != 0 || there == 0, "Future " + name + " is final and keeps its specification.");
    } else {
      expect(there > 0 || status == Status::kBuilding, "Future " + name + " is not final and has no specification.");
    }
    if (is_final(state) || status == Status::kBuilding || there == 0) continue;
    const auto spec = decode_spec(view.specs.at(id));
    for (const Id& dependency : spec->dependencies) {
      expect(!view.states.contains(dependency) || view.edges.contains({dependency, id}),
             "Future " + name + " does not pin its dependency " + text(dependency) + ".");
    }
  }
  for (const auto& [id, count] : view.parts)
    expect(view.states.contains(id), "A specification without a state: " + text(id));
  for (const auto& [id, epoch] : view.fanouts) {
    const auto state = view.states.find(id);
    expect(state != view.states.end() && state->second.fanout() == epoch, "A fan-out of no future: " + text(id));
  }
}

void Invariants::check_neighbours(const View& view) {
  for (const auto& [id, epoch] : view.waiters) {
    const auto state = view.states.find(id);
    expect(state != view.states.end(), "A waiter on no future: " + text(id));
    if (state == view.states.end()) continue;
    expect(!is_final(state->second) || state->second.fanout() != 0, "Nobody will tell the waiter on " + text(id) + ".");
  }
  for (const auto& [dependency, dependent] : view.edges) {
    expect(view.states.contains(dependency), "An edge at no future: " + text(dependency));
    const auto state = view.states.find(dependent);
    expect(state != view.states.end() && (!is_final(state->second) || state->second.fanout() != 0),
           "Future " + text(dependency) + " is pinned by " + text(dependent) + ", which is final or gone.");
  }
  for (const auto& [dependent, dependency] : view.needs) {
    const auto own = view.states.find(dependent);
    expect(own != view.states.end(), "A need of no future: " + text(dependent));
    if (own == view.states.end()) continue;
    if (is_final(own->second)) {
      expect(own->second.fanout() != 0, "Future " + text(dependent) + " is final and needs something.");
      continue;
    }
    expect(view.edges.contains({dependency, dependent}), "A need without its edge: " + text(dependent));
    const auto other = view.states.find(dependency);
    expect(other != view.states.end() && (!is_final(other->second) || other->second.fanout() != 0),
           "Future " + text(dependent) + " needs " + text(dependency) + ", which is final or gone.");
  }
}

void Invariants::check_index_and_claims(const View& view) {
  for (const auto& [key, unused] : view.index) {
    const auto state = view.states.find(keys::read_index(key).id);
    expect(state != view.states.end() && status_of(state->second) == Status::kReady && state->second.index_key() == key,
           "An index entry of no ready future: " + text(keys::read_index(key).id));
  }
  for (const auto& [held, claim] : view.claims) {
    const auto state = view.states.find(held.second);
    expect(state != view.states.end() && status_of(state->second) == Status::kClaimed &&
               state->second.claim() == claim && state->second.epoch() == held.first,
           "A claim key of no such claim: " + text(held.second));
  }
  for (const auto& [id, state] : view.states) {
    if (status_of(state) == Status::kReady)
      expect(view.index.contains(state.index_key()), "A ready future is not indexed: " + text(id));
    if (status_of(state) != Status::kReady)
      expect(state.index_key().empty(), "A future that is not ready names an entry: " + text(id));
    if (status_of(state) != Status::kClaimed) continue;
    expect(view.claims.contains({state.epoch(), id}), "Burial would not find the claim on " + text(id));
    expect(!state.has_scope() || view.scopes.contains(state.claim()), "The scope of a claim is missing: " + text(id));
  }
}

void Invariants::check_scopes(const View& view) {
  for (const auto& [id, scope] : view.scopes) {
    const std::string name = std::to_string(id);
    expect(scope.session() || view.scopes.contains(scope.parent()), "Scope " + name + " has no parent.");
    expect(!scope.session() || view.sessions.contains(id), "Scope " + name + " has no session.");
    expect(scope.closing() == view.endings.contains(id),
           "Scope " + name + " closes and is not listed, or the other way round.");
    expect(scope.linked() == view.links.contains({scope.parent(), id}),
           "The link of scope " + name + " does not match it.");
    if (scope.closing() || scope.linked() || scope.session()) continue;
    const auto owner = view.states.find(read_id(scope.owner()));
    expect(owner != view.states.end() && status_of(owner->second) == Status::kClaimed && owner->second.claim() == id,
           "Scope " + name + " is nobody's.");
  }
  for (const auto& [parent, child] : view.links) {
    expect(view.scopes.contains(parent) && view.scopes.contains(child), "A link between scopes that are not there.");
  }
  for (const ScopeId id : view.endings)
    expect(view.scopes.contains(id), "A scope that is gone is still listed as ending.");
}

void Invariants::check_sessions_and_workers(const View& view) {
  for (const auto& [id, session] : view.sessions) {
    expect(view.scopes.contains(id), "A session has no scope.");
    if (session.ending()) continue;
    const bool attached = session.epoch() != 0;
    expect(!attached || view.attached.contains({session.epoch(), id}),
           "Burial would not find session " + std::to_string(id));
    expect(attached || view.orphans.contains(id), "Nobody would end session " + std::to_string(id));
  }
  for (const SessionId id : view.orphans) expect(view.sessions.contains(id), "An orphan that is no session.");
  for (const auto& [epoch, id] : view.attached) expect(view.sessions.contains(id), "An attached session that is none.");
  for (const auto& [key, epoch] : view.of_workers) {
    expect(view.epochs.contains(epoch), "A key of a worker that is gone: " + readable(key));
  }
}

}  // namespace morrow::control
