// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/keys.h"
#include "control/records.h"
#include "store/sim/sim_database.h"

namespace morrow::control {

/// Looks at a simulated store after each commit and says what is wrong with it. Set `committed` as the database's hook
/// before the first commit.
class Invariants {
 public:
  enum class Depth {
    kWhole,    ///< the whole version after each commit
    kTouched,  ///< what the commit touched, and its neighbours: for runs of many commits
  };
  explicit Invariants(store::SimDatabase& database, Depth depth = Depth::kWhole) : database_(database), depth_(depth) {}

  /// What may never happen between two versions: something freed comes back, an outcome changes, a dead worker gets
  /// something, ranges of an open scope are cleared. Then what must hold of the version. Gives the violations, in
  /// sentences.
  std::vector<std::string> committed(const store::Commit& commit);

  /// Of the whole version there is now.
  std::vector<std::string> check();

  /// Only clears of futures' ranges are looked at: for a planted fault that clears others.
  void allow_other_ranges() { other_ranges_ = true; }

 private:
  using Id = FutureId;
  /// The keys of a version, read.
  struct View {
    std::map<Id, record::State> states;
    std::map<Id, std::map<std::string, std::string>> parts;
    std::set<std::pair<Id, Id>> edges;      // dependency, dependent
    std::set<std::pair<Id, Id>> needs;      // dependent, dependency
    std::set<std::pair<Id, Id>> needed_by;  // dependency, dependent
    std::set<std::pair<Id, Incarnation>> waiters;
    std::map<std::pair<Id, Incarnation>, std::uint64_t> holders;  // the object of a future's value
    std::set<std::string> index;
    std::map<std::pair<Incarnation, Id>, Claim> claims;
    std::set<std::pair<Id, std::string>> checks;
    std::map<std::pair<Id, Incarnation>, bool> fanouts;
    std::map<ScopeId, record::Scope> scopes;
    std::set<std::pair<ScopeId, ScopeId>> links;
    std::set<std::pair<ScopeId, ScopeId>> scope_needs;  ///< the scope of a detached future, and what must not end
    std::map<std::string, Id> names;
    std::set<ScopeId> endings;
    std::map<SessionId, record::Session> sessions;
    std::set<std::pair<Incarnation, SessionId>> attached;
    std::set<SessionId> orphans;
    std::map<Incarnation, bool> incarnations;                  // dying?
    std::set<std::pair<Incarnation, std::string>> of_workers;  // keys that belong to an incarnation
  };
  /// What is to be looked at.
  struct Touched {
    std::set<Id> futures;
    std::set<Id> states;  ///< futures whose state was written: their neighbours are looked at too
    std::set<ScopeId> scopes;
    std::set<SessionId> sessions;
    std::set<Incarnation> incarnations;
    std::set<std::string> index;
    std::set<std::pair<Incarnation, Id>> claims;
  };

  void check_changes(const store::Commit& commit);
  void check_change(const std::string& key, const std::string& value);
  void take_in(std::string_view key, const std::string* value, Touched& touched);
  void take_in_future(std::string_view key, const std::string* value, Touched& touched);
  void add_neighbours(Touched& touched) const;
  void look(const Touched& touched);
  void look_at_future(Id id);
  void look_at_neighbours(Id id);
  void look_at_index(const std::string& key);
  void look_at_claim(Incarnation incarnation, Id id);
  static bool scope_is_open(const record::Scope& scope);
  void look_at_scope(ScopeId id);
  void look_at_session(SessionId id);
  void look_at_incarnation(Incarnation incarnation);
  void wrong(std::string sentence);
  bool lost_and_begun_anew(const std::string& outcome, Id id, const record::State& state) const;

  store::SimDatabase& database_;
  const Depth depth_;
  bool other_ranges_ = false;
  View view_;
  std::set<std::string> freed_;  // keys of states, scopes, sessions and incarnations that were cleared
  std::set<Id> freed_futures_;
  std::set<ScopeId> freed_scopes_;
  std::set<Incarnation> freed_incarnations_;
  std::map<std::string, std::string> outcomes_;  // of final futures, by state key
  std::vector<std::string> violations_;
};

/// All keys there are now.
inline std::vector<std::string> all_keys(const store::SimDatabase& database) {
  std::vector<std::string> out;
  database.for_each({std::string(1, '\0'), "\xff\xff"},
                    [&](std::string_view key, std::string_view) { out.emplace_back(key); });
  return out;
}

/// A key for people.
inline std::string readable(std::string_view key) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', kDigits[byte / 16], kDigits[byte % 16]};
    }
  }
  return out;
}

}  // namespace morrow::control
