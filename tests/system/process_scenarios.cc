// SPDX-License-Identifier: Apache-2.0
// What the tests of processes run as drivers: the first argument names the job. What main does before its Session line
// is a part of some of them.
#include <morrow/morrow.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include <unistd.h>

namespace {

int number_in(const std::string& path) {
  int number = 0;
  std::ifstream(path) >> number;
  return number;
}

int read_before = 0;  // by main, before the Session line

using Job = std::function<void(char**)>;

/// Done in every process, before the Session line.
std::map<std::string, Job> preludes() {
  std::map<std::string, Job> all;
  all["configuration"] = [](char** args) { read_before = number_in(args[0]); };
  all["forgetful"] = [](char** args) {
    const std::string what = args[0];
    if (what.find("environment") != std::string::npos) clearenv();
    if (what.find("descriptors") != std::string::npos) closefrom(3);
    if (what.find("streams") != std::string::npos) close(0);
    if (what.find("session") != std::string::npos) setsid();
  };
  return all;
}

std::map<std::string, Job> jobs() {
  std::map<std::string, Job> all;

  all["configuration"] = [](char**) { std::cout << morrow::submit([] { return read_before; }).get() << "\n"; };

  all["first_number"] = [](char** args) {
    const auto first_of = [](int number) {
      static const int first = number;
      return first;
    };
    std::cout << morrow::submit(first_of, number_in(args[0])).get() << "\n";
  };

  all["forgetful"] = all["one"] = [](char**) { std::cout << morrow::submit([] { return 1; }).get() << "\n"; };

  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  const auto before = preludes();
  if (const auto found = before.find(job); found != before.end()) found->second(argv + 2);
  const morrow::Session session;
  const auto all = jobs();
  const auto found = all.find(job);
  if (found == all.end()) return 2;
  found->second(argv + 2);
}
