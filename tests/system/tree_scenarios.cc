// SPDX-License-Identifier: Apache-2.0
// Tasks that start processes and leave them: `tree_scenarios HOW FILE`. A line of FILE is the number of such a process,
// and the task goes on when all of them stand there.
#include <morrow/morrow.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

constexpr int kLeft = 4;

[[noreturn]] void stay(const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string line = std::to_string(getpid()) + "\n";
  if (write(fd, line.data(), line.size()) < 0) _exit(1);
  for (;;) pause();
}

int lines_of(const std::string& file) {
  std::ifstream in(file);
  int count = 0;
  for (std::string line; std::getline(in, line);) ++count;
  return count;
}

void wait_for_lines(const std::string& file) {
  while (lines_of(file) < kLeft) std::this_thread::sleep_for(1ms);
}

/// One that stays where it is, one with a process group and one with a session of its own, and one whose parent is dead
/// and that has taken on another environment.
void leave_processes(const std::string& file) {
  if (fork() == 0) stay(file);
  if (fork() == 0) {
    setpgid(0, 0);
    stay(file);
  }
  if (fork() == 0) {
    setsid();
    stay(file);
  }
  if (fork() == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    setsid();
    const std::string script = "echo $$ >> " + file + "; exec sleep 100000";
    execl("/usr/bin/env", "env", "-i", "/bin/sh", "-c", script.c_str(), static_cast<char*>(nullptr));
    _exit(1);
  }
  wait_for_lines(file);
}

[[noreturn]] void leave_and_hang(const std::string& file) {
  leave_processes(file);
  for (;;) pause();
}

int leave_and_return(const std::string& file) {
  leave_processes(file);
  return kLeft;
}

int leave_and_abort(const std::string& file) {
  leave_processes(file);
  raise(SIGKILL);
  return 0;
}

/// The children of a process, also those that have ended and nobody asked how.
int children_of(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  int count = 0;
  for (pid_t pid = 0; children >> pid;) ++count;
  return count;
}

/// Starts processes that end at once, later, and as orphans, and waits for none. Gives its own number.
pid_t forget_processes() {
  for (int i = 0; i < 100; ++i) {
    if (fork() == 0) {
      if (i % 3 == 1) std::this_thread::sleep_for(200ms);
      if (i % 3 == 2 && fork() == 0) std::this_thread::sleep_for(100ms);
      _exit(0);
    }
  }
  return getpid();
}

/// How a process ended that it has started, and waits for after it has waited for another task.
int wait_for_own() {
  const pid_t child = fork();
  if (child == 0) _exit(7);
  morrow::submit([] { return 1; }).get();
  std::this_thread::sleep_for(50ms);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Whether no other task has the file while this one does.
bool alone(const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const bool got = flock(fd, LOCK_EX | LOCK_NB) == 0;
  std::this_thread::sleep_for(100ms);
  close(fd);
  return got;
}

std::string score_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/oom_score_adj");
  std::string score;
  file >> score;
  return score;
}

/// How soon the kernel ends them when memory runs out: an executor, what it has started, its first process.
std::string scores() {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  return score_of("self") + " " + score_of(std::to_string(child)) + " " + score_of(std::to_string(getppid()));
}

constexpr std::size_t kMegabyte = 1 << 20;

/// Takes so many megabytes and stays a while, so that they can be seen.
int take(int megabytes) {
  std::vector<std::string> taken;
  for (int i = 0; i < megabytes; ++i) {
    taken.emplace_back(kMegabyte, 'x');
    std::this_thread::sleep_for(2ms);
  }
  std::this_thread::sleep_for(500ms);
  return static_cast<int>(taken.size());
}

/// The same in a process that the task has started.
int take_below(int megabytes) {
  const pid_t child = fork();
  if (child == 0) {
    take(megabytes);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

void use_memory(const std::string& how, int megabytes) {
  auto neighbour = morrow::submit({.name = "neighbour"}, take, 1);
  auto task = morrow::submit({.memory = 100 * kMegabyte}, how == "memory" ? take : take_below, megabytes);
  try {
    std::cout << "value " << task.get() << std::endl;
  } catch (const morrow::OutOfMemoryError& error) {
    const bool more = error.asked() == 100 * kMegabyte && error.used() > error.asked();
    std::cout << "out of memory " << more << " signal " << error.signal() << ": " << error.what() << std::endl;
  }
  std::cout << "neighbour " << neighbour.get() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  morrow::SessionOptions options;
  if (std::getenv("TEST_NO_FORK") != nullptr) options.fork_server = false;
  options.grace = 1s;
  morrow::Session session(options);
  if (argc < 3) return 2;
  const std::string how = argv[1];
  const std::string file = argv[2];
  const auto hang = [](const std::string& path) -> int { leave_and_hang(path); };
  try {
    if (how == "timeout") return morrow::submit({.timeout = 2s}, hang, file).get();
    if (how == "crash") return morrow::submit({.max_retries = 0}, leave_and_abort, file).get();
    if (how == "return") {
      std::cout << morrow::submit(leave_and_return, file).get() << std::endl;
      return 0;
    }
    if (how.starts_with("memory")) {
      use_memory(how, std::atoi(file.c_str()));
      return 0;
    }
    if (how == "forget") {
      const pid_t executor = morrow::submit(forget_processes).get();
      while (children_of(executor) > 0) std::this_thread::sleep_for(20ms);
      std::cout << "none is left, its own ended with " << morrow::submit(wait_for_own).get() << std::endl;
      return 0;
    }
    if (how == "alone") {
      std::vector<morrow::Future<bool>> all;
      for (int i = 0; i < 4; ++i) all.push_back(morrow::submit(alone, file));
      bool each = true;
      for (const auto& one : all) each = one.get() && each;
      std::cout << (each ? "one at a time" : "several at once") << std::endl;
      return 0;
    }
    if (how == "scores") {
      std::cout << morrow::submit(scores).get() << std::endl;
      return 0;
    }
    auto hangs = morrow::submit({.max_retries = 0}, hang, file);
    wait_for_lines(file);
    std::cout << "left" << std::endl;
    if (how == "cancel") hangs.cancel();
    if (how == "end") return 0;
    return hangs.get();
  } catch (const morrow::Error& error) {
    std::cout << error.what() << std::endl;
  }
  return 0;
}
