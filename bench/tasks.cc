// SPDX-License-Identifier: Apache-2.0
// Short tasks on one worker, to be compared with the floor. With MORROW_CLUSTER set it uses that cluster, else a
// private worker.
#include <benchmark/benchmark.h>
#include <morrow/morrow.h>

#include <cstddef>
#include <numeric>
#include <vector>

#include "latency.h"

namespace {

using morrow::bench::Latencies;

int add(int a, int b) { return a + b; }

/// One after another: submit, get, submit, get.
void tasks_sync(benchmark::State& state) {
  benchmark::DoNotOptimize(morrow::submit(add, 1, 2).get());
  Latencies latencies;
  for (auto _ : state) {
    const auto start = Latencies::Clock::now();
    benchmark::DoNotOptimize(morrow::submit(add, 1, 2).get());
    latencies.add(Latencies::Clock::now() - start);
  }
  latencies.report(state);
}
BENCHMARK(tasks_sync)->UseRealTime();

std::vector<morrow::Future<int>> submit_many(std::size_t count) {
  std::vector<morrow::Future<int>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) futures.push_back(morrow::submit(add, static_cast<int>(i), 1));
  return futures;
}

/// A window of tasks submitted at once, then all their values.
void call_window(std::size_t window) {
  const morrow::Scope scope;
  benchmark::DoNotOptimize(morrow::get_all(submit_many(window)));
}

void tasks_async(benchmark::State& state) {
  const auto window = static_cast<std::size_t>(state.range(0));
  call_window(window);
  for (auto _ : state) call_window(window);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(tasks_async)->Arg(100)->Arg(1'000)->Arg(10'000)->UseRealTime();

/// Tasks that submit tasks and wait for them.
int fib(int n) {
  if (n < 2) return n;
  const auto a = morrow::submit(fib, n - 1);
  const auto b = morrow::submit(fib, n - 2);
  return a.get() + b.get();
}

void tasks_nested(benchmark::State& state) {
  constexpr int kN = 16;
  constexpr std::int64_t kFutures = 3'193;  // calls of fib(16)
  benchmark::DoNotOptimize(morrow::submit(fib, kN).get());
  for (auto _ : state) benchmark::DoNotOptimize(morrow::submit(fib, kN).get());
  state.SetItemsProcessed(state.iterations() * kFutures);
}
BENCHMARK(tasks_nested)->UseRealTime()->Unit(benchmark::kMillisecond);

/// One task that is given 10,000 futures and takes their values.
void tasks_arguments(benchmark::State& state) {
  const morrow::Scope scope;
  const auto futures = submit_many(10'000);
  benchmark::DoNotOptimize(morrow::get_all(futures));
  const auto sum = [](const std::vector<morrow::Future<int>>& all) {
    const auto values = morrow::get_all(all);
    return std::accumulate(values.begin(), values.end(), std::int64_t{0});
  };
  for (auto _ : state) {
    if (morrow::submit(sum, futures).get() != 50'005'000) state.SkipWithError("a wrong sum");
  }
}
BENCHMARK(tasks_arguments)->UseRealTime()->Unit(benchmark::kMillisecond);

/// One task that returns 3,000 futures; then their values.
void tasks_returned(benchmark::State& state) {
  for (auto _ : state) {
    const morrow::Scope scope;
    const auto futures = morrow::submit(submit_many, std::size_t{3'000}).get();
    benchmark::DoNotOptimize(morrow::get_all(futures));
  }
}
BENCHMARK(tasks_returned)->UseRealTime()->Unit(benchmark::kMillisecond);

/// 10,000 values that are there, in one get_all.
void tasks_get_all(benchmark::State& state) {
  const morrow::Scope scope;
  const auto futures = submit_many(10'000);
  benchmark::DoNotOptimize(morrow::get_all(futures));
  for (auto _ : state) benchmark::DoNotOptimize(morrow::get_all(futures));
}
BENCHMARK(tasks_get_all)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
