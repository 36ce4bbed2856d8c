// SPDX-License-Identifier: Apache-2.0
//
// A process that is the worker's own child and runs a task looks at nothing else, and so does not see its worker die.
// As a rule that is the undertaker's business (worker/pool/process/undertaker.cc): it stops this process, kills what is
// below it, and then it. But it may have been killed together with the worker. So a thread waits for the end of the
// channel to the worker, leaves the undertaker some time, and then does the same from inside. (Executors that were
// forked have the fork server for that, which runs no tasks.)
#include "runtime/executor/worker_watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/process_facts.h"
#include "base/process_tree.h"

namespace morrow::runtime {

namespace {

constexpr std::chrono::milliseconds kUndertakerActsWithin{500};

[[noreturn]] void wait_for_end(int channel) {
  pthread_setname_np(pthread_self(), base::kWatchThread);
  pollfd end{channel, 0, 0};
  while (poll(&end, 1, -1) < 0 && errno == EINTR) {
  }
  std::this_thread::sleep_for(kUndertakerActsWithin);
  base::end_with_children();
}

}  // namespace

void end_with_worker(int channel) {
  // The signals of the program are for its own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(wait_for_end, channel).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace morrow::runtime
