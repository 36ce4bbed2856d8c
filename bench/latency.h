#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

namespace morrow::bench {

/// The times of single calls, reported as two counters: p50_us and p99_us.
class Latencies {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Clock::duration time) { micros_.push_back(std::chrono::duration<double, std::micro>(time).count()); }

  void report(benchmark::State& state) {
    std::sort(micros_.begin(), micros_.end());
    state.counters["p50_us"] = at(0.50);
    state.counters["p99_us"] = at(0.99);
  }

 private:
  double at(double quantile) const {
    if (micros_.empty()) return 0;
    return micros_[static_cast<std::size_t>(quantile * static_cast<double>(micros_.size() - 1))];
  }

  std::vector<double> micros_;
};

}  // namespace morrow::bench
