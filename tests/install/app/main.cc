// SPDX-License-Identifier: Apache-2.0
#include <morrow/morrow.h>

#include <cstdio>

int main() {
  morrow::Session session;
  const auto answer = morrow::submit([](int a, int b) { return a * b; }, 6, 7);
  std::printf("%d\n", answer.get());
  try {
    morrow::submit([]() -> int { throw std::runtime_error("on purpose"); }).get();
  } catch (const morrow::RemoteError& error) {
    std::printf("%s\n", error.stack().c_str());
  }
}
