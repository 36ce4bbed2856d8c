// SPDX-License-Identifier: Apache-2.0
// The floor: what the same hops and store transactions cost with no Morrow. Nothing that keeps its promises is faster.
#include <benchmark/benchmark.h>

#include <cstddef>

#include "floor_chain.h"
#include "latency.h"

namespace {

using morrow::bench::FloorChain;
using morrow::bench::Latencies;

void floor_sync(benchmark::State& state) {
  FloorChain chain(1);
  chain.call(1);
  Latencies latencies;
  for (auto _ : state) {
    const auto start = Latencies::Clock::now();
    chain.call(1);
    latencies.add(Latencies::Clock::now() - start);
  }
  latencies.report(state);
}
BENCHMARK(floor_sync)->UseRealTime();

void floor_async(benchmark::State& state) {
  const auto window = static_cast<std::size_t>(state.range(0));
  FloorChain chain(window);
  chain.call(window);
  for (auto _ : state) chain.call(window);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(floor_async)->Arg(100)->Arg(1'000)->Arg(10'000)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
