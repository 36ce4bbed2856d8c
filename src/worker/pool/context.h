// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "worker/pool/events.h"
#include "worker/pool/process/reaper.h"

namespace morrow::worker {

/// Shared by the parts of the pool. Lives as long as the pool.
struct PoolContext {
  boost::asio::io_context& io;
  StoreJob store;
  ExecutorEvents& events;
  PoolOptions options;
  ProcessReaper reaper;
  std::uint64_t open_files = 0;                      ///< the soft limit of open files that programs get
  std::vector<char> buffer;                          ///< to read executors' sockets into
  std::function<void(ExecutorProcess)> forget = {};  ///< the executor has had its last word
};

}  // namespace morrow::worker
