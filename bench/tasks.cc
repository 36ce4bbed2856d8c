// Short tasks on a private worker, to be compared with the floor.
#include <benchmark/benchmark.h>
#include <morrow/morrow.h>

#include <cstddef>
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

/// A window of tasks submitted at once, then all their values.
void call_window(std::size_t window) {
  const morrow::Scope scope;
  std::vector<morrow::Future<int>> futures;
  futures.reserve(window);
  for (std::size_t i = 0; i < window; ++i) futures.push_back(morrow::submit(add, static_cast<int>(i), 1));
  benchmark::DoNotOptimize(morrow::get_all(futures));
}

void tasks_async(benchmark::State& state) {
  const auto window = static_cast<std::size_t>(state.range(0));
  call_window(window);
  for (auto _ : state) call_window(window);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(tasks_async)->Arg(1'000)->Arg(10'000)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
