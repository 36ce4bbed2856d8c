// SPDX-License-Identifier: Apache-2.0
//
// Knowing that a worker is dead, and not only silent.
//
// A silent worker may be slow, stopped or cut off, so all others wait for its lease. But most workers that end do so by
// a signal, on a machine where others live, and there the kernel knows. A wrong verdict would take the work of a living
// worker away. So it is the kernel's word alone: a pidfd that has become readable, or that there is no process with
// this pid.
//
// Hard: a pid is a name that is given again, and means another process in another container, or on another machine.
// Solved by what a worker writes of itself beside its pid (process_identity.h): the boot of its machine and its pid
// namespace, which have to be ours, and when it started. The start is compared after the pidfd was opened: as the
// pidfd holds on to one process, that is the worker if the start is its, and from then on no other can take its place.
// When the start is another one, the worker may be dead, or have been restored from a checkpoint: then its lease tells.
//
// Read next: upkeep.cc, which evicts it; man 2 pidfd_open.
#include "worker/cluster/local_workers.h"

#include <cerrno>
#include <utility>

#include <sys/syscall.h>
#include <unistd.h>

#include "base/process_facts.h"
#include "wire/socket.h"

namespace morrow::worker {

/// A worker on this machine.
struct LocalWorkers::Watched {
  explicit Watched(boost::asio::io_context& io) : pidfd(io) {}
  boost::asio::posix::stream_descriptor pidfd;
  std::string name;
  pid_t pid = 0;
  bool ended = false;
};

LocalWorkers::LocalWorkers(boost::asio::io_context& io, ProcessIdentity self,
                           std::function<void(control::Incarnation)> ended)
    : io_(io), self_(std::move(self)), ended_(std::move(ended)) {}

/// The incarnations before this one, of this very process, are not.
bool LocalWorkers::is_local(const control::WorkerSeen& worker) const {
  return self_ && !worker.dying && worker.info.pid_space == self_.space && worker.info.pid > 0 &&
         worker.info.pid != getpid() && worker.info.started_ticks != 0;
}

void LocalWorkers::workers_seen(const std::vector<control::WorkerSeen>& workers) {
  std::map<control::Incarnation, std::shared_ptr<Watched>> before = std::exchange(watched_, {});
  for (const control::WorkerSeen& worker : workers) {
    if (!is_local(worker)) continue;
    if (auto known = before.extract(worker.info.incarnation)) {
      watched_.insert(std::move(known));
    } else {
      watch(worker.info);
    }
  }
  for (const auto& [incarnation, watched] : watched_) {
    if (watched->ended) ended_(incarnation);
  }
}

std::string LocalWorkers::stopped() const {
  for (const auto& [incarnation, watched] : watched_) {
    const auto facts = base::process_facts(watched->pid);
    if (facts && (facts->state == 'T' || facts->state == 't'))
      return "worker " + watched->name + " (process " + std::to_string(watched->pid) +
             ") of this machine is stopped by a signal";
  }
  return "";
}

void LocalWorkers::watch(const control::WorkerInfo& worker) {
  const auto pid = static_cast<pid_t>(worker.pid);
  auto watched = std::make_shared<Watched>(io_);
  watched->name = worker.name;
  watched->pid = pid;
  wire::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd) {
    if (start_of_process(pid) != worker.started_ticks) return;
    watched->pidfd.assign(pidfd.release());
    wait(worker.incarnation, watched);
  } else if (errno == ESRCH) {
    watched->ended = true;
  } else {
    return;  // a kernel without it, or no descriptor left
  }
  watched_.insert_or_assign(worker.incarnation, std::move(watched));
}

void LocalWorkers::wait(control::Incarnation incarnation, const std::shared_ptr<Watched>& watched) {
  watched->pidfd.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [this, incarnation, weak = std::weak_ptr(watched)](const boost::system::error_code& error) {
                              const auto still = weak.lock();
                              if (error || !still) return;  // it is of no interest any more
                              still->ended = true;
                              ended_(incarnation);
                            });
}

}  // namespace morrow::worker
