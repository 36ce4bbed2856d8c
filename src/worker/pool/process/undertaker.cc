// SPDX-License-Identifier: Apache-2.0
//
// When a worker is killed, its programs must go, and all that their tasks have started, which may have left its session
// and process group.
//
// The kernel can kill the child of a process that died (PR_SET_PDEATHSIG), but what that child has started goes to init
// then, and nobody knows any more whose it was. The tree must be cut from below, while its root lives. So the programs
// of a worker don't die with it: somebody who outlives it stops each, kills what is below it, and then it. That is a
// fork of the worker, made before that has threads or memory worth mentioning. It is nobody's child (its parent leaves
// at once), is in a process group of its own and deaf to the signals of terminals, so that what ends a worker does not
// end it too.
//
// If it is killed, `lives` says so, and programs that are started then die with the worker as children do; those that
// were started before end when they find that their channel is closed (runtime/executor/fork_server.cc).
#include "worker/pool/process/undertaker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/process_tree.h"

namespace morrow::worker {

namespace {

constexpr const char* kRemoveNothing = ".";  // no absolute path

/// A program that was entrusted to it.
struct Program {
  pid_t pid = -1;
  wire::Fd pidfd;

  bool ended() const {
    pollfd readable{pidfd.get(), POLLIN, 0};
    return poll(&readable, 1, 0) > 0;
  }
  void signal(int number) const { syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0); }
};

// Takes the descriptor out of the way of those that are closed.
int keep_only(wire::Fd channel) {
  constexpr int kKeptAt = 3;
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int stream = 0; stream < kKeptAt; ++stream) dup2(null, stream);
  if (channel.get() != kKeptAt) dup2(channel.get(), kKeptAt);
  channel.release();
  close_range(kKeptAt + 1, ~0U, 0);
  return kKeptAt;
}

void end_programs(const std::vector<Program>& programs) {
  for (const Program& program : programs) program.signal(SIGSTOP);
  for (const Program& program : programs) {
    base::kill_children(program.pid, program.pidfd.get());
    program.signal(SIGKILL);
  }
}

// A worker of the same name may have come to the same place.
void remove_all(const std::vector<std::string>& paths) {
  std::string taken;  // the socket that others have by now
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (std::filesystem::is_socket(path, ignored) && wire::somebody_listens(path)) taken = path;
    if (taken.empty() || !path.starts_with(taken)) std::filesystem::remove_all(path, ignored);
  }
}

[[noreturn]] void serve(wire::Fd channel) {
  prctl(PR_SET_NAME, "undertaker");
  setpgid(0, 0);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP}) signal(number, SIG_IGN);
  std::vector<Program> programs;
  std::vector<std::string> paths;
  try {
    const int own = keep_only(std::move(channel));
    if (chdir("/") != 0) _exit(1);
    std::string bytes;
    std::vector<wire::Fd> descriptors;
    while (wire::receive_packet(own, bytes, descriptors)) {
      std::erase_if(programs, [](const Program& program) { return program.ended(); });
      if (descriptors.size() == 1) programs.push_back({std::atoi(bytes.c_str()), std::move(descriptors.front())});
      if (!descriptors.empty()) continue;
      if (bytes == kRemoveNothing) {
        paths.clear();
      } else {
        paths.push_back(bytes);
      }
    }
  } catch (const std::exception&) {
    // as if the worker were gone: its programs are started again
  }
  end_programs(programs);
  remove_all(paths);
  _exit(0);
}

}  // namespace

Undertaker::Undertaker() {
  auto [here, there] = wire::socket_pair(true);
  const pid_t between = fork();
  if (between < 0) return;  // it has none then
  if (between == 0) {
    here.reset();
    if (fork() == 0) serve(std::move(there));
    _exit(0);
  }
  while (waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  channel_ = std::move(here);
}

bool Undertaker::lives() const {
  pollfd end{channel_.get(), POLLIN, 0};
  return channel_ && poll(&end, 1, 0) == 0;
}

void Undertaker::remove_at_end(const std::string& path) {
  if (!lives()) return;
  try {
    wire::send_packet(channel_.get(), path);
  } catch (const std::system_error&) {
    channel_.reset();
  }
}

void Undertaker::remove_nothing() { remove_at_end(kRemoveNothing); }

void Undertaker::entrust(pid_t program) {
  if (!lives()) return;
  const wire::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, program, 0)));
  if (!pidfd) return;
  try {
    const std::array<int, 1> descriptor{pidfd.get()};
    wire::send_packet(channel_.get(), std::to_string(program), descriptor);
  } catch (const std::system_error&) {
    channel_.reset();  // it died just now
  }
}

}  // namespace morrow::worker
