// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include <morrow/morrow.h>

namespace {

using morrow::EnvironmentRule;

bool passes(const EnvironmentRule& rule, std::string_view name) { return rule.passes(name); }

TEST(EnvironmentRule, TheDefaultPassesAllButWhatLooksLikeASecret) {
  const EnvironmentRule rule = morrow::SessionOptions().environment;
  for (const char* const name : {"PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PWD", "TERM",
                                 "CUDA_VISIBLE_DEVICES", "SSH_AUTH_SOCK", "KE", "AWS", "XAWS_"})
    EXPECT_TRUE(passes(rule, name)) << name;
  for (const char* const name :
       {"MY_SECRET_TOKEN", "AWS_REGION", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "HF_TOKEN", "API_KEY", "OPENAI_API_KEY",
        "DB_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "RESTIC_PASSPHRASE", "GOOGLE_APPLICATION_CREDENTIALS", "SENTRY_DSN",
        "GITHUB_PAT", "SMTP_PASS", "DATABASE_URL", "AZURE_CLIENT_ID", "my_token", "My_Secret"})
    EXPECT_FALSE(passes(rule, name)) << name;
}

TEST(EnvironmentRule, AllNoneAndOnlySayWhatTheyAreCalled) {
  for (const char* const name : {"PATH", "MY_TOKEN", ""}) {
    EXPECT_TRUE(passes(EnvironmentRule::all(), name));
    EXPECT_FALSE(passes(EnvironmentRule::none(), name));
  }
  const EnvironmentRule only = EnvironmentRule::only({"PATH", "LD_*", "HF_TOKEN"});
  for (const char* const name : {"PATH", "LD_", "LD_DEBUG", "HF_TOKEN"}) EXPECT_TRUE(passes(only, name)) << name;
  for (const char* const name : {"PATHS", "XPATH", "LD", "HOME"}) EXPECT_FALSE(passes(only, name)) << name;
}

TEST(EnvironmentRule, OfThePatternsThatFitTheLastOneDecides) {
  const EnvironmentRule rule = EnvironmentRule().with({"HF_*"}).without({"HF_HOME", "LANG"}).with({"lang"});
  EXPECT_TRUE(passes(rule, "HF_TOKEN"));
  EXPECT_FALSE(passes(rule, "HF_HOME"));
  EXPECT_TRUE(passes(rule, "LANG"));
  EXPECT_FALSE(passes(rule, "OTHER_TOKEN"));
  EXPECT_FALSE(passes(EnvironmentRule::all().without({"*"}), "PATH"));
}

TEST(EnvironmentRule, WithAndWithoutLeaveTheOneTheyAreMadeFrom) {
  const EnvironmentRule all = EnvironmentRule::all();
  EXPECT_FALSE(passes(all.without({"A"}), "A"));
  EXPECT_TRUE(passes(all, "A"));
}

TEST(EnvironmentRule, OnlyTheStarIsSpecial) {
  const EnvironmentRule rule = EnvironmentRule::only({"A.B", "C?", "[D]", ""});
  EXPECT_TRUE(passes(rule, "a.b"));
  EXPECT_TRUE(passes(rule, "C?"));
  EXPECT_TRUE(passes(rule, ""));
  for (const char* const name : {"AxB", "CC", "D", "A.BB"}) EXPECT_FALSE(passes(rule, name)) << name;
}

/// As it is said: a star is some text, all else is itself.
bool fits_slowly(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*')
    return fits_slowly(pattern.substr(1), name) || (!name.empty() && fits_slowly(pattern, name.substr(1)));
  return !name.empty() && std::tolower(pattern[0]) == std::tolower(name[0]) &&
         fits_slowly(pattern.substr(1), name.substr(1));
}

std::string text_of(const std::vector<std::uint8_t>& numbers, std::string_view letters) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size() && i < 12; ++i) text += letters[numbers[i] % letters.size()];
  return text;
}

TEST(EnvironmentRule, AnyPatternFitsWhatItSays) {
  EXPECT_TRUE(rc::check("few letters, so that many fit", [](const std::vector<std::uint8_t>& pattern_numbers,
                                                            const std::vector<std::uint8_t>& name_numbers) {
    const std::string pattern = text_of(pattern_numbers, "*aAb_");
    const std::string name = text_of(name_numbers, "aAb_");
    RC_ASSERT(EnvironmentRule::only({pattern}).passes(name) == fits_slowly(pattern, name));
  }));
}

TEST(EnvironmentRule, ManyStarsTakeNoTimeThatGrowsWithThem) {
  std::string pattern;
  for (int i = 0; i < 1'000; ++i) pattern += "*a";
  EXPECT_FALSE(passes(EnvironmentRule::only({pattern + "b"}), std::string(10'000, 'a')));
}

}  // namespace
