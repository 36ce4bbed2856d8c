// SPDX-License-Identifier: Apache-2.0
// What the tests of processes run as drivers: the first argument names the job. What main does before its Session line
// is a part of some of them.
#include <morrow/morrow.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

int number_in(const std::string& path) {
  int number = 0;
  std::ifstream(path) >> number;
  return number;
}

int read_before = 0;  // by main, before the Session line
rlim_t limit_of_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::unique_ptr<std::mt19937> generator;
std::ofstream table;

/// What a task can see of its process, for comparison.
std::string state_of_process() {
  std::ostringstream text;
  const mode_t mask = umask(0);
  umask(mask);
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  struct sigaction action {};
  sigaction(SIGUSR1, nullptr, &action);
  const char* const variable = std::getenv("MORROW_TEST_LEFT");
  const char* const home = std::getenv("HOME");
  text << " folder " << std::filesystem::current_path() << " umask " << mask << " blocked "
       << sigismember(&blocked, SIGUSR2) << " handler " << (action.sa_handler == SIG_DFL) << " variable "
       << (variable == nullptr ? "none" : variable) << " home " << (home == nullptr ? "none" : home) << " flags "
       << std::cout.flags() << " " << std::cout.precision() << " good " << std::cout.good() << std::cerr.good()
       << " locale " << std::setlocale(LC_ALL, nullptr) << std::locale().name() << " rounding " << std::fegetround()
       << " output " << (fcntl(STDOUT_FILENO, F_GETFD) >= 0) << " files " << limit_of_files();
  return text.str();
}

void change_process() {
  std::cout << std::hex << std::setprecision(3);
  std::cout.setstate(std::ios::failbit);
  std::cerr.setstate(std::ios::badbit);
  [[maybe_unused]] const int moved = chdir("/");
  umask(077);
  setenv("MORROW_TEST_LEFT", "1", 1);
  unsetenv("HOME");
  sigset_t more;
  sigemptyset(&more);
  sigaddset(&more, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &more, nullptr);
  signal(SIGUSR1, SIG_IGN);
  std::setlocale(LC_ALL, "C.UTF-8");
  std::locale::global(std::locale("C.UTF-8"));
  std::fesetround(FE_UPWARD);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur /= 2;
  setrlimit(RLIMIT_NOFILE, &limit);
  close(STDOUT_FILENO);
}

pid_t leave_behind(const std::string& what) {
  if (what == "thread") std::thread([] { pause(); }).detach();
  if (what == "alarm") alarm(1'000);
  if (what == "timer") {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer{};
    timer_create(CLOCK_MONOTONIC, &event, &timer);
  }
  if (what == "child" && fork() == 0) {
    setsid();
    for (;;) pause();
  }
  return getpid();
}

using Job = std::function<void(char**)>;

/// Done in every process, before the Session line.
std::map<std::string, Job> preludes() {
  std::map<std::string, Job> all;
  all["configuration"] = [](char** args) { read_before = number_in(args[0]); };
  all["folder"] = [](char**) {
    std::filesystem::create_directories("data");
    std::filesystem::current_path("data");
  };
  all["random"] = [](char**) { generator = std::make_unique<std::mt19937>(std::random_device{}()); };
  all["table"] = [](char** args) {
    const std::string path = args[0];
    const std::string how = args[1];
    if (how == "creat") close(creat(path.c_str(), 0600));
    if (how == "openat") close(openat(AT_FDCWD, path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
    if (how == "freopen") std::fclose(std::freopen(path.c_str(), "w", std::fopen("/dev/null", "r")));
    if (how == "remove") std::remove(path.c_str());
    if (how == "unlink") unlink(path.c_str());
    if (how == "filesystem") std::filesystem::remove(path);
    if (how == "rename" && std::filesystem::exists(path)) std::filesystem::rename(path, path + ".old");
    if (how == "exclusive") {
      std::filesystem::remove(path);
      close(open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600));
    }
    if (how == "folder") {
      const auto folder = std::filesystem::path(path).parent_path();
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
    }
    const bool cuts = how == "open" || how == "folder" || how == "rename";
    table.open(path, cuts ? std::ios::out : std::ios::app);
    if (how == "resize") std::filesystem::resize_file(path, 0);
  };
  all["forgetful"] = [](char** args) {
    const std::string what = args[0];
    if (what.find("environment") != std::string::npos) clearenv();
    if (what.find("descriptors") != std::string::npos) closefrom(3);
    if (what.find("streams") != std::string::npos) close(0);
    if (what.find("session") != std::string::npos) setsid();
  };
  return all;
}

std::map<std::string, Job> jobs() {
  std::map<std::string, Job> all;

  all["configuration"] = [](char**) { std::cout << morrow::submit([] { return read_before; }).get() << "\n"; };

  all["first_number"] = [](char** args) {
    const auto first_of = [](int number) {
      static const int first = number;
      return first;
    };
    std::cout << morrow::submit(first_of, number_in(args[0])).get() << "\n";
  };

  all["forgetful"] = all["one"] = [](char**) { std::cout << morrow::submit([] { return 1; }).get() << "\n"; };

  all["folder"] = [](char**) {
    const auto folder = [] { return std::filesystem::current_path().string(); };
    std::cout << (morrow::submit(folder).get() == folder() ? "the same" : "another") << "\n";
  };

  all["random"] = [](char**) {
    const auto draw = [] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return static_cast<unsigned>((*generator)());
    };
    std::vector<morrow::Future<unsigned>> draws;
    for (int i = 0; i < 8; ++i) draws.push_back(morrow::submit({.cpus = 0.1}, draw));
    std::set<unsigned> seen;
    for (const auto& one : draws) seen.insert(one.get());
    std::cout << seen.size() << " different\n";
  };

  all["table"] = [](char** args) {
    for (int i = 0; i < 3; ++i) table << "line " << i << std::endl;
    table << morrow::submit([] { return std::string("from a task"); }).get() << std::endl;
    std::cout << std::ifstream(args[0]).rdbuf();
  };

  all["changes"] = [](char**) {
    const std::string before = morrow::submit(state_of_process).get();
    morrow::submit(change_process).get();
    const std::string after = morrow::submit(state_of_process).get();
    std::cout << (after == before ? "as before\n" : "before:" + before + "\nafter:" + after + "\n");
  };

  all["leaves"] = [](char** args) {
    const pid_t first = morrow::submit({.name = "untidy"}, leave_behind, std::string(args[0])).get();
    const pid_t second = morrow::submit([] { return getpid(); }).get();
    std::cout << (first == second ? "the same process\n" : "another process\n");
  };

  all["closes_all"] = [](char**) {
    auto slow = morrow::submit([] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); });
    morrow::flush();
    closefrom(3);
    try {
      slow.get();
      morrow::submit([] {}).get();
    } catch (const morrow::SessionError& error) {
      std::cout << error.what() << std::endl;
    }
  };

  all["forks"] = [](char** args) {
    if (fork() == 0) {
      alarm(60);  // longer than the test looks
      for (;;) pause();
    }
    std::cout << morrow::submit([] { return getppid(); }).get() << std::endl;
    if (args[0] == std::string("and is killed")) raise(SIGKILL);
  };

  all["fresh"] = [](char**) {
    const auto count = [] {
      static int runs = 0;
      return ++runs;
    };
    int most = 0;
    morrow::submit(count).get();
    for (int i = 0; i < 5; ++i) most = std::max(most, morrow::submit({.fresh_process = true}, count).get());
    std::vector<morrow::Future<int>> many;
    for (int i = 0; i < 20; ++i) many.push_back(morrow::submit({.fresh_process = true}, count));
    for (const auto& one : many) most = std::max(most, one.get());
    std::cout << "run " << most << ", then " << morrow::submit(count).get() << "\n";
  };

  all["seeds"] = [](char** args) {
    const auto seed = [] { return morrow::task_seed(); };
    std::set<std::uint64_t> seen{morrow::task_seed()};
    for (int i = 0; i < 10; ++i) seen.insert(morrow::submit(seed).get());
    std::cout << seen.size() << " different\n";
    const auto twice = [](const std::string& file) {
      const bool first = !std::ifstream(file);
      if (first) {
        std::ofstream(file) << morrow::task_seed();
        std::_Exit(1);
      }
      std::uint64_t before = 0;
      std::ifstream(file) >> before;
      return before == morrow::task_seed();
    };
    std::cout << (morrow::submit(twice, std::string(args[0])).get() ? "the same\n" : "another\n");
  };

  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  const auto before = preludes();
  if (const auto found = before.find(job); found != before.end()) found->second(argv + 2);
  const morrow::Session session;
  const auto all = jobs();
  const auto found = all.find(job);
  if (found == all.end()) return 2;
  found->second(argv + 2);
}
