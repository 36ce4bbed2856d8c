// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "control/types.h"
#include "store/store.h"
#include "wire/messages.pb.h"

namespace morrow::worker {

/// Known to the answering worker by itself.
struct StatusFacts {
  control::WorkerInfo self;  ///< with the resources in use now
  std::string store_url;
};

/// For `morrow status`: all workers, how many futures are in each state, and shapes that no worker has the resources
/// for. Reads the store on its thread.
wire::StatusReply make_status(store::Store& store, const StatusFacts& facts);
/// What this worker knows with no store.
wire::StatusReply make_status(const StatusFacts& facts);

}  // namespace morrow::worker
