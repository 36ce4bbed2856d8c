// SPDX-License-Identifier: Apache-2.0
// What the tests of a full store run as drivers: the first argument names the job, the second is for how many
// milliseconds its submits wait for room.
#include <morrow/morrow.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Values = std::vector<morrow::Future<std::string>>;

constexpr int kMost = 1'000'000;

/// Puts values until the store takes no more. They are random: what repeats itself may be packed.
Values fill(std::size_t bytes) {
  Values values;
  try {
    for (int i = 0; i < kMost; ++i) values.push_back(morrow::put(std::to_string(i) + std::string(bytes, 'x')));
  } catch (const morrow::StoreFullError& error) {
    std::cout << "full: " << error.what() << std::endl;
  }
  return values;
}

/// What became of values that were put: it was taken and is there, or it never was.
void count(const Values& values) {
  int good = 0;
  int refused = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    try {
      good += values[i].get().starts_with(std::to_string(i) + "x") ? 1 : 0;
    } catch (const morrow::StoreFullError&) {
      ++refused;
    }
  }
  std::cout << "good and refused are all: " << (good > 0 && good + refused == static_cast<int>(values.size()))
            << std::endl;
}

int answer() {
  return morrow::submit([] { return 42; }).get();
}

/// What was given up is freed little by little, and that may take longer than a submit waits.
int answer_when_there_is_room() {
  for (;;) {
    try {
      return answer();
    } catch (const morrow::StoreFullError&) {
    }
  }
}

using Scenarios = std::map<std::string, std::function<void()>>;

Scenarios scenarios() {
  Scenarios all;
  all["release"] = [] {
    Values values = fill(4'000);
    count(values);
    for (auto& value : values) value.release();
    std::cout << "then " << answer_when_there_is_room() << std::endl;
  };
  all["hold"] = [] {
    const Values values = fill(4'000);
    std::cout << "filled" << std::endl;
    std::this_thread::sleep_for(std::chrono::hours(1));
  };
  all["scope"] = [] {
    {
      const morrow::Scope scope;
      fill(4'000);
    }
    std::cout << "then " << answer_when_there_is_room() << std::endl;
  };
  all["answer"] = [] { std::cout << "then " << answer() << std::endl; };
  all["results"] = [] {
    // What fills the store is the values of tasks.
    Values values;
    try {
      for (int i = 0; i < kMost; ++i)
        values.push_back(morrow::submit([](int n) { return std::to_string(n) + std::string(7'000, 'x'); }, i));
    } catch (const morrow::StoreFullError& error) {
      std::cout << "full: " << error.what() << std::endl;
    }
    count(values);
    values.clear();
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  morrow::SessionOptions options;
  if (argc > 2) options.store_patience = std::chrono::milliseconds(std::atoi(argv[2]));
  options.grace = std::chrono::seconds(1);
  morrow::Session session(options);
  const auto all = scenarios();
  const auto found = argc > 1 ? all.find(argv[1]) : all.end();
  if (found == all.end()) {
    std::cerr << "usage: store_scenarios NAME MILLISECONDS\n";
    return 2;
  }
  try {
    found->second();
  } catch (const std::exception& error) {
    std::cout << "uncaught: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
