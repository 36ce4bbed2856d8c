// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

namespace morrow::bench {

/// The times of single calls, reported as counters: p50_us, p99_us and p999_us.
class Latencies {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Clock::duration time) { micros_.push_back(std::chrono::duration<double, std::micro>(time).count()); }

  void report(benchmark::State& state) {
    std::sort(micros_.begin(), micros_.end());
    state.counters["p50_us"] = at(0.50);
    state.counters["p99_us"] = at(0.99);
    state.counters["p999_us"] = at(0.999);
  }

 private:
  double at(double quantile) const {
    if (micros_.empty()) return 0;
    return micros_[static_cast<std::size_t>(quantile * static_cast<double>(micros_.size() - 1))];
  }

  std::vector<double> micros_;
};

}  // namespace morrow::bench
