// SPDX-License-Identifier: Apache-2.0
// A plugin for the example plugin.cc: it counts primes, by tasks whose code lies in this library.
#include "counter.h"

namespace {

std::int64_t count_primes(std::int64_t begin, std::int64_t end) {
  std::int64_t count = 0;
  for (std::int64_t n = begin; n < end; ++n) {
    bool prime = n > 1;
    for (std::int64_t d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    count += prime ? 1 : 0;
  }
  return count;
}

class Primes : public Counter {
 public:
  const char* name() const override { return "primes"; }
  morrow::Future<std::int64_t> count(std::int64_t begin, std::int64_t end) const override {
    return morrow::submit(count_primes, begin, end);
  }
};

}  // namespace

extern "C" const Counter* morrow_example_counter() {
  static const Primes primes;
  return &primes;
}
