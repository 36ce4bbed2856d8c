// SPDX-License-Identifier: Apache-2.0
// queue COUNT: submits COUNT short tasks to the cluster in MORROW_CLUSTER, whose workers have no cpu yet, and says
// "queued" when all are committed. At a line on standard input (a worker with cpus runs by then) it waits for all
// values and says how many seconds the submits and the values took. run.py looks at the store in between.
#include <morrow/morrow.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

int add(int a, int b) { return a + b; }

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const morrow::Session session;
  auto start = std::chrono::steady_clock::now();
  std::vector<morrow::Future<int>> futures;
  futures.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) futures.push_back(morrow::submit(add, i, 1));
  morrow::flush();
  std::printf("queued %.3f\n", since(start));
  std::fflush(stdout);
  if (std::getchar() == EOF) return 1;
  start = std::chrono::steady_clock::now();
  const std::vector<int> values = morrow::get_all(futures);
  std::printf("done %.3f\n", since(start));
  for (int i = 0; i < count; ++i) {
    if (values[static_cast<std::size_t>(i)] != i + 1) return 1;
  }
  return 0;
}
