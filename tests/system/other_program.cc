// SPDX-License-Identifier: Apache-2.0
// Another program that shares a cluster: its first lambda must never be taken for that of the first one.
#include <morrow/morrow.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

int main() {
  morrow::Session session;
  for (int i = 0; i < 50; ++i) {
    const auto said = morrow::submit([](int v) { return "other " + std::to_string(v); }, i).get();
    if (said != "other " + std::to_string(i)) std::cout << "mixed up: " << said << "\n";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::cout << "same\n";
}
