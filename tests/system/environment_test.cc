// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHidden = "hidden-5f1c7a";
constexpr const char* kPassed = "passed-29ab04";

/// A cluster with one worker, or none and sessions with a worker of their own.
class PassedEnvironment : public testing::TestWithParam<bool> {
 protected:
  PassedEnvironment() {
    if (GetParam()) worker_ = cluster_.worker({"--cpus", "1"});
  }
  Environment of_driver() const {
    Environment environment{
        {"PATH", "/usr/bin:/bin"}, {"PLAIN", "plain"}, {"MY_SECRET_TOKEN", kHidden}, {"AWS_REGION", "north"}};
    if (!GetParam()) environment["MORROW_CLUSTER"] = "";
    return environment;
  }
  static std::string program() { return (fs::path(scenarios()).parent_path() / "environment_scenarios").string(); }
  std::string seen_with(const std::string& rule) { return cluster_.run({program(), rule}, of_driver()).out; }

  Cluster cluster_;
  std::unique_ptr<Process> worker_;
};

TEST_P(PassedEnvironment, IsAllButWhatLooksLikeASecret) {
  EXPECT_EQ(seen_with("default"), "PATH '/usr/bin:/bin'\nPLAIN 'plain'\nMY_SECRET_TOKEN unset\nAWS_REGION unset\n");
}

TEST_P(PassedEnvironment, IsWhatTheRuleOfTheSessionSays) {
  EXPECT_EQ(seen_with("all"), "PATH '/usr/bin:/bin'\nPLAIN 'plain'\nMY_SECRET_TOKEN '" + std::string(kHidden) +
                                  "'\nAWS_REGION 'north'\n");
  EXPECT_EQ(seen_with("none"), "PATH unset\nPLAIN unset\nMY_SECRET_TOKEN unset\nAWS_REGION unset\n");
  EXPECT_EQ(seen_with("only"),
            "PATH unset\nPLAIN 'plain'\nMY_SECRET_TOKEN '" + std::string(kHidden) + "'\nAWS_REGION unset\n");
  EXPECT_EQ(seen_with("with"), "PATH '/usr/bin:/bin'\nPLAIN unset\nMY_SECRET_TOKEN unset\nAWS_REGION 'north'\n");
}

INSTANTIATE_TEST_SUITE_P(OfA, PassedEnvironment, testing::Bool(), [](const auto& which) {
  return which.param ? std::string("NamedCluster") : std::string("PrivateSession");
});

/// The files below the folder that hold the text.
std::string files_with(const std::string& folder, const std::string& text) {
  std::string found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    if (bytes.str().find(text) != std::string::npos) found += entry.path().string() + "\n";
  }
  return found;
}

TEST(WithheldEnvironment, IsNamedByStatusForEachSessionAndNoValueIsReadInTheStateFolder) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  const std::string program = (fs::path(scenarios()).parent_path() / "environment_scenarios").string();
  const auto driver = cluster.start({program, "default", "stays"},
                                    {{"MY_SECRET_TOKEN", kHidden}, {"AWS_REGION", kHidden}, {"PLAIN", kPassed}});
  ASSERT_TRUE(driver->wait_for_text("ready")) << driver->err();
  const Result status = cluster.run({bin() + "/morrow", "status", "-v", cluster.name()});
  EXPECT_EQ(status.status, 0) << status.err;
  EXPECT_TRUE(has(status.out, ": of its driver's environment its tasks do not have ")) << status.err;
  EXPECT_TRUE(has(status.out, "AWS_REGION"));
  EXPECT_TRUE(has(status.out, "MY_SECRET_TOKEN"));
  EXPECT_FALSE(has(cluster.run({bin() + "/morrow", "status", cluster.name()}).out, "MY_SECRET_TOKEN"));
  const Result json = cluster.run({bin() + "/morrow", "status", "-v", "--json", cluster.name()});
  EXPECT_TRUE(has(json.out, "\"withheld\"")) << json.err;
  // What tasks do have stands there too, and encrypted.
  for (const std::string text : {kHidden, kPassed}) EXPECT_EQ(files_with(cluster.folder() + "/home", text), "");
  EXPECT_NE(files_with(cluster.folder() + "/home", "MY_SECRET_TOKEN"), "") << "names are no secret; so it looks well";
}

}  // namespace
}  // namespace morrow::test
