// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "control/cluster.h"
#include "worker/cluster/process_identity.h"

namespace morrow::worker {

/// Sees at once when another worker on this machine dies. Holds a pidfd for each. Main thread only.
class LocalWorkers {
 public:
  /// `ended` is told of a worker whose process is gone: when that happens, and again by each look at the store that
  /// still has it, as what `ended` does may fail.
  LocalWorkers(boost::asio::io_context& io, ProcessIdentity self, std::function<void(control::Incarnation)> ended);

  /// What a look at the store found.
  void workers_seen(const std::vector<control::WorkerSeen>& workers);

  /// "worker one (process 12) of this machine is stopped by a signal"; empty: none is. Looks at each of them now.
  std::string stopped() const;
  /// Of how many it would see the death at once.
  std::size_t watched() const { return watched_.size(); }

 private:
  struct Watched;
  bool is_local(const control::WorkerSeen& worker) const;
  void watch(const control::WorkerInfo& worker);
  void wait(control::Incarnation incarnation, const std::shared_ptr<Watched>& watched);

  boost::asio::io_context& io_;
  ProcessIdentity self_;
  std::function<void(control::Incarnation)> ended_;
  std::map<control::Incarnation, std::shared_ptr<Watched>> watched_;
};

}  // namespace morrow::worker
