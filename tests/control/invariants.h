#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "control/keys.h"
#include "control/records.h"
#include "store/sim/sim_database.h"

namespace morrow::control {

/// Reads all keys of a simulated store after each commit and says what is wrong with them. Set `committed` as the
/// database's hook.
class Invariants {
 public:
  explicit Invariants(store::SimDatabase& database) : database_(database) {}

  /// What may never happen between two versions: something freed comes back, an outcome changes, ranges of an open
  /// scope are cleared. Then what must hold of the version. Gives the violations, in sentences.
  std::vector<std::string> committed(const store::Commit& commit);

  /// Of the version there is now.
  std::vector<std::string> check();

 private:
  struct View;
  void check_changes(const store::Commit& commit);
  void check_futures(const View& view);
  void check_neighbours(const View& view);
  void check_index_and_claims(const View& view);
  void check_scopes(const View& view);
  void check_sessions_and_workers(const View& view);
  void expect(bool holds, const std::string& sentence);

  store::SimDatabase& database_;
  std::set<std::string> freed_;                  // keys of states, scopes, sessions and epochs that were cleared
  std::map<std::string, std::string> outcomes_;  // of final futures, by state key
  std::vector<std::string> violations_;
};

/// All keys there are now.
std::vector<std::string> all_keys(const store::SimDatabase& database);

/// A key for people.
std::string readable(std::string_view key);

}  // namespace morrow::control
