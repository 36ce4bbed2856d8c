// SPDX-License-Identifier: Apache-2.0
// What a death costs, as a driver sees it; survival.py does the killing. By the first argument:
//
//   rerun FILE          one task, which writes the time (monotonic, nanoseconds) into FILE when it begins, and ends
//   when it
//                       is not the first to do so
//   throughput SECONDS  naps, 300 in flight; prints how many ended in each second
#include <morrow/morrow.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kRetries = 1000;
constexpr std::size_t kInFlight = 300;
constexpr std::chrono::milliseconds kNap{10};

std::size_t lines_in(const std::string& path) {
  std::ifstream file(path);
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

int begin(const std::string& path) {
  std::ofstream(path, std::ios::app) << std::chrono::nanoseconds(Clock::now().time_since_epoch()).count() << std::endl;
  while (lines_in(path) < 2) std::this_thread::sleep_for(kNap);
  return 0;
}

void rerun(const std::string& path) { morrow::submit({.max_retries = kRetries}, begin, path).get(); }

void throughput(int seconds) {
  const auto nap = [] { std::this_thread::sleep_for(kNap); };
  nap();
  std::deque<morrow::Future<void>> running;
  const auto start = [&] { running.push_back(morrow::submit({.max_retries = kRetries}, nap)); };
  start();
  running.front().get();
  running.clear();
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  std::size_t count = 0;
  while (running.size() < kInFlight) start();
  for (; Clock::now() < end; ++count) {
    running.front().get();
    running.front().release();
    running.pop_front();
    start();
  }
  std::printf("%f\n", static_cast<double>(count) / seconds);
}

}  // namespace

int main(int count, char** arguments) {
  const morrow::Session session;
  if (count != 3) return 2;
  const std::string what = arguments[1];
  what == "rerun" ? rerun(arguments[2]) : throughput(std::atoi(arguments[2]));
  return 0;
}
