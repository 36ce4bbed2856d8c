// SPDX-License-Identifier: Apache-2.0
#include "tests/store/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

extern char** environ;

namespace morrow::store {

ChildProcess::ChildProcess(std::vector<std::string> arguments) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  arguments.insert(arguments.begin(), STORE_PROCESS);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  const int result = ::posix_spawn(&pid_, STORE_PROCESS, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  output_ = pipe[0];
  if (result != 0) throw std::runtime_error("store_process does not start");
}

ChildProcess::~ChildProcess() {
  if (pid_ != 0) {
    send(SIGKILL);
    wait();
  }
  ::close(output_);
}

std::string ChildProcess::read_line() {
  std::string line;
  char byte = 0;
  while (::read(output_, &byte, 1) == 1 && byte != '\n') line.push_back(byte);
  return line;
}

void ChildProcess::stop() const {
  send(SIGSTOP);
  int status = 0;
  ::waitpid(pid_, &status, WUNTRACED);
}

int ChildProcess::wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace morrow::store
