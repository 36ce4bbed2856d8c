// SPDX-License-Identifier: Apache-2.0
#include <morrow/morrow.h>
#include <iostream>

using namespace morrow::literals;  // 4_GiB, 30s

double train(double rate, int steps) {
  double loss = 1;
  while (steps-- > 0) loss *= 1 - rate;
  return loss;
}

int main() {
  morrow::Session session("demo_cluster");  // first line of main, see Images

  auto x = morrow::submit([](int a, int b) { return a + b; }, 1, 2);
  std::cout << x.get() << "\n";  // 3

  // Futures can be captured, or passed. A parameter of type Future<T> gets the
  // handle; a parameter of type T makes it a dependency, resolved before the run.
  auto y = morrow::submit([x](morrow::Future<int> z) { return x.get() + z.get(); }, x);
  auto w = morrow::submit([](int v) { return v * 10; }, y);
  std::cout << y.get() << " " << w.get() << "\n";  // 6 60

  auto loss = morrow::submit({.cpus = 0.5, .memory = 1_GiB, .max_retries = 5, .timeout = 30s}, train, 0.1, 10);
  std::cout << loss.get() << "\n";  // 0.348678

  try {
    morrow::submit([]() -> int { throw std::out_of_range("row 7"); }).get();
  } catch (const morrow::RemoteError& error) {  // type, message, stack of the throw, worker, attempt
    std::cout << error.what() << "\n" << error.stack() << "\n";
  }
}
