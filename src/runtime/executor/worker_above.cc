// SPDX-License-Identifier: Apache-2.0
//
// Is this process a driver, or was it started by a worker to run tasks?
//
// A process that takes itself for the wrong one does harm: a program whose executors believe that they are drivers
// starts a worker, which starts the program, and so on without end. And all that a worker can give to a process may be
// gone when it comes to its Session line: the program may have closed all descriptors and cleared its environment, as
// daemons do.
//
// What it can't lose is its parents. So the environment and a descriptor are the quick way, and believed when the
// descriptor leads to our parent. Else each ancestor is asked, which costs a few system calls for each
// (wire/worker_door.h). A worker among them answers by what it sent to its program first, PROGRAM, when this process is
// one that it has started and that did not come to its Session line; the connection is our channel then. Else it
// closes: we are what a task has started, and a driver. How many workers stand above us says how deep we are in
// programs that start each other.
//
// Read next: worker/pool/program_door.h for the other end.
#include "runtime/executor/worker_above.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "base/environment.h"
#include "base/process_facts.h"
#include "runtime/image/kept_files.h"
#include "wire/worker_door.h"

namespace morrow::runtime {

namespace {

constexpr int kFirstFree = 3;  // after the standard streams
constexpr int kAnswersWithinMs = 10'000;
constexpr int kStatusOfLost = 71;

bool is_packet_socket(int fd) {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) return false;
  size = sizeof(domain);
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

// By the number in the environment. A child of a program has that too, and is not the one that is meant.
wire::Fd inherited_channel(const std::string& number) {
  if (number.empty() || number.size() > 6 || number.find_first_not_of("0123456789") != std::string::npos) return {};
  const int fd = std::stoi(number);
  if (!is_packet_socket(fd) || wire::peer_of(fd).pid != getppid()) return {};
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return wire::Fd(fd);
}

// Whether the worker sent something, and did not close. Nothing: it did not answer.
std::optional<bool> is_wanted(const wire::Fd& connection) {
  pollfd readable{connection.get(), POLLIN, 0};
  int count = 0;
  while ((count = poll(&readable, 1, kAnswersWithinMs)) < 0 && errno == EINTR) {
  }
  if (count <= 0) return std::nullopt;
  char first = 0;
  return recv(connection.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

[[noreturn]] void end_lost(const char* why) {
  std::fprintf(stderr,
               "morrow: this process was started by a worker to run tasks, and can't reach it from its Session line: "
               "%s; make `morrow::Session` the first line of main\n",
               why);
  std::fflush(nullptr);
  _exit(kStatusOfLost);
}

}  // namespace

WorkersAbove find_workers_above() {
  keep_no_files();
  const std::string number = base::environment(base::kExecutorVariable);
  unsetenv(base::kExecutorVariable);
  WorkersAbove above;
  above.channel = inherited_channel(number);
  if (above.channel) return above;
  for (const pid_t pid : base::with_ancestors(getppid())) {
    wire::Fd connection = wire::connect_to_ancestor(pid);
    if (!connection || ++above.count > 1) continue;
    const auto wanted = is_wanted(connection);
    if (!wanted) end_lost("it does not answer");
    if (*wanted) {
      above.channel = std::move(connection);
      return above;
    }
  }
  if (above.count == 0 && !number.empty()) end_lost("its descriptors were closed, and no worker is above it");
  return above;
}

void keep_standard_streams() {
  for (int stream = 0; stream < kFirstFree; ++stream) {
    if (fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      [[maybe_unused]] const int lowest = open("/dev/null", stream == 0 ? O_RDONLY : O_WRONLY);
    }
  }
}

}  // namespace morrow::runtime
