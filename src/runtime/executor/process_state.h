// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <cfenv>
#include <cstddef>
#include <ios>
#include <locale>
#include <string>
#include <vector>

#include "wire/socket.h"

namespace morrow::runtime {

/// What a task may change of its process, and what of that is set back after it, so that the next one finds a process
/// as the first did. Used by the main thread only.
class ProcessState {
 public:
  /// Takes note of how the process is now. Once, before the first task.
  void remember();

  /// Sets variables of the environment, as "NAME=value", for this task and all after it.
  void set_variables(const std::vector<std::string>& lines);

  /// Sets back what is quickly looked at: folder, umask, environment, signal mask, streams, locale, rounding.
  void restore();
  /// The rest too, which takes some microseconds: signal handlers, standard output and error, limits, processors.
  /// Returns what can't be set back, for people, such as "2 threads"; empty when there is nothing.
  std::string restore_all();

 private:
  /// What a stream keeps besides its buffer.
  struct Stream {
    explicit Stream(std::ios& stream);
    void restore() const;

    std::ios& stream;
    std::streambuf* buffer;
    std::ostream* tie;
    std::ios::fmtflags flags;
    std::streamsize precision;
    std::streamsize width;
    char fill;
    std::ios::iostate state;
    std::ios::iostate exceptions;
    std::locale locale;
  };

  void use_lines();
  void restore_environment();
  void restore_signals() const;
  void restore_output() const;
  bool restore_limits() const;

  wire::Fd folder_;
  std::string path_;  // of that folder
  mode_t umask_ = 0;
  sigset_t mask_{};
  std::vector<std::string> lines_;  // of the environment
  std::vector<char*> environment_;  // they, and a null
  std::vector<char*> live_;         // the same, for the program to change
  std::vector<Stream> streams_;
  std::string c_locale_;
  std::array<const char*, 3> c_locale_marks_{};
  std::locale locale_;
  std::fenv_t rounding_{};
  int round_ = 0;
  std::array<struct sigaction, 32> actions_{};
  std::array<wire::Fd, 2> output_;  // standard output and error
  std::array<rlimit, 4> limits_{};
  cpu_set_t processors_{};
  int priority_ = 0;
  std::size_t threads_ = 1;
};

}  // namespace morrow::runtime
