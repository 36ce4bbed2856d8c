// SPDX-License-Identifier: Apache-2.0
// Monte Carlo that gives the same result in each run: pi, by points in a square.
//
// A generator that is seeded before the Session line, or kept from one task to the next, draws numbers that depend on
// which process ran which task. So each task makes its own, seeded by its arguments: the seed of the run, and its
// number. A run that need not be repeated seeds by morrow::task_seed() instead.
#include <morrow/morrow.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <vector>

namespace {

constexpr int kPoints = 1'000'000;

/// How many of kPoints lie in the circle.
std::int64_t hits(std::uint64_t seed, std::uint64_t number) {
  std::seed_seq parts{seed, number};
  std::mt19937_64 generator(parts);
  std::uniform_real_distribution<double> side(-1, 1);
  std::int64_t count = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double x = side(generator);
    const double y = side(generator);
    count += x * x + y * y < 1 ? 1 : 0;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const std::uint64_t tasks = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20;
  std::vector<morrow::Future<std::int64_t>> all;
  for (std::uint64_t number = 0; number < tasks; ++number) all.push_back(morrow::submit(hits, seed, number));
  std::int64_t sum = 0;
  for (const auto& one : all) sum += one.get();
  std::cout << 4.0 * static_cast<double>(sum) / (static_cast<double>(tasks) * kPoints) << "\n";
}
