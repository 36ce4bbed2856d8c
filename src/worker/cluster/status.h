// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/types.h"
#include "store/store.h"
#include "wire/messages.pb.h"

namespace morrow::worker {

/// Known to the answering worker by itself.
struct StatusFacts {
  control::WorkerInfo self;  ///< as it is now
  std::string store_url;
  bool workers_only = false;  ///< futures are not counted
  bool verbose = false;       ///< each session is told of
};

/// For `morrow status`: all workers, how many futures are in each state, and shapes that no worker has the resources
/// for. Reads the store on its thread.
wire::StatusReply make_status(store::Store& store, const StatusFacts& facts);
/// "no worker has that much; the largest, NAME, has 4 cpus"; nothing: one that lives has.
std::optional<std::string> nobody_has(const control::Resources& need, const std::vector<control::WorkerSeen>& workers);
/// "future 0123456789abcdef/5 'NAME'"; without the name when it is not known.
std::string named(control::FutureId id, const std::string& name);
/// "waiting", "ready", …
const char* name_of(control::Status status);
/// What this worker knows with no store.
wire::StatusReply make_status(const StatusFacts& facts);

}  // namespace morrow::worker
