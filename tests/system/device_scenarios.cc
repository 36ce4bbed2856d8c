// SPDX-License-Identifier: Apache-2.0
// What tasks see of the GPUs and processors that they were given.
#include <morrow/morrow.h>
#include <omp.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "unset" : "'" + std::string(value) + "'";
}

std::string devices() { return variable("CUDA_VISIBLE_DEVICES"); }

/// Waits in each of `count` tasks until all of them have begun; all see the same folder and have a number of their own.
int meet(const std::string& folder, int number, int count) {
  std::ofstream(folder + "/" + std::to_string(number)).close();
  for (;;) {
    int begun = 0;
    for (int other = 0; other < count; ++other)
      begun += std::filesystem::exists(folder + "/" + std::to_string(other)) ? 1 : 0;
    if (begun == count) return begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void two_devices(const std::string& folder) {
  std::vector<morrow::Future<std::string>> tasks;
  for (int i = 0; i < 2; ++i) {
    tasks.push_back(morrow::submit(
        {.cpus = 0.1, .gpus = 1},
        [](const std::string& where, int number) {
          meet(where, number, 2);
          return devices();
        },
        folder, i));
  }
  std::set<std::string> seen;
  for (const auto& task : tasks) seen.insert(task.get());
  for (const std::string& one : seen) std::cout << one << " ";
  std::cout << "\n";
}

void shares(const std::string& folder, int count) {
  std::vector<morrow::Future<int>> tasks;
  for (int i = 0; i < count; ++i)
    tasks.push_back(morrow::submit({.cpus = 1.0 / count, .gpus = 1.0 / count}, meet, folder, i, count));
  for (const auto& task : tasks) task.get();
  std::cout << count << " at once\n";
}

/// Tasks that ask for no device: after one that had, inside of one that has, and around one that has.
void no_device() {
  std::cout << "with " << morrow::submit({.gpus = 1}, devices).get() << ", after it " << morrow::submit(devices).get();
  std::cout << ", inside of it " << morrow::submit({.gpus = 1}, [] { return morrow::submit(devices).get(); }).get();
  std::cout << ", around it " << morrow::submit([] {
                                   const std::string inner = morrow::submit({.gpus = 1}, devices).get();
                                   return inner + " " + devices();
                                 }).get()
            << "\n";
}

/// How many threads a parallel region has, and what others read.
std::string threads() {
  int count = 0;
#pragma omp parallel
#pragma omp single
  count = omp_get_num_threads();
  return std::to_string(count) + " of " + variable("OMP_NUM_THREADS") + " " + variable("OPENBLAS_NUM_THREADS");
}

void thread_counts() {
  for (const double cpus : {1.0, 0.5, 3.0, 2.0, 1.0})
    std::cout << cpus << ": " << morrow::submit({.cpus = cpus}, threads).get() << "\n";
  const auto own = [] {
    omp_set_num_threads(4);
    return threads();
  };
  std::cout << "its own: " << morrow::submit({.cpus = 2}, own).get() << "\n";
  std::cout << "the next: " << morrow::submit({.cpus = 2}, threads).get() << "\n";
  std::cout << "nested: "
            << morrow::submit({.cpus = 3},
                              [] {
                                const std::string inner = morrow::submit({.cpus = 2}, threads).get();
                                return inner + ", then " + threads();
                              })
                   .get()
            << "\n";
}

/// A process whose task used several threads is used again.
void process_stays() {
  const auto in = [] {
    threads();
    return getpid();
  };
  const pid_t first = morrow::submit({.cpus = 3}, in).get();
  bool same = true;
  for (int i = 0; i < 5; ++i) same = same && morrow::submit({.cpus = 3}, in).get() == first;
  std::cout << (same ? "the same process\n" : "another process\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  const std::string folder = argc > 2 ? argv[2] : "";
  morrow::SessionOptions options{.cpus = 4};
  if (job == "three of two") options.gpus = 3;
  if (job == "two of them") options.gpus = 2;
  try {
    const morrow::Session session(options);
    if (job == "shares") shares(folder, 6);
    if (job == "no device") no_device();
    if (job == "threads") thread_counts();
    if (job == "process") process_stays();
    if (job == "two devices" || job == "two of them" || job == "three of two") two_devices(folder);
    if (job == "devices") std::cout << morrow::submit({.gpus = 2}, devices).get() << "\n";
  } catch (const morrow::SessionError& error) {
    std::cout << error.what() << "\n";
  }
}
