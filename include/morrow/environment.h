// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// EnvironmentRule: which variables of the driver's environment its tasks have.

#include <morrow/detail/compiler.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace morrow {

/// \addtogroup sessions
/// \{

/// Which variables of the driver's environment its tasks have too. They are kept in the store of the cluster while the
/// session lives, and sent to the hosts where its tasks run. The default passes all but those whose names look like a
/// secret, kSecretNames.
///
///     options.environment = morrow::EnvironmentRule().with({"HF_TOKEN"}).without({"MY_*"});
///     options.environment = morrow::EnvironmentRule::only({"PATH", "HOME", "LD_*"});
///
/// A pattern is a name in which each `*` stands for any text, also for none. Upper and lower case are the same. Of all
/// patterns that fit a name the one that was said last decides. A value.
class EnvironmentRule {
 public:
  /// Patterns.
  using Names = std::vector<std::string>;

  /// What the default withholds.
  static constexpr const char* kSecretNames[] = {
      "*TOKEN*", "*SECRET*", "*PASSWORD*", "*PASSWD*", "*PASSPHRASE*",  "*CREDENTIAL*", "*KEY*",
      "*_PASS",  "*_PAT",    "*_PWD",      "*_DSN",    "*DATABASE_URL", "AWS_*",        "AZURE_*",
  };

  /// All but what looks like a secret.
  EnvironmentRule() {
    add({"*"}, true);
    for (const char* const name : kSecretNames) add({name}, false);
  }
  /// Every variable, secrets too.
  static EnvironmentRule all() { return none().with({"*"}); }
  /// No variable. What a process finds its libraries and its cluster by it has whatever the rule: `LD_LIBRARY_PATH`,
  /// `LD_PRELOAD`, `MORROW_CLUSTER` (without its token), `MORROW_IN_PROCESS`, `MORROW_HOME`, `MORROW_COMMAND`,
  /// `XDG_RUNTIME_DIR` and `XDG_STATE_HOME`.
  static EnvironmentRule none() {
    EnvironmentRule rule;
    rule.lines_.clear();
    return rule;
  }
  /// These, and what none() leaves.
  static EnvironmentRule only(Names patterns) { return none().with(std::move(patterns)); }

  /// The same, and these are passed.
  EnvironmentRule with(Names patterns) const {
    EnvironmentRule rule = *this;
    rule.add(std::move(patterns), true);
    return rule;
  }
  /// The same, and these are withheld.
  EnvironmentRule without(Names patterns) const {
    EnvironmentRule rule = *this;
    rule.add(std::move(patterns), false);
    return rule;
  }

  /// Whether tasks have the variable of this name.
  bool passes(std::string_view name) const {
    for (std::size_t i = lines_.size(); i-- > 0;) {
      if (fits(lines_[i].pattern, name)) return lines_[i].passes;
    }
    return false;
  }

 private:
  /// One pattern, and whether what fits it is passed.
  struct Line {
    std::string pattern;
    bool passes = false;
  };

  void add(Names patterns, bool passes) {
    for (std::string& pattern : patterns) lines_.push_back({std::move(pattern), passes});
  }

  // The locale of the program must not decide it.
  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

  // After a mismatch only the last star takes one more: what earlier ones took is as short as it can be.
  static bool fits(std::string_view pattern, std::string_view name) {
    std::size_t at = 0;
    std::size_t star = std::string_view::npos;
    std::size_t taken = 0;  // up to here by that star
    for (std::size_t i = 0; i < name.size();) {
      if (at < pattern.size() && pattern[at] == '*') {
        star = at++;
        taken = i;
      } else if (at < pattern.size() && lower(pattern[at]) == lower(name[i])) {
        ++at;
        ++i;
      } else if (star != std::string_view::npos) {
        at = star + 1;
        i = ++taken;
      } else {
        return false;
      }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
  }

  std::vector<Line> lines_;
};

/// \}

}  // namespace morrow
