// SPDX-License-Identifier: Apache-2.0
// A program with a plugin that submits tasks: both are linked with the shared library of Morrow and have one session.
//
//   plugin [LIBRARY]
//
// LIBRARY (default plugin_primes.so, made of plugin/primes.cc) counts something by tasks of its own; the program adds
// up the counts by a task of its own, out of the futures that the plugin gave. For primes it prints: 78498 primes below
// 1000000.
//
// Two things matter. The plugin is loaded before the Session line, because the processes of tasks begin there and need
// its code. And it is loaded by its name alone, which is found beside the program here (by the RPATH that
// CMakeLists.txt says), and on workers elsewhere among the libraries that they were sent.
#include <dlfcn.h>

#include <cstdint>
#include <iostream>
#include <numeric>
#include <vector>

#include "plugin/counter.h"

namespace {

std::int64_t sum(const std::vector<morrow::Future<std::int64_t>>& parts) {
  const std::vector<std::int64_t> counts = morrow::get_all(parts);
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

}  // namespace

int main(int argc, char** argv) {
  void* const library = dlopen(argc > 1 ? argv[1] : "plugin_primes.so", RTLD_NOW | RTLD_LOCAL);
  void* const function = library == nullptr ? nullptr : dlsym(library, "morrow_example_counter");
  if (function == nullptr) {
    std::cerr << "plugin: no plugin can be loaded: " << dlerror() << "\n";
    return 2;
  }
  const Counter& counter = *reinterpret_cast<decltype(&morrow_example_counter)>(function)();

  const morrow::Session session;
  constexpr std::int64_t kEnd = 1'000'000;
  constexpr std::int64_t kPart = 100'000;
  std::vector<morrow::Future<std::int64_t>> parts;
  for (std::int64_t begin = 0; begin < kEnd; begin += kPart) parts.push_back(counter.count(begin, begin + kPart));
  std::cout << morrow::submit(sum, parts).get() << " " << counter.name() << " below " << kEnd << "\n";
}
