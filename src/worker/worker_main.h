// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/types.h"

namespace morrow::worker {

/// What a worker is started with.
struct WorkerOptions {
  std::string cluster;
  std::string name;                   ///< empty: the host's name, with a number behind it when that is taken
  std::string address = "127.0.0.1";  ///< of the port
  std::uint16_t port = 0;             ///< 0: any free one
  bool insecure = false;              ///< the port does not encrypt, wherever it listens
  control::Resources total;           ///< what tasks may take here; zero cpus or memory: what the machine has
  bool all_gpus = true;               ///< not those of `total`, but all that are there
  std::uint64_t object_memory = 0;    ///< bytes of shared memory for large values; 0: 30 % of the machine's
  std::string spill_folder;           ///< empty: in the cluster's state folder
  std::string store_url;              ///< empty: LMDB in the cluster's state folder
  std::uint32_t executor_cap = 256;
  std::uint64_t lease_ms = 5'000;  ///< a worker that is silent for so long is evicted
  std::uint64_t hand_over_ms =
      30'000;                     ///< the longest that a worker hands over values before it leaves; 0: it does not
  std::uint64_t spill_limit = 0;  ///< bytes, the most that large values take on disk; 0: what the disk has
  bool quiet = false;             ///< only warnings go to standard error
  bool inline_store = false;      ///< commits on the main thread, for measurements
  std::string private_folder;     ///< not empty: a private worker, which keeps all in this folder and removes it at its
                                  ///< end; the folder for spilled objects too, when nothing else is in it
  int private_fd = -1;            ///< the connection of a private worker's one driver
};

/// Runs a worker until a signal ends it (SIGINT, SIGTERM; a second one ends it at once), or, for a private one, its
/// driver goes. Returns the exit status. The calling thread must be the process's main one. \throws std::exception with
/// one sentence when it can't start
int run_worker(const WorkerOptions& options);

}  // namespace morrow::worker
