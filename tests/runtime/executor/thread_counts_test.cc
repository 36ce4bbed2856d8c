// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/thread_counts.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace {

using morrow::runtime::ProcessState;
using morrow::runtime::ThreadCounts;

/// Stand-ins for the libraries of a program: OpenMP and OpenBLAS, and no MKL.
int openmp = 64;
int openblas = 64;
int sets = 0;

void* find_fake(const char* name) {
  const std::string wanted = name;
  if (wanted == "omp_get_max_threads") return reinterpret_cast<void*>(+[] { return openmp; });
  if (wanted == "openblas_get_num_threads") return reinterpret_cast<void*>(+[] { return openblas; });
  if (wanted == "omp_set_num_threads")
    return reinterpret_cast<void*>(+[](int threads) {
      openmp = threads;
      ++sets;
    });
  if (wanted == "openblas_set_num_threads")
    return reinterpret_cast<void*>(+[](int threads) {
      openblas = threads;
      ++sets;
    });
  return nullptr;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "unset" : value;
}

/// What a process of its own, whose environment has `mine`, comes to.
void in_process(const std::string& mine, const std::function<bool()>& holds) {
  EXPECT_EXIT(
      {
        for (const char* const name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) unsetenv(name);
        if (!mine.empty()) setenv(mine.c_str(), "5", 1);
        std::exit(holds() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

/// An executor's, before its first task.
struct Parts {
  Parts() {
    process.remember();
    counts.remember();
  }
  ProcessState process;
  ThreadCounts counts{find_fake};
};

TEST(ThreadCounts, AreTheCpusOfEachTask) {
  in_process("", [] {
    Parts parts;
    parts.counts.begin(1, parts.process);
    bool holds = openmp == 1 && openblas == 1 && variable("OMP_NUM_THREADS") == "1" &&
                 variable("OPENBLAS_NUM_THREADS") == "1" && variable("MKL_NUM_THREADS") == "1";
    parts.process.restore();
    parts.counts.begin(3, parts.process);
    holds = holds && openmp == 3 && openblas == 3 && variable("OMP_NUM_THREADS") == "3";
    parts.process.restore_all();
    return holds && variable("MKL_NUM_THREADS") == "3";
  });
}

TEST(ThreadCounts, TheUsersVariableStaysAndSoDoesItsLibrary) {
  in_process("OPENBLAS_NUM_THREADS", [] {
    Parts parts;
    parts.counts.begin(2, parts.process);
    return openmp == 2 && openblas == 64 && variable("OPENBLAS_NUM_THREADS") == "5" &&
           variable("MKL_NUM_THREADS") == "2";
  });
}

TEST(ThreadCounts, OpenMpsVariableOfTheUserIsForAllLibraries) {
  in_process("OMP_NUM_THREADS", [] {
    Parts parts;
    parts.counts.begin(2, parts.process);
    return openmp == 64 && openblas == 64 && variable("OMP_NUM_THREADS") == "5" &&
           variable("OPENBLAS_NUM_THREADS") == "unset";
  });
}

TEST(ThreadCounts, WhatATaskSetForItselfIsNotFoundByTheNext) {
  in_process("", [] {
    Parts parts;
    parts.counts.begin(1, parts.process);
    openmp = 8;
    setenv("OMP_NUM_THREADS", "8", 1);
    parts.process.restore();
    parts.counts.begin(1, parts.process);
    return openmp == 1 && variable("OMP_NUM_THREADS") == "1";
  });
}

TEST(ThreadCounts, ATaskOnTopOfAnotherLeavesItsNumbers) {
  in_process("", [] {
    Parts parts;
    parts.counts.begin(2, parts.process);
    openmp = 7;  // as it likes
    const ThreadCounts::Numbers below = parts.counts.numbers();
    parts.counts.set(1);
    const bool own = openmp == 1 && openblas == 1;
    parts.counts.set(below);
    return own && openmp == 7 && openblas == 2;
  });
}

TEST(ThreadCounts, ALibraryThatHasTheNumberIsNotToldAgain) {
  in_process("", [] {
    Parts parts;
    parts.counts.begin(1, parts.process);
    const int before = sets;
    for (int i = 0; i < 10; ++i) parts.counts.begin(1, parts.process);
    return sets == before;
  });
}

}  // namespace
