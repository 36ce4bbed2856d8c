// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "control/coverage_mark.h"
#include "control/faults.h"
#include "tests/simulation/cluster.h"
#include "tests/simulation/fault_names.h"

// morrow_sim: runs the cluster in a simulator, seed by seed.
namespace {

using namespace morrow;

int usage(int status) {
  std::printf(
      "usage: morrow_sim [--seeds N] [--seed S] [--fault NAME] [--verbose]\n\n"
      "  --seeds N     so many seeds (1000; 1 with --seed)\n"
      "  --seed S      the first one\n"
      "  --fault NAME  leaves out a rule, to see that it is found missing; stops at the first seed that finds it\n"
      "  --verbose     tells what happens\n\nfaults:");
  for (const auto& [fault, name] : simulation::fault_names()) std::printf(" %s", name);
  std::printf("\n");
  return status;
}

void print_marks() {
  std::string never;
  std::size_t all = 0;
  std::size_t hit = 0;
  for (const control::CoverageMark* mark = control::first_mark; mark != nullptr; mark = mark->next) {
    ++all;
    hit += mark->hits != 0;
    if (mark->hits == 0) never += std::string("  never: ") + mark->name + "\n";
  }
  std::printf("coverage marks: %zu of %zu were hit\n%s", hit, all, never.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t first = 1;
  std::uint64_t seeds = 0;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (word == "--verbose") {
      verbose = true;
      continue;
    }
    if (word == "--help") return usage(0);
    if (value == nullptr) return usage(2);
    ++i;
    if (word == "--seeds") {
      seeds = std::strtoull(value, nullptr, 10);
    } else if (word == "--seed") {
      first = std::strtoull(value, nullptr, 10);
      if (seeds == 0) seeds = 1;
    } else if (word == "--fault") {
      control::planted_fault = simulation::fault_by_name(value);
      if (control::planted_fault == control::Fault::kNone) return usage(2);
    } else {
      return usage(2);
    }
  }
  if (seeds == 0) seeds = 1000;

  const auto begin = std::chrono::steady_clock::now();
  simulation::Time virtual_time = 0;
  std::uint64_t commits = 0;
  std::uint64_t tasks = 0;
  std::uint64_t trace = 0;
  std::uint64_t failed = 0;
  std::uint64_t done = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    if (verbose) std::printf("%s\n", simulation::draw_config(seed).text().c_str());
    const simulation::Result result = simulation::run_seed(seed, {verbose});
    ++done;
    virtual_time += result.virtual_time;
    commits += result.commits;
    tasks += result.tasks;
    trace = simulation::mix(trace, result.trace);
    if (result.violations.empty()) continue;
    ++failed;
    std::printf("%s\n", simulation::draw_config(seed).text().c_str());
    std::size_t shown = 0;
    for (const std::string& sentence : result.violations) {
      if (++shown <= 10) std::printf("  %s\n", sentence.c_str());
    }
    std::printf("  replay it: ./dev sim --seed %llu --verbose\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    if (control::planted_fault != control::Fault::kNone || failed == 10) break;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double busy = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const double ahead = static_cast<double>(virtual_time) / 1e9;
  std::printf(
      "%llu seeds, %llu failed; %.1f seeds/s; %.0f s of virtual time in %.1f s (%.1f s of a cpu): "
      "%.0f times real time (%.0f by the cpu); "
      "%llu commits, %llu plans; trace %016llx\n",
      static_cast<unsigned long long>(done), static_cast<unsigned long long>(failed),
      static_cast<double>(done) / seconds, ahead, seconds, busy, ahead / seconds, ahead / busy,
      static_cast<unsigned long long>(commits), static_cast<unsigned long long>(tasks),
      static_cast<unsigned long long>(trace));
  if (seeds > 1) print_marks();
  return failed == 0 ? 0 : 1;
}
