// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

#include <stdexcept>

// The program has another function of the same name.
int work(int number) { return number + 1; }

namespace {

class Arithmetic : public Plugin {
 public:
  int run() override {
    return morrow::submit([](int a, int b) { return a * b; }, 6, 7).get();
  }
  int add_one(morrow::Future<int> number) override {
    return morrow::submit([](int value) { return value + 1; }, number).get();
  }
  void fail() override {
    morrow::submit([]() -> int { throw std::runtime_error("on purpose"); }).get();
  }
  int own_work() override { return morrow::submit(work, 1).get(); }
};

}  // namespace

extern "C" Plugin* make_plugin() {
  static Arithmetic plugin;
  return &plugin;
}
