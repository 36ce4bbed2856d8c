// SPDX-License-Identifier: Apache-2.0
#include "worker/last_words.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/invariant.h"

namespace morrow::worker {
namespace {

TEST(LastWordsDeathTest, ABrokenInvariantIsSaidInTheWorkersLogBeforeTheProcessEnds) {
  const std::string folder = std::filesystem::temp_directory_path() / ("last-words-" + std::to_string(getpid()));
  const auto dies = [&] {
    Logs logs({folder, true});
    const LastWords last_words(logs);
    const int tasks = 3;
    MORROW_INVARIANT(tasks == 0, "nothing runs any more", tasks);
  };
  EXPECT_EXIT(dies(), ::testing::KilledBySignal(SIGABRT), "morrow: .*nothing runs any more.*tasks = 3");
  std::ostringstream log;
  log << std::ifstream(folder + "/worker.log").rdbuf();
  EXPECT_NE(log.str().find("nothing runs any more"), std::string::npos) << log.str();
  EXPECT_NE(log.str().find("#0 "), std::string::npos) << "the stack follows";
  std::filesystem::remove_all(folder);
}

TEST(LastWordsDeathTest, WithoutALogTheyGoToStandardErrorAgain) {
  const auto dies = [] {
    {
      Logs logs({});
      const LastWords last_words(logs);
    }
    MORROW_UNREACHABLE("the log is closed");
  };
  EXPECT_EXIT(dies(), ::testing::KilledBySignal(SIGABRT), "the log is closed");
}

}  // namespace
}  // namespace morrow::worker
