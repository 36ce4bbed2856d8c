// SPDX-License-Identifier: Apache-2.0
// A program with many small jobs, named by its first argument: what the system tests run as drivers.
#include <morrow/morrow.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

using namespace morrow::literals;

#ifdef __SANITIZE_ADDRESS__
// Freed memory that the sanitizer holds back would count as ours.
extern "C" const char* __asan_default_options();
const char* __asan_default_options() { return "quarantine_size_mb=8:thread_local_quarantine_size_kb=64"; }
#endif

#ifdef __SANITIZE_THREAD__
constexpr long kSmallKb = 800'000;  // its shadow of the memory counts as ours
#else
constexpr long kSmallKb = 200'000;
#endif

std::string from_command_line;

namespace {

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

int fib(int n) {
  if (n < 2) return n;
  auto a = morrow::submit(fib, n - 1);
  auto b = morrow::submit(fib, n - 2);
  return a.get() + b.get();
}

int chain(int n) {
  if (n == 0) return 0;
  return morrow::submit(chain, n - 1).get() + 1;
}

int crash(const std::string& how) {
  if (how == "segv") *reinterpret_cast<volatile int*>(8) = 1;
  if (how == "abort") std::abort();
  if (how == "fpe") raise(SIGFPE);
  if (how == "exit") std::exit(3);
  return 0;
}

struct Point {
  double x = 0;
  double y = 0;
  std::string label;
  std::vector<int> tags;
};

long resident_kb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::map<std::string, std::function<void(char**)>> scenarios() {
  std::map<std::string, std::function<void(char**)>> all;

  all["values"] = [](char**) {
    auto point = morrow::submit(
        [](Point p, int n) {
          p.tags.push_back(n);
          p.label += "!";
          return p;
        },
        Point{1, 2, "here", {1}}, 7);
    const Point got = point.get();
    std::cout << got.x << got.y << got.label << got.tags.back() << "\n";
    auto nothing = morrow::submit([] {});
    nothing.get();
    const int captured = 5;
    std::cout << morrow::submit([captured](auto v) { return v * captured; }, 3).get() << "\n";
    std::vector<morrow::Future<int>> many;
    for (int i = 0; i < 100; ++i) many.push_back(morrow::submit([](int k) { return k * k; }, i));
    const auto squares = morrow::get_all(many);
    std::cout << std::accumulate(squares.begin(), squares.end(), 0) << "\n";
    auto sum = morrow::submit(
        [](const std::vector<morrow::Future<int>>& parts) {
          int total = 0;
          for (const auto& part : parts) total += part.get();
          return total;
        },
        many);
    std::cout << sum.get() << "\n";
  };

  all["inside"] = [](char**) {
    // Everything works in a task as in the driver.
    auto outer = morrow::submit([] {
      std::string told;
      auto child = morrow::submit([](int v) { return v + 1; }, 41);
      told += std::to_string(child.get()) + " ";
      auto slow = morrow::submit([] {
        sleep_ms(60'000);
        return 1;
      });
      told += slow.get_for(std::chrono::milliseconds(50)) ? "early " : "late ";
      told += slow.ready() ? "ready " : "waiting ";
      std::vector<morrow::Future<int>> some{child, slow};
      const auto waited = morrow::wait(some, 1, std::chrono::seconds(20));
      told += std::to_string(waited.ready.size()) + std::to_string(waited.rest.size()) + " ";
      {
        morrow::Scope scope;
        told += std::to_string(morrow::submit([] { return 8; }).get()) + " ";
      }
      morrow::flush();
      slow.cancel();
      try {
        slow.get();
      } catch (const morrow::CancelledError&) {
        told += "cancelled";
      }
      return told;
    });
    std::cout << outer.get() << "\n";
  };

  all["fib"] = [](char** args) { std::cout << fib(std::atoi(args[0])) << "\n"; };
  all["fib_task"] = [](char** args) { std::cout << morrow::submit(fib, std::atoi(args[0])).get() << "\n"; };
  all["chain"] = [](char** args) { std::cout << morrow::submit(chain, std::atoi(args[0])).get() << "\n"; };

  all["other_shape"] = [](char** args) {
    std::vector<morrow::Future<int>> tasks;
    for (int i = 0; i < std::atoi(args[0]); ++i) {
      tasks.push_back(morrow::submit(
          [](int k) {
            return morrow::submit(
                       {.resources = {{"disk", 1}}}, [](int v) { return v; }, k)
                .get();
          },
          i));
    }
    long sum = 0;
    for (const int value : morrow::get_all(tasks)) sum += value;
    std::cout << sum << "\n";
  };

  all["stranger"] = [](char**) {
    auto parent = morrow::submit([] {
      auto child = morrow::submit([] {
        sleep_ms(300);
        return 2;
      });
      return child.get() * 2;
    });
    sleep_ms(100);
    auto stranger = morrow::submit([] {
      sleep_ms(3'600'000);
      return 0;
    });
    std::cout << parent.get() << "\n";
    stranger.cancel();
  };

  all["crash"] = [](char** args) {
    auto bad = morrow::submit({.max_retries = 1}, crash, std::string(args[0]));
    auto good = morrow::submit([] { return 5; });
    try {
      bad.get();
    } catch (const morrow::TaskCrashed& error) {
      std::cout << "signal " << error.signal() << " exit " << error.exit_status() << " attempt " << error.attempt()
                << "\n";
      std::cout << error.what() << "\n" << error.stack() << "\n";
    }
    std::cout << good.get() << "\n";
    auto parent = morrow::submit(
        [](std::string how) {
          try {
            morrow::submit({.max_retries = 0}, crash, how).get();
          } catch (const morrow::TaskCrashed&) {
            return std::string("parent lives");
          }
          return std::string("?");
        },
        std::string(args[0]));
    std::cout << parent.get() << "\n";
  };

  all["poison"] = [](char**) {
    auto bad = morrow::submit({.max_retries = 2}, crash, std::string("segv"));
    try {
      bad.get();
    } catch (const morrow::PoisonedError& error) {
      for (const morrow::PoisonedError::Attempt& one : error.attempts()) {
        const bool stack = one.stack.find("crash(std::") != std::string::npos;
        std::cout << "attempt " << one.number << " signal " << one.signal << (stack ? " with" : " without")
                  << " stack\n";
      }
      std::cout << error.what() << "\n";
    }
  };

  all["retry_timeouts"] = [](char** args) {
    auto value = morrow::submit(
        {.max_retries = 2, .timeout = std::chrono::milliseconds(500), .retry_timeouts = true},
        [](std::string path) {
          std::ofstream(path, std::ios::app) << "x";
          std::ifstream in(path);
          const std::string seen((std::istreambuf_iterator<char>(in)), {});
          if (seen.size() < 3) sleep_ms(60'000);
          return static_cast<int>(seen.size());
        },
        std::string(args[0]));
    std::cout << value.get() << "\n";
  };

  all["cancelled_dependency"] = [](char**) {
    auto slow = morrow::submit([] {
      sleep_ms(3'600'000);
      return 1;
    });
    auto after = morrow::submit([](int v) { return v; }, slow);
    slow.cancel();
    try {
      after.get();
    } catch (const morrow::DependencyError& error) {
      std::cout << error.what() << "\n";
    }
  };

  // Brief tasks, each of which says by a line in a file that it ran, and one among them that kills its process.
  all["crash_among_brief"] = [](char** args) {
    const auto brief = [](const std::string& file, int v) {
      if (v == 700) std::abort();
      std::ofstream(file, std::ios::app) << v << "\n";
      return v;
    };
    const std::string file = args[0];
    for (int i = 0; i < 20; ++i) morrow::submit(brief, file, -1).get();  // the worker learns that they are
    std::vector<morrow::Future<int>> all_of_them;
    for (int i = 0; i < 1'000; ++i) all_of_them.push_back(morrow::submit({.max_retries = 0}, brief, file, i));
    int good = 0;
    for (const auto& one : all_of_them) {
      try {
        good += one.get() >= 0 ? 1 : 0;
      } catch (const morrow::TaskCrashed&) {
      }
    }
    std::cout << good << "\n";
  };

  all["dependency"] = [](char**) {
    auto bad = morrow::submit({.name = "the root"}, []() -> int { throw std::runtime_error("root cause"); });
    auto middle = morrow::submit([](int v) { return v; }, bad);
    auto last = morrow::submit(
        [](int v) {
          std::cout << "must not run\n";
          return v;
        },
        middle);
    try {
      last.get();
    } catch (const morrow::DependencyError& error) {
      std::cout << error.what() << "\n";
    }
  };

  all["timeout"] = [](char**) {
    try {
      morrow::submit({.timeout = std::chrono::milliseconds(200)}, [] { sleep_ms(60'000); }).get();
    } catch (const morrow::TimeoutError& error) {
      std::cout << error.what() << "\n";
    }
  };

  all["retries"] = [](char** args) {
    const std::string file = args[0];
    auto value = morrow::submit(
        {.max_retries = 5, .retry_exceptions = true},
        [](std::string path) {
          std::ofstream(path, std::ios::app) << "x";
          std::ifstream in(path);
          const std::string seen((std::istreambuf_iterator<char>(in)), {});
          if (seen.size() < 3) throw std::runtime_error("again");
          return static_cast<int>(seen.size());
        },
        file);
    std::cout << value.get() << "\n";
  };

  all["output"] = [](char**) {
    morrow::submit({.name = "talker"}, [] {
      std::cout << "line one\nline two\n";
      std::cerr << "an error line\n";
      std::printf("no newline");
    }).get();
    std::cout << "driver done" << std::endl;
  };

  all["output_elsewhere"] = [](char**) {
    const auto talk = [](int line) { std::cout << "line " << line << "\n"; };
    for (int i = 0; i < 3; ++i) morrow::submit({.resources = {{"far", 1}}, .name = "talker"}, talk, i).get();
    sleep_ms(1'000);  // lines from another worker may come a moment after the value
  };

  all["unlooked"] = [](char**) {
    auto bad = morrow::submit({.name = "loser"}, []() -> int { throw std::runtime_error("nobody looks"); });
    morrow::wait(std::vector<morrow::Future<int>>{bad}, 1);
  };

  all["unschedulable"] = [](char**) {
    auto waits = morrow::submit({.cpus = 512, .name = "huge"}, [] { return 1; });
    try {
      morrow::submit({.cpus = 512, .fail_if_unschedulable = true}, [] { return 1; }).get();
    } catch (const morrow::UnschedulableError& error) {
      std::cout << error.what() << "\n";
    }
    sleep_ms(2'000);
    waits.cancel();
  };

  all["gpus"] = [](char**) {
    auto devices = morrow::submit({.gpus = 2}, [] { return std::string(std::getenv("CUDA_VISIBLE_DEVICES")); });
    std::cout << devices.get() << "\n";
  };

  all["too_large"] = [](char**) {
    try {
      struct Large {
        char bytes[300'000];
      };
      morrow::submit([large = Large{}] { return large.bytes[1]; }).get();
    } catch (const morrow::TooLargeError& error) {
      std::cout << error.what() << "\n";
    }
  };

  all["many_submits"] = [](char** args) {
    const long count = std::atol(args[0]);
    const auto begin = std::chrono::steady_clock::now();
    for (long i = 0; i < count; ++i) morrow::submit([](long v) { return v; }, i);
    morrow::flush();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    std::cout << (resident_kb() < kSmallKb ? "small" : "large") << "\n";
    std::fprintf(stderr, "%ld submits in %.1f s, %ld kB resident at most\n", count, time.count(), resident_kb());
  };

  all["wait_for_file"] = [](char** args) {
    morrow::submit([] {}).get();
    while (!std::ifstream(args[0]).good()) sleep_ms(10);
  };

  // Submits sleeping tasks, says so, and waits to be killed.
  all["hold"] = [](char** args) {
    std::vector<morrow::Future<int>> tasks;
    for (int i = 0; i < std::atoi(args[0]); ++i) {
      tasks.push_back(morrow::submit([] {
        auto child = morrow::submit([] {
          sleep_ms(3'600'000);
          return 1;
        });
        return child.get();
      }));
    }
    morrow::flush();
    std::cout << "holding" << std::endl;
    sleep_ms(3'600'000);
  };

  // Slow squares, to be disturbed from outside.
  all["squares"] = [](char** args) {
    std::vector<morrow::Future<int>> tasks;
    const int count = std::atoi(args[0]);
    const int ms = std::atoi(args[1]);
    for (int i = 0; i < count; ++i) {
      tasks.push_back(morrow::submit(
          {.max_retries = 20},
          [ms](int v) {
            sleep_ms(ms);
            return v * v;
          },
          i));
    }
    std::cout << "submitted" << std::endl;
    long sum = 0;
    for (const int value : morrow::get_all(tasks)) sum += value;
    std::cout << "sum " << sum << "\n";
  };

  // The first run of the task kills the worker it runs at, just before its end.
  all["kill_my_worker"] = [](char** args) {
    const std::string marker = args[0];
    auto value = morrow::submit(
        {.max_retries = 3},
        [](std::string path) {
          if (!std::ifstream(path).good()) {
            std::ofstream(path) << "seen";
            std::ifstream stat("/proc/" + std::to_string(getppid()) +
                               "/stat");  // the fork server; its parent is the worker
            std::string pid, name, state, parent;
            stat >> pid >> name >> state >> parent;
            kill(std::stoi(parent), SIGKILL);
          }
          return 99;
        },
        marker);
    std::cout << value.get() << "\n";
  };

  all["beside"] = [](char**) {
    std::cout << morrow::submit([] {
                   char path[4096];
                   const auto length = readlink("/proc/self/exe", path, sizeof path);
                   return std::string(path, static_cast<std::size_t>(length));
                 }).get()
              << "\n";
  };

  all["argument"] = [](char** args) {
    const std::string mine = args[0];
    for (int i = 0; i < 50; ++i) {
      const auto theirs = morrow::submit([] { return from_command_line; }).get();
      if (theirs != mine) std::cout << "mixed up: " << theirs << "\n";
      sleep_ms(5);
    }
    std::cout << "same\n";
  };

  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2)
    from_command_line = argv[2];  // before the Session line: so it is the same in every executor of this command line
  morrow::SessionOptions options;
  if (std::getenv("TEST_NO_LOG") != nullptr) options.log_to_driver = false;
  if (std::getenv("TEST_NO_FORK") != nullptr) options.fork_server = false;
  if (const char* const grace = std::getenv("TEST_GRACE_MS"))
    options.grace = std::chrono::milliseconds(std::atoi(grace));
  morrow::Session session(options);
  const auto all = scenarios();
  const auto found = argc > 1 ? all.find(argv[1]) : all.end();
  if (found == all.end()) {
    std::cerr << "usage: scenarios NAME [ARGUMENTS]\n";
    return 2;
  }
  try {
    found->second(argv + 2);
  } catch (const std::exception& error) {
    std::cout << "uncaught: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
