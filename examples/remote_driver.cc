// SPDX-License-Identifier: Apache-2.0
// A driver for a cluster on another machine.
//
//   MORROW_CLUSTER='morrow://TOKEN@HOST:PORT/CLUSTER?ca=…' remote_driver
//   remote_driver LINE
//
// On the other machine: morrow worker demo_cluster --address 0.0.0.0 --port 50001, and then: morrow token demo_cluster.
// The line that the second prints is all that is needed here. Nothing is installed there but Morrow: the program itself
// goes to the workers, by TLS. The line is a secret: in the environment no other user of this machine sees it, but the
// arguments of a program are shown by ps.
//
// It sends a million numbers, has them summed, and prints the sum and the machine that computed it.
#include <morrow/morrow.h>

#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

namespace {

struct Sum {
  std::int64_t value = 0;
  std::string machine;
};

Sum sum(const std::vector<std::int64_t>& numbers) {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return {std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}), name.data()};
}

constexpr const char* kWhatToDo =
    "remote_driver: no cluster is given. On the machine that is to compute:\n"
    "  morrow worker demo_cluster --address 0.0.0.0 --port 50001\n"
    "  morrow token demo_cluster\n"
    "and here, with the line that the second one prints:\n"
    "  MORROW_CLUSTER='morrow://...' remote_driver\n";

}  // namespace

int main(int argc, char** argv) {
  // In the processes of tasks it is the same but for the token, so they come to the Session line as this one does.
  const char* const variable = std::getenv("MORROW_CLUSTER");
  const std::string line = argc > 1 ? argv[1] : variable == nullptr ? "" : variable;
  if (line.empty()) {
    std::cerr << kWhatToDo;
    return 2;
  }
  try {
    const morrow::Session session(line);
    std::vector<std::int64_t> numbers(1'000'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    const Sum answer = morrow::submit(sum, numbers).get();
    std::cout << answer.value << ", computed on " << answer.machine << "\n";
  } catch (const morrow::SessionError& error) {  // a wrong line, or nobody there
    std::cerr << "remote_driver: " << error.what() << "\n";
    return 2;
  }
}
