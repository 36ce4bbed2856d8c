// SPDX-License-Identifier: Apache-2.0
// From nothing to the first value: a session with its private worker, or with a worker of the cluster that is named,
// and one task. Prints milliseconds since main began.
#include <morrow/morrow.h>

#include <chrono>
#include <cstdio>

int main(int argc, char** argv) {
  const auto start = std::chrono::steady_clock::now();
  const morrow::Session session(argc > 1 ? argv[1] : "");
  const int value = morrow::submit([](int a, int b) { return a + b; }, 1, 2).get();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::printf("%.1f\n", took.count());
  return value == 3 ? 0 : 1;
}
