// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/support.h"

namespace morrow::test {

/// A trouble is staged by a driver; a person asks by a command.
class Stage : public testing::Test {
 protected:
  static std::string troubles() { return std::filesystem::path(scenarios()).replace_filename("troubles"); }
  std::unique_ptr<Process> stage(const std::string& trouble) {
    auto driver = cluster_.start({troubles(), trouble});
    EXPECT_TRUE(driver->wait_for_text("staged")) << driver->err();
    return driver;
  }
  /// `morrow COMMAND`, with the cluster behind its first word.
  Result command(std::vector<std::string> words) {
    words.insert(words.begin(), bin() + "/morrow");
    return cluster_.run(words);
  }
  Result why(const std::string& question, const std::vector<std::string>& options = {}) {
    std::vector<std::string> words{"why", cluster_.name(), question};
    words.insert(words.end(), options.begin(), options.end());
    return command(words);
  }
  /// Asks until the answer holds `text`.
  testing::AssertionResult says(const std::string& question, const std::string& text) {
    Result last;
    const bool said = eventually([&] {
      last = why(question);
      return last.out.find(text) != std::string::npos;
    });
    if (said) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "no \"" << text << "\" in:\n" << last.out << last.err;
  }

  Cluster cluster_;
};

}  // namespace morrow::test
