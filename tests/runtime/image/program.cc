// SPDX-License-Identifier: Apache-2.0
// A small program that says what it knows of its own code. Built in several ways.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <morrow/detail/stack_frame.h>

#include "runtime/failures/throw_stack.h"
#include "runtime/image/code_ref.h"
#include "runtime/image/manifest.h"

#ifndef PROGRAM_ANSWER
#define PROGRAM_ANSWER 42
#endif

namespace {

using namespace morrow::runtime;

[[gnu::noinline]] int answer() {
  asm volatile("");
  return PROGRAM_ANSWER;
}

[[gnu::noinline]] int thrower(const std::vector<int>& values) {
  const int value = values.at(7);
  asm volatile("");
  return value;
}

[[gnu::noinline]] int middle(const std::vector<int>& values) {
  const int value = thrower(values);
  asm volatile("");
  return value + 1;
}

// One module after another, each part quoted.
void write_manifest(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  for (const ManifestModule& module : make_manifest().modules) {
    file << std::quoted(module.name) << ' ' << std::quoted(module.build_id) << ' ' << module.system << '\n';
  }
}

Manifest read_manifest(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Manifest manifest;
  ManifestModule module;
  while (file >> std::quoted(module.name) >> std::quoted(module.build_id) >> module.system) {
    manifest.modules.push_back(module);
  }
  return manifest;
}

int run(const std::vector<std::string>& arguments) {
  const std::string& command = arguments.at(0);
  if (command == "manifest") {
    write_manifest(arguments.at(1));
  } else if (command == "check") {
    std::cout << mismatch(read_manifest(arguments.at(1))).value_or("same");
  } else if (command == "reference") {
    make_manifest();
    const CodeRef ref = code_ref(reinterpret_cast<const void*>(&answer));
    std::cout << ref.module << ' ' << ref.offset;
  } else if (command == "call") {
    const CodeRef ref{static_cast<std::uint32_t>(std::stoul(arguments.at(1))), std::stoull(arguments.at(2))};
    const void* const code = code_address(ref);
    std::cout << reinterpret_cast<int (*)()>(reinterpret_cast<std::uintptr_t>(code))();
  } else if (command == "data") {
    static int number = 7;
    code_ref(&number);
  } else if (command == "throw") {
    CapturedException captured;
    const auto body = [](void*) { std::printf("%d", middle(std::vector<int>(3))); };
    run_capturing(body, nullptr, captured);
    std::cout << captured.type << '\n' << morrow::detail::symbolize(captured.frames);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::cout << "error: " << error.what();
    return 1;
  }
}
