// SPDX-License-Identifier: Apache-2.0
// What tasks see of the environment of their driver.
#include <morrow/morrow.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include <unistd.h>

namespace {

std::string seen() {
  std::string all;
  for (const char* const name : {"PATH", "PLAIN", "MY_SECRET_TOKEN", "AWS_REGION"}) {
    const char* const value = std::getenv(name);
    all += std::string(name) + (value == nullptr ? " unset" : std::string(" '") + value + "'") + "\n";
  }
  return all;
}

morrow::EnvironmentRule rule_of(const std::string& name) {
  if (name == "all") return morrow::EnvironmentRule::all();
  if (name == "none") return morrow::EnvironmentRule::none();
  if (name == "only") return morrow::EnvironmentRule::only({"PLAIN", "my_*"});
  if (name == "with") return morrow::EnvironmentRule().with({"AWS_REGION"}).without({"PLAIN"});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  morrow::SessionOptions options{.cpus = 1};
  options.environment = rule_of(argc > 1 ? argv[1] : "");
  const morrow::Session session(options);
  if (argc > 2) {  // no value of a variable becomes one of a future, which stands in the store
    const auto differs = [] { return std::getenv("PLAIN") != nullptr && std::getenv("MY_SECRET_TOKEN") == nullptr; };
    std::cout << (morrow::submit(differs).get() ? "ready" : "?") << std::endl;
    pause();  // until the test is done with us
  }
  std::cout << morrow::submit(seen).get();
}
