// SPDX-License-Identifier: Apache-2.0
//
// Libraries for numbers start as many threads as the machine has processors. Where each processor runs a task, that is
// the square of them.
//
// They read a variable of the environment when they are loaded, which was in the first process of the program, before
// there was a task. So each is told by its own function too, when a task begins. It is asked first, which takes a few
// nanoseconds: a task may have set another number, for itself, and the next one is not to find that. A library that a
// task loads finds the variable.
//
// What the user's environment says stays. The others read OpenMP's variable where their own is not set: when the user
// set that one, all numbers are the user's.
//
// Between two tasks the threads of a library are idle. It would start them again anyway, so they end with the task:
// else its process would (process_state.cc), for threads that nobody left on purpose.
#include "runtime/executor/thread_counts.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/single_threaded.h>

#include <cstdlib>

namespace morrow::runtime {

namespace {

/// What a library is told its number by.
struct Names {
  const char* variable;
  const char* get;
  const char* set;
};

constexpr const char* kForAll = "OMP_NUM_THREADS";
constexpr std::array<Names, ThreadCounts::kLibraries> kNames{
    {{kForAll, "omp_get_max_threads", "omp_set_num_threads"},
     {"OPENBLAS_NUM_THREADS", "openblas_get_num_threads", "openblas_set_num_threads"},
     {"MKL_NUM_THREADS", "MKL_Get_Max_Threads", "MKL_Set_Num_Threads"}}};
constexpr std::array kVariablesOnly{"BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
constexpr int kPauseHard = 2;  // omp_pause_hard

void* find_in_program(const char* name) { return dlsym(RTLD_DEFAULT, name); }

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// How often the dynamic linker has loaded something.
unsigned long long count_loaded() {
  unsigned long long loaded = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* count) {
        *static_cast<unsigned long long*>(count) = info->dlpi_adds;
        return 1;
      },
      &loaded);
  return loaded;
}

}  // namespace

ThreadCounts::ThreadCounts(Find find) : find_(find == nullptr ? find_in_program : find) {}

void ThreadCounts::remember() {
  if (is_set(kForAll)) return;
  for (std::size_t library = 0; library < kLibraries; ++library) {
    ours_[library] = !is_set(kNames[library].variable);
    if (ours_[library]) variables_.emplace_back(kNames[library].variable);
  }
  for (const char* const variable : kVariablesOnly) {
    if (!is_set(variable)) variables_.emplace_back(variable);
  }
}

void ThreadCounts::find_libraries() {
  const unsigned long long loaded = count_loaded();
  if (loaded == loaded_) return;
  loaded_ = loaded;
  for (std::size_t library = 0; library < kLibraries; ++library) {
    if (!ours_[library]) continue;
    const auto get = reinterpret_cast<int (*)()>(find_(kNames[library].get));
    const auto set = reinterpret_cast<void (*)(int)>(find_(kNames[library].set));
    libraries_[library] = get != nullptr && set != nullptr ? Library{get, set} : Library{};
  }
}

void ThreadCounts::begin(int threads, ProcessState& process) {
  if (threads != in_environment_ && !variables_.empty()) {
    in_environment_ = threads;
    std::vector<std::string> lines;
    lines.reserve(variables_.size());
    for (const std::string& variable : variables_) lines.push_back(variable + "=" + std::to_string(threads));
    process.set_variables(lines);
  }
  set(threads);
}

void ThreadCounts::set(int threads) {
  find_libraries();
  for (const Library& library : libraries_) {
    if (library.set != nullptr && library.get() != threads) library.set(threads);
  }
}

ThreadCounts::Numbers ThreadCounts::numbers() {
  Numbers numbers{};
  for (std::size_t library = 0; library < kLibraries; ++library) {
    if (libraries_[library].get != nullptr) numbers[library] = libraries_[library].get();
  }
  return numbers;
}

void ThreadCounts::set(const Numbers& numbers) {
  for (std::size_t library = 0; library < kLibraries; ++library) {
    if (numbers[library] != 0 && libraries_[library].set != nullptr) libraries_[library].set(numbers[library]);
  }
}

void ThreadCounts::end_idle() {
  if (__libc_single_threaded != 0) return;
  if (const auto pause = reinterpret_cast<int (*)(int)>(find_("omp_pause_resource_all"))) pause(kPauseHard);
  if (const auto shut_down = reinterpret_cast<int (*)()>(find_("blas_thread_shutdown_"))) shut_down();
}

}  // namespace morrow::runtime
