// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/environment.h"
#include "runtime/image/program.h"

namespace morrow::test {
namespace {

/// A program that has these variables beside its own.
class ProgramEnvironment : public testing::Test {
 protected:
  ProgramEnvironment() {
    for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~ProgramEnvironment() override {
    for (const auto& [name, value] : variables_) unsetenv(name.c_str());
  }

  static wire::Program made(const EnvironmentRule& rule = {}) { return runtime::make_program(1, true, {}, rule); }
  static bool has(const wire::Program& program, const std::string& name) {
    return std::any_of(program.environment().begin(), program.environment().end(),
                       [&](const std::string& line) { return base::sets_variable(line, name); });
  }
  static bool withholds(const wire::Program& program, const std::string& name) {
    return std::count(program.withheld().begin(), program.withheld().end(), name) == 1;
  }

  const std::map<std::string, std::string> variables_{
      {"TEST_PLAIN", "plain"}, {"TEST_TOKEN", "hidden-one"}, {"AWS_REGION", "hidden-two"}, {"LD_LIBRARY_PATH", "/lib"}};
};

TEST_F(ProgramEnvironment, HasNoSecretAndNamesWhatIsWithheld) {
  const wire::Program program = made();
  EXPECT_TRUE(has(program, "TEST_PLAIN"));
  EXPECT_FALSE(withholds(program, "TEST_PLAIN"));
  for (const char* const name : {"TEST_TOKEN", "AWS_REGION"}) {
    EXPECT_FALSE(has(program, name)) << name;
    EXPECT_TRUE(withholds(program, name)) << name;
  }
  EXPECT_EQ(program.SerializeAsString().find("hidden"), std::string::npos);
}

TEST_F(ProgramEnvironment, FollowsTheRule) {
  const wire::Program all = made(EnvironmentRule::all());
  EXPECT_TRUE(has(all, "TEST_TOKEN"));
  EXPECT_EQ(all.withheld_size(), 0);
  const wire::Program only = made(EnvironmentRule::only({"TEST_*"}).without({"TEST_PLAIN"}));
  EXPECT_TRUE(has(only, "TEST_TOKEN"));
  EXPECT_FALSE(has(only, "TEST_PLAIN"));
  EXPECT_FALSE(has(only, "PATH"));
}

TEST_F(ProgramEnvironment, AlwaysHasWhatAProcessFindsItsLibrariesAndItsClusterBy) {
  setenv(base::kClusterVariable, "some", 1);
  const wire::Program none = made(EnvironmentRule::none());
  unsetenv(base::kClusterVariable);
  EXPECT_TRUE(has(none, "LD_LIBRARY_PATH"));
  EXPECT_TRUE(has(none, base::kClusterVariable));
  EXPECT_FALSE(has(none, "TEST_PLAIN"));
  EXPECT_FALSE(has(none, "PATH"));
}

TEST_F(ProgramEnvironment, DecidesItsKeyWhateverTheOrderOfTheVariables) {
  const wire::Program before = made();
  setenv("TEST_PLAIN", "other", 1);
  EXPECT_NE(made().key(), before.key());
  unsetenv("TEST_PLAIN");
  setenv("TEST_PLAIN", "plain", 1);  // it stands last now
  EXPECT_EQ(made().key(), before.key());
  setenv("TEST_TOKEN", "another", 1);
  EXPECT_EQ(made().key(), before.key()) << "what tasks do not have is no part of it";
  EXPECT_NE(made(EnvironmentRule::none()).key(), before.key());
}

}  // namespace
}  // namespace morrow::test
