// SPDX-License-Identifier: Apache-2.0
//
// Tasks share processes, one after the other, and each of them may change what belongs to the whole process. The next
// one must not find that: its folder, a stream that failed, a signal that is blocked. To start a process for each task
// would take milliseconds, where a brief task takes microseconds.
//
// So what a task changed is set back, if it changed anything. Most of it is compared with a few system calls, under a
// microsecond in all, after each task (`restore`). What takes longer to look at is looked at after tasks that took
// longer themselves (`restore_all`).
//
// Some things can't be set back. Nobody can end a thread from outside, and a timer or a child acts when it likes. Such
// a process is given up: the executor ends it after that task (executor.cc).
//
// What a task left in the memory of the process (globals, caches) is the program's own, and stays.
#include "runtime/executor/process_state.h"

#include <fcntl.h>
#include <langinfo.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string_view>
#include <thread>

#include "base/process_facts.h"

namespace morrow::runtime {

namespace {

constexpr std::array kLimits{RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE};
constexpr int kSignals = 32;         // those with names
constexpr int kLooksAtThreads = 20;  // one that was joined is still listed for a moment
constexpr std::chrono::microseconds kBetweenLooks{50};

std::size_t threads_above(std::size_t usual) {
  if (__libc_single_threaded != 0) return 0;  // none was ever started
  std::size_t count = base::count_threads();
  for (int look = 0; count > usual && look < kLooksAtThreads; ++look) {
    std::this_thread::sleep_for(kBetweenLooks);
    count = base::count_threads();
  }
  return count > usual ? count - usual : 0;
}

bool has_timer() {
  for (const auto kind : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval timer{};
    if (getitimer(kind, &timer) == 0 && (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0)) return true;
  }
  const int file = open("/proc/self/timers", O_RDONLY | O_CLOEXEC);  // of timer_create
  if (file < 0) return false;
  char first = 0;
  const bool any = read(file, &first, 1) > 0;
  close(file);
  return any;
}

std::string_view working_folder() {
  thread_local std::array<char, PATH_MAX> path;
  return getcwd(path.data(), path.size()) == nullptr ? std::string_view() : path.data();
}

// Where the C library has some texts of its locale: others are elsewhere. To ask for its name takes a lock.
std::array<const char*, 3> marks_of_c_locale() {
  return {nl_langinfo(CODESET), nl_langinfo(RADIXCHAR), nl_langinfo(D_FMT)};
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool same_action(const struct sigaction& one, const struct sigaction& other) {
  return one.sa_sigaction == other.sa_sigaction && one.sa_flags == other.sa_flags &&
         std::memcmp(&one.sa_mask, &other.sa_mask, NSIG / 8) == 0;
}

}  // namespace

ProcessState::Stream::Stream(std::ios& of)
    : stream(of),
      buffer(of.rdbuf()),
      tie(of.tie()),
      flags(of.flags()),
      precision(of.precision()),
      width(of.width()),
      fill(of.fill()),
      state(of.rdstate()),
      exceptions(of.exceptions()),
      locale(of.getloc()) {}

void ProcessState::Stream::restore() const {
  if (stream.exceptions() != exceptions) stream.exceptions(std::ios::goodbit);  // it must not throw here
  if (stream.rdbuf() != buffer) stream.rdbuf(buffer);
  if (stream.rdstate() != state) stream.clear(state);
  if (stream.exceptions() != exceptions) stream.exceptions(exceptions);
  if (stream.flags() != flags) stream.flags(flags);
  if (stream.precision() != precision) stream.precision(precision);
  if (stream.width() != width) stream.width(width);
  if (stream.fill() != fill) stream.fill(fill);
  if (stream.tie() != tie) stream.tie(tie);
  if (stream.getloc() != locale) stream.imbue(locale);
}

void ProcessState::remember() {
  folder_ = wire::Fd(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  path_ = working_folder();
  umask_ = umask(0);
  umask(umask_);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) lines_.emplace_back(*line);
  use_lines();
  streams_.reserve(4);
  for (std::ios* const stream : {static_cast<std::ios*>(&std::cin), static_cast<std::ios*>(&std::cout),
                                 static_cast<std::ios*>(&std::cerr), static_cast<std::ios*>(&std::clog)})
    streams_.emplace_back(*stream);
  c_locale_ = std::setlocale(LC_ALL, nullptr);
  c_locale_marks_ = marks_of_c_locale();
  locale_ = std::locale();
  std::fegetenv(&rounding_);
  round_ = std::fegetround();
  for (int signal = 1; signal < kSignals; ++signal)
    sigaction(signal, nullptr, &actions_[static_cast<std::size_t>(signal)]);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
    output_[static_cast<std::size_t>(stream - STDOUT_FILENO)] = wire::Fd(fcntl(stream, F_DUPFD_CLOEXEC, 3));
  for (std::size_t limit = 0; limit < kLimits.size(); ++limit) getrlimit(kLimits[limit], &limits_[limit]);
  sched_getaffinity(0, sizeof(processors_), &processors_);
  priority_ = getpriority(PRIO_PROCESS, 0);
  threads_ = base::count_threads();
}

void ProcessState::use_lines() {
  environment_.clear();
  for (std::string& line : lines_) environment_.push_back(line.data());
  environment_.push_back(nullptr);
  live_ = environment_;
  environ = live_.data();
}

void ProcessState::set_variables(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    const std::string_view name(line.data(), line.find('=') + 1);
    const auto same = [&name](const std::string& there) { return there.starts_with(name); };
    const auto found = std::find_if(lines_.begin(), lines_.end(), same);
    if (found == lines_.end())
      lines_.push_back(line);
    else
      *found = line;
  }
  use_lines();
}

void ProcessState::restore() {
  if (working_folder() != path_) {
    [[maybe_unused]] const int gone = fchdir(folder_.get());  // its folder was removed: there is none to go to
  }
  umask(umask_);
  pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  restore_environment();
  for (const Stream& stream : streams_) stream.restore();
  if (c_locale_marks_ != marks_of_c_locale()) std::setlocale(LC_ALL, c_locale_.c_str());
  if (std::locale() != locale_) std::locale::global(locale_);
  if (std::fegetround() != round_) std::fesetenv(&rounding_);
  if (std::ferror(stdout) != 0) std::clearerr(stdout);
  if (std::ferror(stderr) != 0) std::clearerr(stderr);
}

std::string ProcessState::restore_all() {
  std::string left;
  const auto add = [&left](const std::string& what) { left += (left.empty() ? "" : " and ") + what; };
  if (const std::size_t threads = threads_above(threads_); threads != 0)
    add(threads == 1 ? "a thread" : std::to_string(threads) + " threads");
  if (has_timer()) add("a timer");
  restore_signals();
  restore_output();
  if (!restore_limits()) add("limits that can't be raised again");
  restore();
  return left;
}

// The pointers tell: what sets a variable puts another one in its place.
void ProcessState::restore_environment() {
  if (environ == live_.data() && live_ == environment_) return;
  live_ = environment_;
  environ = live_.data();
}

void ProcessState::restore_signals() const {
  for (int signal = 1; signal < kSignals; ++signal) {
    const struct sigaction& before = actions_[static_cast<std::size_t>(signal)];
    struct sigaction now {};
    if (sigaction(signal, nullptr, &now) == 0 && !same_action(now, before)) sigaction(signal, &before, nullptr);
  }
}

void ProcessState::restore_output() const {
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    const wire::Fd& before = output_[static_cast<std::size_t>(stream - STDOUT_FILENO)];
    struct stat now {};
    struct stat wanted {};
    if (fstat(before.get(), &wanted) != 0 || (fstat(stream, &now) == 0 && same_file(now, wanted))) continue;
    dup2(before.get(), stream);
  }
}

bool ProcessState::restore_limits() const {
  bool good = true;
  for (std::size_t limit = 0; limit < kLimits.size(); ++limit) {
    const rlimit& before = limits_[limit];
    rlimit now{};
    if (getrlimit(kLimits[limit], &now) != 0 || (now.rlim_cur == before.rlim_cur && now.rlim_max == before.rlim_max))
      continue;
    good = setrlimit(kLimits[limit], &before) == 0 && good;
  }
  cpu_set_t processors{};
  if (sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_EQUAL(&processors, &processors_) == 0)
    sched_setaffinity(0, sizeof(processors_), &processors_);
  if (getpriority(PRIO_PROCESS, 0) != priority_) good = setpriority(PRIO_PROCESS, 0, priority_) == 0 && good;
  return good;
}

}  // namespace morrow::runtime
