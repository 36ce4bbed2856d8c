// SPDX-License-Identifier: Apache-2.0
// Staged troubles, named by the first argument. Each says "staged ID" when the trouble has begun, and stays until it is
// killed.
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
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kForever = 3'600'000;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

int sleep_for_ever() {
  sleep_ms(kForever);
  return 0;
}

int compute_for_ever() {
  volatile int x = 0;
  for (;;) x = x + 1;
}

int lock_twice() {
  std::mutex mutex;
  mutex.lock();
  mutex.lock();  // NOLINT
  return 0;
}

int crash() {
  std::raise(SIGSEGV);
  return 0;
}

void write_bytes(int fd, const std::string& bytes) {
  if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
}

/// The first attempt leaves a note in the cluster's folder.
int crash_once() {
  const std::string note = std::string(std::getenv("MORROW_HOME")) + "/crashed";
  if (access(note.c_str(), F_OK) == 0) {
    write_bytes(STDOUT_FILENO, "the second attempt\n");
    return sleep_for_ever();
  }
  std::ofstream(note) << "\n";
  write_bytes(STDOUT_FILENO, "the first attempt\n");
  return crash();
}

constexpr std::size_t kMostOfTheRoom = 48 << 20;  // of 64 MiB

morrow::Array<char> large_value() {
  auto made = morrow::Array<char>::make(kMostOfTheRoom);
  made[0] = 1;
  return made;
}

/// Holds most of the room for ever.
int hold_room() {
  const auto held = large_value();
  return sleep_for_ever() + held[0];
}

/// The second time it does not come to an end.
morrow::Array<char> make_once(const std::string& marker) {
  if (std::filesystem::exists(marker)) sleep_for_ever();
  std::ofstream(marker) << "made";
  return morrow::Array<char>::make(1 << 20);
}

/// The chain of `length` that ends in a root that sleeps.
int awaits(int length) {
  if (length == 0) return sleep_for_ever();
  return morrow::submit({.name = "link " + std::to_string(length - 1)}, awaits, length - 1).get();
}

std::map<std::string, std::function<void()>> troubles() {
  std::map<std::string, std::function<void()>> all;
  all["no_worker_fits"] = [] { morrow::submit({.cpus = 64, .name = "huge"}, [] { return 1; }).get(); };
  all["no_such_resource"] = [] {
    morrow::submit({.resources = {{"license", 1}}, .name = "licensed"}, [] { return 1; }).get();
  };
  all["sleeps"] = [] {
    const auto sleeper = morrow::submit({.name = "sleeper"}, sleep_for_ever);
    morrow::flush();
    std::cout << "committed" << std::endl;
    sleeper.get();
  };
  all["computes"] = [] { morrow::submit({.name = "busy"}, compute_for_ever).get(); };
  all["locked"] = [] { morrow::submit({.name = "locked"}, lock_twice).get(); };
  all["dependency"] = [] {
    auto root = morrow::submit({.name = "root"}, sleep_for_ever);
    auto middle = morrow::submit(
        {.name = "middle"}, [](int v) { return v; }, root);
    morrow::submit(
        {.name = "top"}, [](int v) { return v; }, middle)
        .get();
  };
  all["awaits"] = [] { morrow::submit({.name = "link 3"}, awaits, 3).get(); };
  all["elsewhere"] = [] {
    auto here = morrow::submit({.resources = {{"here", 1}}, .name = "here"}, [] {
      return morrow::submit({.resources = {{"there", 1}}, .name = "there"}, sleep_for_ever).get();
    });
    here.get();
  };
  all["queued"] = [] {
    auto first = morrow::submit({.name = "first"}, sleep_for_ever);
    auto second = morrow::submit({.name = "second"}, sleep_for_ever);
    second.get();
  };
  all["retries"] = [] { morrow::submit({.max_retries = 30, .name = "crasher"}, crash).get(); };
  all["fails"] = [] {
    auto bad = morrow::submit({.name = "bad"}, []() -> int { throw std::runtime_error("row 7 is not a number"); });
    while (!bad.ready()) sleep_ms(20);
    sleep_for_ever();
  };
  all["crowd"] = [] {
    std::vector<morrow::Future<int>> all;
    all.push_back(morrow::submit({.name = "first"}, sleep_for_ever));
    for (int i = 0; i < 3; ++i) all.push_back(morrow::submit({.name = "render"}, sleep_for_ever));
    for (int i = 0; i < 2; ++i) all.push_back(morrow::submit({.name = "load"}, sleep_for_ever));
    morrow::submit({.name = "last"}, sleep_for_ever).get();
  };
  all["room"] = [] {
    const auto holds = morrow::submit({.name = "holder"}, hold_room);
    sleep_ms(300);
    morrow::submit({.name = "wants"}, hold_room).get();
  };
  all["own_room"] = [] {
    const auto holds = morrow::submit({.name = "holder"}, hold_room);
    sleep_ms(300);
    large_value();
  };
  all["flush"] = [] {
    const auto sleeper = morrow::submit({.name = "sleeper"}, sleep_for_ever);
    morrow::flush();
    std::cout << "committed" << std::endl;
    while (!std::filesystem::exists("go")) sleep_ms(20);
    const auto next = morrow::submit({.name = "next"}, sleep_for_ever);
    morrow::flush();
  };
  all["throttled"] = [] {
    const auto sleeper = morrow::submit({.name = "sleeper"}, sleep_for_ever);
    morrow::flush();
    std::cout << "committed" << std::endl;
    while (!std::filesystem::exists("go")) sleep_ms(20);
    std::vector<morrow::Future<int>> all;
    for (;;) all.push_back(morrow::submit({.name = "many"}, sleep_for_ever));
  };
  all["rebuilt"] = [] {
    const std::string marker = std::filesystem::current_path() / "made";
    auto value = morrow::submit({.resources = {{"there", 1}}, .name = "maker"}, make_once, marker);
    while (!value.ready()) sleep_ms(20);
    std::cout << "committed" << std::endl;
    while (!std::filesystem::exists("go")) sleep_ms(20);
    morrow::submit(
        {.resources = {{"here", 1}}, .name = "user"}, [](const morrow::Array<char>& v) { return v.size(); }, value)
        .get();
  };
  all["times_out"] = [] {
    auto slow = morrow::submit({.timeout = std::chrono::milliseconds(100), .name = "slow"}, sleep_for_ever);
    while (!slow.ready()) sleep_ms(20);
    sleep_for_ever();
  };
  all["gone"] = [] {
    try {
      morrow::submit({.name = "short-lived"}, []() -> int { throw std::runtime_error("row 7 is not a number"); }).get();
    } catch (const std::exception&) {
    }
  };
  all["writes"] = [] {
    auto writer = morrow::submit({.name = "writer"}, [] {
      write_bytes(STDOUT_FILENO, std::string("one\n\0\xff\x1b[31m\r\n\nno end", 21));
      write_bytes(STDERR_FILENO, "careful\n");
    });
    writer.get();
    std::cout << "written" << std::endl;
    sleep_for_ever();
  };
  all["writes_long"] = [] {
    auto writer = morrow::submit({.name = "writer"}, [] {
      for (int i = 0; i < 20; ++i) {
        write_bytes(STDOUT_FILENO, "line " + std::to_string(i) + "\n");
        sleep_ms(100);
      }
    });
    writer.get();
    std::cout << "written" << std::endl;
    sleep_for_ever();
  };
  all["crashes_once"] = [] { morrow::submit({.max_retries = 3, .name = "second try"}, crash_once).get(); };
  all["short_jobs"] = [] {
    auto first = morrow::submit({.name = "short"}, [] { sleep_ms(1'500); });
    auto second = morrow::submit({.name = "short"}, [] { sleep_ms(1'500); });
    first.get();
    std::cout << "first is done" << std::endl;
    second.get();
    std::cout << "second is done" << std::endl;
  };
  all["cancelled"] = [] {
    try {
      morrow::submit({.name = "to be cancelled"}, sleep_for_ever).get();
    } catch (const morrow::CancelledError&) {
      std::cout << "it was cancelled" << std::endl;
    }
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  morrow::Session session({.patience = std::chrono::milliseconds(500)});
  const auto all = troubles();
  const auto trouble = argc > 1 ? all.find(argv[1]) : all.end();
  if (trouble == all.end()) return 2;
  std::cout << "staged" << std::endl;
  trouble->second();
}
