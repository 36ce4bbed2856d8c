// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/environment.h"
#include "worker/pool/process/output_pipe.h"

namespace morrow::worker {

namespace {

constexpr int kChannel = 3;  // after the standard streams
constexpr int kReport = 4;
constexpr int kOutOfTheWay = 16;  // above all numbers that are given below

/// What the child was at when it failed.
enum class Step : int { kDescriptors, kFolder, kExec };

/// What the child writes to its parent when it can't run the program.
struct Failure {
  Step step = Step::kDescriptors;
  int error = 0;
};

// Everything the child needs, made before the fork: between fork and exec only async-signal-safe calls are allowed.
struct Child {
  pid_t parent;
  bool dies_with_us;
  const char* file;
  char* const* arguments;
  char* const* environment;
  const char* folder;  // null: stay
  std::uint64_t stack_bytes;
  std::uint64_t open_files;
  std::array<int, 4> descriptors;  // output, errors, channel, report
};

[[noreturn]] void give_up(int report, Step step) {
  const Failure failure{step, errno};
  [[maybe_unused]] const auto written = write(report, &failure, sizeof(failure));
  _exit(127);
}

void raise_limits(const Child& child) {
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < child.stack_bytes) {
    limit.rlim_cur = std::min<rlim_t>(child.stack_bytes, limit.rlim_max);
    setrlimit(RLIMIT_STACK, &limit);
  }
  if (child.open_files != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = std::min<rlim_t>(child.open_files, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

void place_descriptors(const Child& child) {
  int report = child.descriptors[3];
  std::array<int, 4> away{};
  for (std::size_t i = 0; i < away.size(); ++i) {  // first away from the numbers that they shall get
    away[i] = fcntl(child.descriptors[i], F_DUPFD_CLOEXEC, kOutOfTheWay);
    if (away[i] < 0) give_up(report, Step::kDescriptors);
  }
  report = away[3];
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int nothing = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, kOutOfTheWay);
  if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(away[0], 1) < 0 || dup2(away[1], 2) < 0 ||
      dup2(away[2], kChannel) < 0 || dup3(report, kReport, O_CLOEXEC) < 0 || close_range(kReport + 1, ~0U, 0) != 0) {
    give_up(report, Step::kDescriptors);
  }
}

[[noreturn]] void become(const Child& child) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // what its descendants leave behind stays below it
  if (child.dies_with_us) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != child.parent) _exit(127);  // the worker died before the line above
  place_descriptors(child);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  raise_limits(child);
  if (child.folder != nullptr && chdir(child.folder) != 0) give_up(kReport, Step::kFolder);
  execve(child.file, child.arguments, child.environment);
  give_up(kReport, Step::kExec);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const auto& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

// A signal handler of the worker must not run in the child.
pid_t fork_quietly(const Child& child) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) become(child);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

std::string too_long(const LaunchPlan& plan) {
  std::size_t bytes = 0;
  for (const auto* texts : {&plan.arguments, &plan.environment}) {
    for (const std::string& text : *texts) bytes += text.size() + 1 + sizeof(char*);
  }
  return fmt::format(
      "its arguments and environment are {} bytes, more than a process may begin with under this worker; give it names "
      "of files in a file, or start the worker with a higher limit of the stack (ulimit -s), a quarter of which they "
      "may take",
      bytes);
}

std::string explain(const Failure& failure, const LaunchPlan& plan) {
  const char* why = std::strerror(failure.error);
  switch (failure.step) {
    case Step::kFolder:
      return fmt::format("its working directory {} can't be entered on this machine: {}", plan.folder, why);
    case Step::kExec:
      if (failure.error == E2BIG) return too_long(plan);
      return fmt::format("executing {} failed: {}", plan.file, why);
    case Step::kDescriptors:
      break;
  }
  return fmt::format("its file descriptors can't be set up: {}", why);
}

}  // namespace

StartedProgram launch(const LaunchPlan& plan) try {
  StartedProgram started;
  auto [output_here, output_there] = make_pipe();
  auto [errors_here, errors_there] = make_pipe();
  auto [report_here, report_there] = make_pipe();
  wire::Fd channel_there;
  std::tie(started.channel, channel_there) = wire::socket_pair(true);

  std::vector<std::string> environment = plan.environment;
  std::erase_if(environment,
                [](const std::string& line) { return base::sets_variable(line, base::kExecutorVariable); });
  environment.push_back(base::environment_line(base::kExecutorVariable, std::to_string(kChannel)));
  const auto argument_pointers = pointers(plan.arguments);
  const auto environment_pointers = pointers(environment);

  Child child{.parent = getpid(),
              .dies_with_us = plan.dies_with_us,
              .file = plan.file.c_str(),
              .arguments = argument_pointers.data(),
              .environment = environment_pointers.data(),
              .folder = plan.folder.empty() ? nullptr : plan.folder.c_str(),
              .stack_bytes = plan.stack_bytes,
              .open_files = plan.open_files,
              .descriptors = {output_there.get(), errors_there.get(), channel_there.get(), report_there.get()}};
  started.pid = fork_quietly(child);
  if (started.pid < 0) throw LaunchError(fmt::format("no new process can be made: {}", std::strerror(errno)));

  report_there.reset();
  Failure failure;
  ssize_t size = 0;
  while ((size = read(report_here.get(), &failure, sizeof(failure))) < 0 && errno == EINTR) {
  }
  if (size != 0) {
    waitpid(started.pid, nullptr, 0);
    throw LaunchError(explain(failure, plan));
  }
  started.output = std::move(output_here);
  started.errors = std::move(errors_here);
  return started;
} catch (const std::system_error& error) {
  throw LaunchError(error.what());
}

}  // namespace morrow::worker
