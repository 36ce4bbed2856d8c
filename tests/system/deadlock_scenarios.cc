// SPDX-License-Identifier: Apache-2.0
// Tasks that wait for each other: the first argument names the job, the second is a folder in which tasks find the
// futures of others, as nobody can be given one that is submitted later.
#include <morrow/morrow.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Number = morrow::Future<int>;
using Seconds = std::chrono::seconds;

void tell(const std::string& folder, const std::string& name, const Number& future) {
  const std::string file = folder + "/" + name;
  std::ofstream(file + ".new") << future.id().scope << " " << future.id().sequence;
  std::filesystem::rename(file + ".new", file);
}

Number find(const std::string& folder, const std::string& name) {
  for (;;) {
    morrow::detail::FutureId id;
    if (std::ifstream(folder + "/" + name) >> id.scope >> id.sequence) return Number(id);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

int waits_for(const std::string& folder, const std::string& other) { return find(folder, other).get() + 1; }
int plus_one(int value) { return value + 1; }
int waits_a_while_for(const std::string& folder, const std::string& other) {
  const Number future = find(folder, other);
  for (int i = 0; i < 5; ++i) {
    if (const auto value = future.get_for(Seconds(1))) return *value;
  }
  return 1;
}
int waits_for_either(const std::string& folder, const std::string& other, const Number& second) {
  morrow::wait(std::vector<Number>{find(folder, other), second}, 1);
  return 1;
}
int holds_and_needs_more(const std::string& folder, const std::string& self, const std::string& other) {
  constexpr std::size_t kPart = 24'000'000;
  const auto first = morrow::Array<char>::make(kPart);
  std::ofstream(folder + "/holds" + self) << "yes";
  while (!std::filesystem::exists(folder + "/holds" + other))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto second = morrow::Array<char>::make(kPart);
  return static_cast<int>((first.size() + second.size()) / kPart);
}
morrow::Array<double> filled(int number) {
  auto made = morrow::Array<double>::make(5'000'000);
  for (double& one : made) one = number;
  return made;
}
morrow::Array<double> joined(const morrow::Array<double>& one, const morrow::Array<double>& other) {
  auto made = morrow::Array<double>::make(one.size());
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = one[i] + other[i];
  return made;
}
int slow() {
  std::this_thread::sleep_for(Seconds(4));
  return 4;
}

void say(const std::string& name, const Number& future) {
  try {
    const int value = future.get();
    std::cout << name << " is " << value << std::endl;
  } catch (const morrow::DeadlockError& error) {
    std::cout << name << ": deadlock: " << error.what() << std::endl;
  } catch (const morrow::Error& error) {
    std::cout << name << ": " << error.what() << std::endl;
  }
}

std::map<std::string, std::function<void(const std::string&)>> jobs() {
  std::map<std::string, std::function<void(const std::string&)>> all;

  const auto circle = [](const std::string& folder, int size) {
    std::vector<Number> tasks;
    for (int i = 0; i < size; ++i) {
      const std::string next = "t" + std::to_string((i + 1) % size);
      tasks.push_back(morrow::submit({.name = "t" + std::to_string(i)}, waits_for, folder, next));
      tell(folder, "t" + std::to_string(i), tasks.back());
    }
    for (int i = 0; i < size; ++i) say("t" + std::to_string(i), tasks[static_cast<std::size_t>(i)]);
    std::cout << "after that " << morrow::submit(plus_one, 6).get() << "\n";
  };
  all["self"] = [circle](const std::string& folder) { circle(folder, 1); };
  all["two"] = [circle](const std::string& folder) { circle(folder, 2); };
  all["five"] = [circle](const std::string& folder) { circle(folder, 5); };

  all["dependencies"] = [](const std::string& folder) {
    const Number first = morrow::submit({.name = "first"}, waits_for, folder, std::string("third"));
    const Number second = morrow::submit({.name = "second"}, plus_one, first);
    const Number third = morrow::submit({.name = "third"}, plus_one, second);
    tell(folder, "third", third);
    say("first", first);
    say("second", second);
    say("third", third);
  };

  // One of them waits with a timeout, and goes on without the other's value.
  all["timed"] = [](const std::string& folder) {
    const Number one = morrow::submit(waits_a_while_for, folder, std::string("other"));
    const Number other = morrow::submit(waits_for, folder, std::string("one"));
    tell(folder, "one", one);
    tell(folder, "other", other);
    say("one", one);
    say("other", other);
  };

  all["either"] = [](const std::string& folder) {
    const Number alive = morrow::submit(slow);
    const Number one = morrow::submit(waits_for_either, folder, std::string("other"), alive);
    const Number other = morrow::submit(waits_for, folder, std::string("one"));
    tell(folder, "one", one);
    tell(folder, "other", other);
    one.get();
    std::cout << "one went on\n";
    other.get();
    std::cout << "other went on\n";
  };

  all["gpu"] = [](const std::string&) {
    say("parent", morrow::submit({.gpus = 1, .name = "parent"},
                                 [] { return morrow::submit({.gpus = 1, .name = "child"}, plus_one, 1).get(); }));
    // The same with the child's work done where nothing is kept.
    say("driver", morrow::submit({.gpus = 1}, plus_one, 1));
  };

  all["memory"] = [](const std::string&) {
    using namespace morrow::literals;
    say("parent", morrow::submit({.memory = 600_MB, .name = "parent"}, [] {
          return morrow::submit({.memory = 600_MB, .name = "child"}, plus_one, 1).get();
        }));
  };
  // Each holds a part of the object memory, and needs another one that does not fit beside both.
  all["rooms"] = [](const std::string& folder) {
    std::vector<Number> tasks;
    for (int i = 0; i < 2; ++i) {
      tasks.push_back(
          morrow::submit({.max_retries = 0}, holds_and_needs_more, folder, std::to_string(i), std::to_string(1 - i)));
    }
    for (const Number& task : tasks) say("task", task);
  };
  // Many at once that each hold the value of one child and then want that of another one: some order of them fits.
  all["parents"] = [](const std::string&) {
    constexpr int kParents = 8;
    std::vector<Number> sums;
    for (int i = 0; i < kParents; ++i) {
      sums.push_back(morrow::submit(
          {.cpus = 0.25},
          [](int number) {
            const morrow::Array<double> first = morrow::submit(filled, number).get();
            const morrow::Array<double> second = morrow::submit(filled, 1).get();
            return static_cast<int>(first[first.size() / 2] + second[0]);
          },
          i));
    }
    int right = 0;
    for (int i = 0; i < kParents; ++i) {
      try {
        right += sums[static_cast<std::size_t>(i)].get() == i + 1 ? 1 : 0;
      } catch (const morrow::Error& error) {
        std::cout << error.what() << "\n";
      }
    }
    std::cout << right << " of " << kParents << "\n";
  };
  // Each join needs its two values and a place for its own.
  all["joins"] = [](const std::string&) {
    std::vector<morrow::Future<morrow::Array<double>>> level;
    for (int i = 0; i < 8; ++i) level.push_back(morrow::submit(filled, i));
    while (level.size() > 1) {
      std::vector<morrow::Future<morrow::Array<double>>> next;
      for (std::size_t i = 0; i < level.size(); i += 2) next.push_back(morrow::submit(joined, level[i], level[i + 1]));
      level = std::move(next);
    }
    std::cout << level.front().get()[7] << "\n";
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  morrow::Session session;
  const auto all = jobs();
  const auto job = argc == 3 ? all.find(argv[1]) : all.end();
  if (job == all.end()) {
    std::cerr << "usage: deadlock_scenarios JOB FOLDER\n";
    return 2;
  }
  job->second(argv[2]);
  return 0;
}
