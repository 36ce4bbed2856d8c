// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "control/types.h"
#include "store/store.h"
#include "wire/messages.pb.h"

namespace morrow::worker {

/// What the answering worker knows by itself.
struct StatusFacts {
  control::WorkerInfo self;  ///< with what is in use now
  std::string store_url;
};

/// What `morrow status` shows: all workers, how many futures are in each state, and what stands in nobody's power.
/// Reads the store on its thread.
wire::StatusReply make_status(store::Store& store, const StatusFacts& facts);

}  // namespace morrow::worker
