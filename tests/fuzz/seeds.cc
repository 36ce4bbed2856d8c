// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "tests/fuzz/fuzz.h"

// Called by libFuzzer before anything else.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3 || std::string_view((*argv)[1]) != "--seeds") return 0;
  const std::filesystem::path folder = (*argv)[2];
  std::filesystem::create_directories(folder);
  for (const auto& [name, bytes] : morrow::fuzz::seeds()) {
    std::ofstream file(folder / name, std::ios::binary);
    if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) {
      std::fprintf(stderr, "the seed %s cannot be written; look at the rights and the room of its folder\n",
                   (folder / name).c_str());
      std::_Exit(1);
    }
  }
  std::_Exit(0);
}
