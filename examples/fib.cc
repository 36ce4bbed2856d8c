// SPDX-License-Identifier: Apache-2.0
// fib [N] [--cluster NAME]: the N-th Fibonacci number (default 20), one future for each call of the recursion.
//
// Each task submits two more and waits for both. A task that waits leaves its place to another, so this ends even on a
// worker with a single processor: fib(20) is 21,891 futures.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <string>

#include <morrow/morrow.h>

namespace {

constexpr int kMaxN = 90;  // what 64 bits hold

/// A plain struct travels as it is.
struct Answer {
  std::int64_t value = 0;
  std::int64_t futures = 1;  // that it took, this one included
};

Answer fib(int n) {
  if (n < 2) return {n, 1};
  const auto a = morrow::submit(fib, n - 1);
  const auto b = morrow::submit(fib, n - 2);
  const Answer left = a.get();
  const Answer right = b.get();
  return {left.value + right.value, left.futures + right.futures + 1};
}

int usage() {
  std::cerr << "usage: fib [N] [--cluster NAME], with N from 0 to " << kMaxN << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  int n = 20;
  const char* variable = std::getenv("MORROW_CLUSTER");
  std::string cluster = variable == nullptr ? "" : variable;  // none: a private worker, for this run only
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--cluster" && i + 1 < argc) {
      cluster = argv[++i];
      continue;
    }
    const char* end = argument.data() + argument.size();
    const auto [stopped, error] = std::from_chars(argument.data(), end, n);
    if (error != std::errc() || stopped != end || n < 0 || n > kMaxN) return usage();
  }

  const morrow::Session session(cluster);

  const auto start = std::chrono::steady_clock::now();
  const Answer answer = morrow::submit(fib, n).get();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::cout << std::fixed << std::setprecision(3) << "fib(" << n << ") = " << answer.value << ", by " << answer.futures
            << " futures in " << elapsed.count() << " s\n";
}
