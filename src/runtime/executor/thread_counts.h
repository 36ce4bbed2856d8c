// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "runtime/executor/process_state.h"

namespace morrow::runtime {

/// How many threads the libraries that start their own (OpenMP, OpenBLAS, MKL) use in a task: as many as it has cpus,
/// where the user's environment does not say another number. Used by the main thread only.
class ThreadCounts {
 public:
  /// Finds a function of this program and its libraries; null: there is none.
  using Find = void* (*)(const char* name);
  static constexpr std::size_t kLibraries = 3;
  /// What each library is set to; 0: it is not here, or the user's.
  using Numbers = std::array<int, kLibraries>;

  /// Null: by the dynamic linker.
  explicit ThreadCounts(Find find = nullptr);

  /// Looks which numbers are the user's. Once, before the first task.
  void remember();

  /// For a task that begins alone in its process: the environment, and the libraries.
  void begin(int threads, ProcessState& process);
  /// The libraries only, for a task on top of another one: the environment is that one's.
  void set(int threads);
  /// To set them again.
  Numbers numbers();
  void set(const Numbers& numbers);

  /// Ends the threads that the libraries keep for their next use; they start others then.
  void end_idle();

 private:
  /// A library by its functions; null: it is not here.
  struct Library {
    int (*get)() = nullptr;
    void (*set)(int) = nullptr;
  };

  void find_libraries();

  const Find find_;
  std::array<bool, kLibraries> ours_{};
  std::array<Library, kLibraries> libraries_;
  std::vector<std::string> variables_;  // that we set
  unsigned long long loaded_ = 0;       // by the dynamic linker, when we last looked
  int in_environment_ = 0;
};

}  // namespace morrow::runtime
