// SPDX-License-Identifier: Apache-2.0
// A program that does not always start: as an executor it does before its Session line what its arguments say.
//     fragile killed|stopped FILE TASKS   whoever removes the file is killed, or stopped
//     fragile unloadable NAME TASKS       below a worker of that name it ends as if a library were missing
// As a driver it submits tasks that may not be tried again, and counts.
#include <morrow/morrow.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

bool is_below(const std::string& worker) {
  std::ifstream file("/proc/" + std::to_string(getppid()) + "/cmdline", std::ios::binary);
  const std::string words{std::istreambuf_iterator<char>(file), {}};
  return words.find(std::string(1, '\0') + worker + '\0') != std::string::npos;
}

void be_fragile(const std::string& how, const std::string& what) {
  if (how == "killed" && unlink(what.c_str()) == 0) raise(SIGKILL);
  if (how == "stopped" && unlink(what.c_str()) == 0) raise(SIGSTOP);
  if (how != "unloadable" || !is_below(what)) return;
  std::fprintf(stderr, "fragile: error while loading shared libraries: libfoo.so.1: cannot open shared object file\n");
  _exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  if (std::getenv("MORROW_EXECUTOR") != nullptr) be_fragile(argv[1], argv[2]);
  morrow::Session session;
  std::vector<morrow::Future<int>> all;
  for (int i = 0; i < std::atoi(argv[3]); ++i) {
    all.push_back(morrow::submit({.max_retries = 0}, [i] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return i;
    }));
  }
  int good = 0;
  int bad = 0;
  std::string first;
  for (const auto& one : all) {
    try {
      one.get();
      ++good;
    } catch (const morrow::Error& error) {
      if (bad++ == 0) first = error.what();
    }
  }
  std::cout << "good " << good << " bad " << bad << "\n" << first << "\n";
}
