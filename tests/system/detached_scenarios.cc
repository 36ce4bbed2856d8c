// SPDX-License-Identifier: Apache-2.0
// What the tests of detached futures run as drivers: the first argument names the job.
#include <morrow/morrow.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

const char* const kName = "nightly";

/// Waits for a file, then answers.
int slow(const std::string& path, int answer) {
  while (!path.empty() && !std::ifstream(path)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return answer;
}

std::map<std::string, std::function<void(char**)>> jobs() {
  std::map<std::string, std::function<void(char**)>> all;

  all["submit"] = [](char** args) {
    morrow::submit({.detached = true, .name = kName}, slow, std::string(args[0]), 42);
    std::cout << "submitted" << std::endl;
  };

  all["submit_large"] = [](char**) {
    const std::vector<int> numbers(1'000'000, 3);
    morrow::submit(
        {.detached = true, .name = kName},
        [](const std::vector<int>& all) {
          int sum = 0;
          for (const int one : all) sum += one;
          return sum;
        },
        numbers);
    std::cout << "submitted" << std::endl;
  };

  all["find"] = [](char**) { std::cout << "found " << morrow::find<int>(kName).get() << std::endl; };

  all["release"] = [](char**) {
    morrow::find<int>(kName).release();
    try {
      morrow::flush();
      morrow::find<int>(kName);
    } catch (const morrow::NotFoundError& error) {
      std::cout << error.what() << std::endl;
    }
  };

  all["twice"] = [](char**) {
    const auto first = morrow::submit({.detached = true, .name = kName}, slow, std::string(), 1);
    try {
      morrow::submit({.detached = true, .name = kName}, slow, std::string(), 2);
    } catch (const morrow::NameTakenError& error) {
      std::cout << error.what() << std::endl;
    }
    std::cout << "first " << first.get() << std::endl;
    first.release();
    std::cout << "again " << morrow::submit({.detached = true, .name = kName}, slow, std::string(), 3).get()
              << std::endl;
  };

  all["from_task"] = [](char**) {
    morrow::submit([] {
      morrow::submit({.detached = true, .name = kName}, slow, std::string(), 42);
      return morrow::find<int>(kName).get();
    }).get();
    std::cout << "submitted" << std::endl;
  };

  // A task whose process ends after it has detached one, and that is tried again.
  all["from_task_again"] = [](char** args) {
    const auto parent = [](const std::string& first) {
      const auto detached = morrow::submit({.detached = true, .name = kName}, slow, std::string(), 42);
      if (!std::ifstream(first)) {
        std::ofstream(first) << "was here";
        std::abort();
      }
      return detached.get();
    };
    std::cout << "parent " << morrow::submit(parent, std::string(args[0])).get() << std::endl;
  };

  // It depends on one that has not begun, one that has a large value, and one that was put.
  all["submit_after"] = [](char** args) {
    const auto large = morrow::submit([] { return std::vector<int>(1'000'000, 3); });
    const auto put = morrow::put(std::vector<int>(1'000'000, 4));
    large.get();
    const auto waits = morrow::submit(slow, std::string(args[0]), 1);
    morrow::submit(
        {.detached = true, .name = kName},
        [](int one, const std::vector<int>& three, const std::vector<int>& four) { return one + three[7] + four[7]; },
        waits, large, put);
    std::cout << "submitted" << std::endl;
  };

  all["submit_captured"] = [](char** args) {
    const auto waits = morrow::submit(slow, std::string(args[0]), 1);
    morrow::submit({.max_retries = 0, .detached = true, .name = kName}, [waits] { return waits.get(); });
    std::cout << "submitted" << std::endl;
  };

  all["bad_names"] = [](char**) {
    for (const std::string& name : {std::string(), std::string(257, 'n')}) {
      try {
        morrow::submit({.detached = true, .name = name}, [] { return 1; });
        std::cout << "taken" << std::endl;
      } catch (const std::invalid_argument& error) {
        std::cout << error.what() << std::endl;
      }
    }
  };
  return all;
}

}  // namespace

int main(int, char** argv) {
  morrow::Session session("test");
  const auto all = jobs();
  try {
    all.at(argv[1])(argv + 2);
  } catch (const morrow::Error& error) {
    std::cout << "error: " << error.what() << std::endl;
    return 1;
  }
  return 0;
}
