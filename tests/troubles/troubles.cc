// SPDX-License-Identifier: Apache-2.0
// Staged troubles, named by the first argument. Each says "staged ID" when the trouble has begun, and stays until it is
// killed.
#include <morrow/morrow.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

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
