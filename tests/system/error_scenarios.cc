// SPDX-License-Identifier: Apache-2.0
// What a program is told of what went wrong: the first argument names the job.
#include <morrow/morrow.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Has `ask` fail, and prints the place and the name that the failure gives.
void place(const char* what, const std::function<void()>& ask) {
  try {
    ask();
    std::cout << what << ": no failure\n";
  } catch (const morrow::RemoteError& error) {
    std::cout << what << ": " << (error.where().starts_with("error_scenarios.cc:") ? "known" : error.where()) << " "
              << error.task() << "\n";
  } catch (const morrow::Error& error) {
    const bool known = std::string(error.what()).find("error_scenarios.cc:") != std::string::npos;
    std::cout << what << ": " << (known ? "told" : error.what()) << "\n";
  }
}

[[gnu::noinline]] int overflow(int depth) {
  volatile char frame[4096];
  frame[depth % 4096] = 1;
  if (depth < 0) return 0;
  const int deeper = overflow(depth + 1);
  return deeper + frame[depth % 4096];
}

void places() {
  place("exception", [] { morrow::submit({.name = "a"}, [] { throw std::runtime_error("x"); }).get(); });
  place("crash", [] { morrow::submit({.max_retries = 0, .name = "b"}, [] { std::raise(SIGSEGV); }).get(); });
  place("crash twice", [] { morrow::submit({.max_retries = 1, .name = "c"}, [] { std::abort(); }).get(); });
  place("exit", [] { morrow::submit({.max_retries = 0, .name = "d"}, [] { std::exit(3); }).get(); });
  place("stack", [] { morrow::submit({.max_retries = 0, .name = "e"}, [] { return overflow(0); }).get(); });
  place("timeout",
        [] { morrow::submit({.timeout = 100ms, .name = "f"}, [] { std::this_thread::sleep_for(9s); }).get(); });
  place("dependency", [] {
    const auto bad = morrow::submit({.max_retries = 0, .name = "g"}, [] {
      std::exit(3);
      return 1;
    });
    morrow::submit(
        {.name = "h"}, [](int v) { return v; }, bad)
        .get();
  });
  place("cancelled dependency", [] {
    const auto slow = morrow::submit({.name = "i"}, [] {
      std::this_thread::sleep_for(9s);
      return 1;
    });
    const auto next = morrow::submit(
        {.name = "j"}, [](int v) { return v; }, slow);
    slow.cancel();
    next.get();
  });
  place("unschedulable",
        [] { morrow::submit({.cpus = 1000, .name = "k", .fail_if_unschedulable = true}, [] {}).get(); });
}

class OwnError : public std::out_of_range {
 public:
  explicit OwnError(int row) : std::out_of_range("row " + std::to_string(row)) {}
};

template <class E>
void caught(const char* what, const std::function<void()>& ask, const std::function<void(const E&)>& look = {}) {
  try {
    ask();
    std::cout << what << ": no failure\n";
  } catch (const morrow::RemoteError& error) {
    std::cout << what << ": " << error.type() << " '" << error.message() << "' ";
    try {
      std::rethrow_if_nested(error);
      std::cout << "nothing nested";
    } catch (const E& original) {
      std::cout << "caught '" << original.what() << "'";
      if (look) look(original);
    } catch (const std::exception& other) {
      std::cout << "another: " << other.what();
    }
    std::cout << "\n";
  }
}

void classes() {
  caught<std::out_of_range>("own", [] { morrow::submit([] { throw OwnError(7); }).get(); });
  caught<std::out_of_range>("passed",
                            [] { morrow::submit([] { morrow::submit([] { throw OwnError(7); }).get(); }).get(); });
  caught<std::out_of_range>("passed twice", [] {
    morrow::submit([] { morrow::submit([] { morrow::submit([] { throw OwnError(7); }).get(); }).get(); }).get();
  });
  caught<morrow::TaskCrashed>(
      "passed crash",
      [] { morrow::submit([] { morrow::submit({.max_retries = 0}, [] { std::raise(SIGSEGV); }).get(); }).get(); },
      [](const morrow::TaskCrashed& crash) { std::cout << " of signal " << crash.signal(); });
  caught<std::out_of_range>("passed to a dependent", [] {
    const auto bad = morrow::submit([] { return morrow::submit([]() -> int { throw OwnError(7); }).get(); });
    morrow::submit([](int v) { return v; }, bad).get();
  });
  caught<std::logic_error>("wrapped", [] {
    morrow::submit([] {
      try {
        morrow::submit([] { throw OwnError(7); }).get();
      } catch (const morrow::RemoteError&) {
        std::throw_with_nested(std::logic_error("outer"));
      }
    }).get();
  });
  caught<std::system_error>(
      "code", [] { morrow::submit([] { throw std::system_error(ENOENT, std::generic_category(), "opening"); }).get(); },
      [](const std::system_error& error) { std::cout << (error.code() == std::errc::no_such_file_or_directory); });
  caught<std::filesystem::filesystem_error>(
      "file", [] { morrow::submit([] { std::filesystem::file_size("/no/such/file"); }).get(); },
      [](const std::filesystem::filesystem_error& error) { std::cout << " " << error.path1(); });
  caught<std::ios_base::failure>("stream", [] {
    morrow::submit([] {
      std::ifstream in;
      in.exceptions(std::ios::failbit);
      in.open("/no/such/file");
    }).get();
  });
}

template <class F>
std::string ask(const F& get) {
  try {
    return std::to_string(get());
  } catch (const morrow::ReleasedError&) {
    return "ReleasedError";
  }
}

void released() {
  const auto slow = [] {
    return morrow::submit([] {
      std::this_thread::sleep_for(300ms);
      return 5;
    });
  };
  const auto ended = morrow::submit([] { return 1; });
  ended.get();
  ended.release();
  std::cout << "ended: " << ask([&] { return ended.get(); }) << "\n";
  const auto running = slow();
  running.release();
  std::cout << "running: " << ask([&] { return running.get(); }) << "\n";
  const auto needed = slow();
  const auto next = morrow::submit([](int v) { return v; }, needed);
  needed.release();
  needed.release();
  std::cout << "get: " << ask([&] { return needed.get(); }) << "\n";
  std::cout << "get_for: " << ask([&] { return needed.get_for(0s).value_or(0); }) << "\n";
  std::cout << "size: " << ask([&] { return needed.size(); }) << "\n";
  std::cout << "get_all: " << ask([&] { return morrow::get_all({needed}).front(); }) << "\n";
  std::cout << "ready: " << needed.ready() << "\n";
  const auto waited = morrow::wait(std::vector<morrow::Future<int>>{needed, next}, 1);
  std::cout << "wait: " << waited.ready.size() << " of 2\n";
  std::cout << "dependent: " << ask([&] { return next.get(); }) << "\n";
  const auto table = morrow::put(std::vector<double>(100'000));
  table.get();
  table.release();
  std::cout << "put: " << ask([&] { return table.get().size(); }) << "\n";
  std::cout << "in a task: " << morrow::submit([] {
                                  const auto inner = morrow::submit([] {
                                    std::this_thread::sleep_for(300ms);
                                    return 5;
                                  });
                                  const auto user = morrow::submit([](int v) { return v; }, inner);
                                  inner.release();
                                  const std::string text = ask([&] { return inner.get(); });
                                  return text + " " + ask([&] { return user.get(); });
                                }).get()
            << "\n";
}

morrow::Future<int> failing(int i) {
  return morrow::submit([](int number) -> int { throw std::runtime_error("number " + std::to_string(number)); }, i);
}

void looked_at_all() {
  std::vector<morrow::Future<int>> all;
  for (int i = 0; i < 2500; ++i) all.push_back(failing(i));
  int failed = 0;
  for (const auto& one : all) {
    try {
      one.get();
    } catch (const morrow::RemoteError&) {
      ++failed;
    }
  }
  std::cout << failed << "\n";
}

void looked_at_together() {
  std::vector<morrow::Future<int>> all;
  for (int i = 0; i < 50; ++i) all.push_back(failing(i));
  try {
    morrow::get_all(all);
  } catch (const morrow::RemoteError& error) {
    std::cout << error.message() << "\n";
  }
}

void looked_at_the_cause() {
  const auto bad = failing(1);
  const auto next = morrow::submit([](int v) { return v; }, bad);
  try {
    bad.get();
  } catch (const morrow::RemoteError&) {
  }
  const auto slow = morrow::submit([] {
    std::this_thread::sleep_for(9s);
    return 1;
  });
  const auto after = morrow::submit([](int v) { return v; }, slow);
  slow.cancel();
  morrow::wait(std::vector<morrow::Future<int>>{next, after}, 2);
}

void looked_at_none() {
  const std::vector<morrow::Future<int>> all{failing(1), failing(2), failing(3)};
  morrow::wait(all, all.size());
}

void write_file(const std::string& file) {
  std::this_thread::sleep_for(200ms);
  std::ofstream(file) << "there\n";
}

int files(const std::string& folder) {
  int count = 0;
  for (const auto& one : std::filesystem::directory_iterator(folder)) count += one.path().filename().string()[0] == 'f';
  return count;
}

void submit_files(const std::string& folder, int count) {
  for (int i = 0; i < count; ++i)
    morrow::submit({.name = "writer"}, write_file, folder + "/f" + std::to_string(i)).unattended();
}

std::string folder;

void forgotten() { submit_files(folder, 20); }

void waited_for() {
  submit_files(folder, 20);
  std::cout << morrow::wait_all() << " " << files(folder) << "\n";
  std::cout << morrow::wait_all() << "\n";
  const auto ended = morrow::submit([] { return 7; });
  ended.get();
  std::cout << morrow::wait_all(0s) << "\n";
}

void waited_for_in_a_scope() {
  const auto outside = morrow::submit([] { std::this_thread::sleep_for(60s); });
  {
    const morrow::Scope scope;
    submit_files(folder, 10);
    {
      const morrow::Scope inner;
      submit_files(folder + "/", 12);
      std::cout << scope.wait() << " " << files(folder) << "\n";
    }
    std::cout << scope.wait(0s) << "\n";
    std::thread([&scope] {
      try {
        scope.wait();
      } catch (const std::logic_error& error) {
        std::cout << error.what() << "\n";
      }
    }).join();
  }
  std::cout << morrow::wait_all(10ms) << "\n";
  outside.cancel();
}

void waited_for_in_a_task() {
  morrow::submit(
      [](const std::string& where) {
        submit_files(where, 5);
        morrow::wait_all();
      },
      folder)
      .get();
  std::cout << files(folder) << "\n";
}

void bad_start() {
  try {
    std::cout << morrow::submit([] { return 1; }).get() << "\n";
  } catch (const morrow::ProgramError& error) {
    std::cout << error.what() << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  folder = argc > 2 ? argv[2] : "";
  if (job == "bad_start") morrow::on_executor_start([] { throw std::runtime_error("there is no licence"); });
  if (job == "bad_start_with_number") morrow::on_executor_start([] { throw 42; });
  const morrow::Session session(morrow::SessionOptions{.log_to_driver = false});
  const std::map<std::string, void (*)()> jobs = {
      {"places", places},
      {"classes", classes},
      {"released", released},
      {"looked_at_all", looked_at_all},
      {"looked_at_together", looked_at_together},
      {"looked_at_the_cause", looked_at_the_cause},
      {"looked_at_none", looked_at_none},
      {"forgotten", forgotten},
      {"waited_for", waited_for},
      {"waited_for_in_a_scope", waited_for_in_a_scope},
      {"waited_for_in_a_task", waited_for_in_a_task},
      {"bad_start", bad_start},
      {"bad_start_with_number", bad_start},
  };
  const auto found = jobs.find(job);
  if (found == jobs.end()) return 2;
  found->second();
  return 0;
}
