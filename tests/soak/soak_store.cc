// SPDX-License-Identifier: Apache-2.0
// soak_store URL: the keys in a store, a line for each: its family, and the key in hexadecimal.
#include <cstdio>
#include <exception>
#include <string>

#include "base/hex.h"
#include "store/open/open_store.h"
#include "store/store.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  try {
    const auto store = morrow::store::open_store(arguments[1]);
    const morrow::store::Range all{std::string(1, '\0'), std::string(1, '\xff')};
    for (const auto& [key, unused] : store->begin_read()->scan(all, morrow::store::Read::kSnapshot))
      std::printf("%c %s\n", key[0], morrow::base::hex_of(key).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
