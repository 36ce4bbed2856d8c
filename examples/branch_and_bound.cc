// SPDX-License-Identifier: Apache-2.0
// Branch and bound with a bound that all tasks share: the knapsack problem.
//
//   branch_and_bound [ITEMS [SEED]]
//
// Of ITEMS items (default 60) with random weights and values those are chosen that fit into the knapsack and are worth
// most. A search tree has very unequal branches, and a task that knows a better solution cuts off more. Tasks share no
// memory, so the search goes in rounds: each task takes some open branches and the best solution of all tasks up to
// now, searches a bounded number of nodes, and returns its best and what it left open. These are dealt out anew, so
// that all have work. The rounds have the same results whichever worker runs which task. At the end the result is
// compared with that of dynamic programming.
#include <morrow/morrow.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::int64_t kNodes = 1'000'000;  // for each task: about 20 ms
constexpr std::size_t kTasks = 16;          // in a round

struct Item {
  int weight = 0;
  int value = 0;
};

/// The items, those first that are worth most for their weight.
struct Problem {
  std::vector<Item> items;
  int capacity = 0;
};

/// A branch: it is decided for the first items which of them are taken.
struct Branch {
  std::uint64_t taken = 0;  ///< a bit for each item
  int decided = 0;
  int weight = 0;
  int value = 0;
};

struct Searched {
  Branch best;
  std::vector<Branch> open;
  std::int64_t nodes = 0;
};

/// No solution in the branch is worth more: the rest is filled up with items, and with a part of one.
int bound(const Problem& problem, const Branch& branch) {
  int room = problem.capacity - branch.weight;
  int value = branch.value;
  for (std::size_t i = static_cast<std::size_t>(branch.decided); i < problem.items.size(); ++i) {
    const Item& item = problem.items[i];
    if (item.weight > room) return value + static_cast<int>(std::int64_t{item.value} * room / item.weight);
    room -= item.weight;
    value += item.value;
  }
  return value;
}

Searched search(const Problem& problem, std::vector<Branch> open, const Branch& best) {
  Searched searched{best, {}, 0};
  while (!open.empty() && searched.nodes < kNodes) {
    Branch branch = open.back();
    open.pop_back();
    ++searched.nodes;
    if (branch.value > searched.best.value) searched.best = branch;
    if (bound(problem, branch) <= searched.best.value) continue;
    const auto number = static_cast<std::size_t>(branch.decided++);
    open.push_back(branch);
    branch.taken |= std::uint64_t{1} << number;
    branch.weight += problem.items[number].weight;
    branch.value += problem.items[number].value;
    if (branch.weight <= problem.capacity) open.push_back(branch);
  }
  searched.open = std::move(open);
  return searched;
}

Problem make_problem(int items, int seed) {
  std::mt19937 generator(static_cast<std::uint32_t>(seed));
  const auto draw = [&generator](int least, int most) {  // a distribution of the library may differ from another's
    return least + static_cast<int>(generator() % static_cast<std::uint32_t>(most - least + 1));
  };
  Problem problem;
  for (int i = 0; i < items; ++i) {
    const int weight = draw(50'000, 150'000);
    problem.items.push_back({weight, weight + 10'000});  // nearly the same for each weight: hard
    problem.capacity += weight;
  }
  problem.capacity /= 2;
  std::sort(problem.items.begin(), problem.items.end(), [](const Item& a, const Item& b) {
    return std::int64_t{a.value} * b.weight > std::int64_t{b.value} * a.weight;
  });
  return problem;
}

int by_dynamic_programming(const Problem& problem) {
  std::vector<int> best(static_cast<std::size_t>(problem.capacity) + 1);  // by the weight
  for (const Item& item : problem.items) {
    for (std::size_t weight = best.size(); weight-- > static_cast<std::size_t>(item.weight);)
      best[weight] = std::max(best[weight], best[weight - static_cast<std::size_t>(item.weight)] + item.value);
  }
  return best.back();
}

/// \throws std::invalid_argument
int number(const std::string& text, int least, int most) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stopped == end && value >= least && value <= most) return value;
  throw std::invalid_argument("'" + text + "' is not a number from " + std::to_string(least) + " to " +
                              std::to_string(most));
}

void solve(const Problem& problem) {
  const auto sent = morrow::put(problem);
  Searched state;
  state.open.emplace_back();
  int rounds = 0;
  for (; !state.open.empty(); ++rounds) {
    std::vector<std::vector<Branch>> parts(std::min(kTasks, state.open.size()));
    for (std::size_t i = 0; i < state.open.size(); ++i) parts[i % parts.size()].push_back(state.open[i]);
    state.open.clear();
    const morrow::Scope scope;  // all of a round is freed with it
    std::vector<morrow::Future<Searched>> tasks;
    tasks.reserve(parts.size());
    for (const auto& part : parts) tasks.push_back(morrow::submit(search, sent, part, state.best));
    for (const Searched& one : morrow::get_all(tasks)) {
      state.nodes += one.nodes;
      if (one.best.value > state.best.value) state.best = one.best;
      state.open.insert(state.open.end(), one.open.begin(), one.open.end());
    }
  }

  std::cout << "items:";
  for (std::size_t i = 0; i < problem.items.size(); ++i) {
    if ((state.best.taken >> i & 1) != 0) std::cout << " " << i + 1;
  }
  std::cout << "\nvalue " << state.best.value << ", weight " << state.best.weight << " of " << problem.capacity
            << ", by " << state.nodes << " nodes in " << rounds << " rounds\n"
            << (state.best.value == by_dynamic_programming(problem) ? "the same" : "NOT THE SAME")
            << " as by dynamic programming\n";
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  try {
    const int items = argc > 1 ? number(argv[1], 1, 64) : 60;
    solve(make_problem(items, argc > 2 ? number(argv[2], 0, 1'000'000) : 1));
  } catch (const std::invalid_argument& error) {
    std::cerr << "branch_and_bound: " << error.what() << "\n";
    return 2;
  }
}
