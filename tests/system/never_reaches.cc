// SPDX-License-Identifier: Apache-2.0
// Opens its session as a driver; as an executor it leaves before that line.
#include <morrow/morrow.h>

#include <cstdlib>
#include <iostream>

int main() {
  if (std::getenv("MORROW_EXECUTOR") != nullptr) {
    std::cerr << "I left early\n";
    return 3;
  }
  morrow::Session session;
  try {
    morrow::submit([] { return 1; }).get();
  } catch (const morrow::Error& error) {
    std::cout << error.what() << "\n";
  }
}
