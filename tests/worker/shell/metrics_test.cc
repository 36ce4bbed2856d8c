// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace morrow::worker {
namespace {

MetricFacts facts() {
  MetricFacts facts;
  facts.counters.values = 12;
  facts.failures[control::FailureKind::kTimeout] = 3;
  facts.queued = {{control::Resources{2'000'000, 0, 0, {{"odd\"na\\me\n\xe9\033", 1'000}}}, 7}};
  facts.port.strangers = 3;
  facts.port.turned_away = {{"token", 5}};
  facts.counters.ran.add(500'000);            // 0.5 ms
  facts.counters.ran.add(2'000'000'000);      // 2 s
  facts.counters.ran.add(7'200'000'000'000);  // 2 h
  return facts;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Metrics, EachHasItsHelpAndItsTypeBeforeItsValues) {
  const std::regex sample(R"re((morrow_[a-z_]+)(\{[a-z]+="([^"\\\n]|\\["\\n])*"\})? [-+0-9.eE]+)re");
  const std::regex comment(R"re(# (HELP|TYPE) (morrow_[a-z_]+) (.+))re");
  std::string helped;
  std::string typed;
  std::string type;
  for (const std::string& line : lines_of(metrics_text(facts()))) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      if (match[1] == "HELP") {
        helped = match[2];
      } else {
        EXPECT_EQ(match[2], helped) << line;
        typed = match[2];
        type = match[3];
      }
      continue;
    }
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    const std::string name = match[1];
    if (type == "histogram") {
      EXPECT_TRUE(name == typed + "_bucket" || name == typed + "_sum" || name == typed + "_count") << line;
    } else {
      EXPECT_EQ(name, typed) << line;
    }
    EXPECT_TRUE(type != "counter" || name.ends_with("_total")) << line;
  }
}

TEST(Metrics, AHistogramCountsEachInAllLargerBuckets) {
  const std::string text = metrics_text(facts());
  for (const std::string line :
       {"run_seconds_bucket{le=\"0.0003\"} 0", "run_seconds_bucket{le=\"0.001\"} 1", "run_seconds_bucket{le=\"1\"} 1",
        "run_seconds_bucket{le=\"3\"} 2", "run_seconds_bucket{le=\"3600\"} 2", "run_seconds_bucket{le=\"+Inf\"} 3",
        "run_seconds_sum 7202.0005", "run_seconds_count 3"})
    EXPECT_NE(text.find("morrow_" + line + "\n"), std::string::npos) << line << "\n" << text;
}

TEST(Metrics, TellsOfEndsByKindAndOfTheQueueByNeed) {
  const std::string text = metrics_text(facts());
  EXPECT_NE(text.find("morrow_ends_total{kind=\"value\"} 12\n"), std::string::npos);
  EXPECT_NE(text.find("morrow_ends_total{kind=\"timeout\"} 3\n"), std::string::npos);
  EXPECT_NE(text.find("odd\\\"na\\\\me\\\\n\\\\xe9\\\\x1b"), std::string::npos) << text;
}

TEST(Metrics, TellsOfThePortAndWhatItTurnedAway) {
  const std::string text = metrics_text(facts());
  EXPECT_NE(text.find("morrow_port_strangers 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("morrow_port_turned_away_total{why=\"token\"} 5\n"), std::string::npos) << text;
}

/// docs/metrics.md is the one list.
TEST(Metrics, EachNameStandsInTheDocumentationAndNoOther) {
  std::stringstream page;
  page << std::ifstream(MORROW_TEST_DOCS "/metrics.md").rdbuf();
  const std::string table = page.str();
  std::set<std::string> told;
  const std::regex name("`(morrow_[a-z_]+)");
  for (std::sregex_iterator at(table.begin(), table.end(), name), end; at != end; ++at) told.insert((*at)[1]);
  std::set<std::string> there;
  for (const std::string& line : lines_of(metrics_text(facts()))) {
    std::smatch match;
    if (std::regex_match(line, match, std::regex("# TYPE (morrow_[a-z_]+) .*"))) there.insert(match[1]);
  }
  EXPECT_EQ(told, there);
}

}  // namespace
}  // namespace morrow::worker
