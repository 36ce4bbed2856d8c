// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <google/protobuf/message_lite.h>

#include "control/types.h"
#include "store/store.h"
#include "wire/frame.h"
#include "worker/cluster/store_lane.h"
#include "worker/ids/ids.h"
#include "worker/objects/objects.h"

/// What the parts of the shell are given to act with. The shell gives them its sockets, timers, threads and processes,
/// the simulator what stands for those in virtual time, and tests what they write down. All is called on the main
/// thread.
namespace morrow::worker {

/// Runs `job` on the store's thread, then `done` (may be empty) on the main thread, never from inside the call. The job
/// may run several times.
using PostToStore = std::function<void(StoreLane, std::function<void(store::Store&)> job, std::function<void()> done)>;

/// Calls `then` once after so many milliseconds, never from inside the call.
using CallLater = std::function<void(std::uint64_t milliseconds, std::function<void()> then)>;

/// Queues a frame for a client; unknown ones are ignored.
using SendToClient = std::function<void(ClientId, wire::FrameType, const google::protobuf::MessageLite&)>;

/// One sentence for the worker's log.
using Say = std::function<void(const std::string& sentence)>;

/// Brings a value here for a process, and pins it for that: see Objects::want.
using WantValue =
    std::function<void(ProcessId, control::FutureId, const control::ObjectRef&, Objects::Then then, bool brief)>;

/// The process of an executor or a driver, as the object memory counts them.
inline ProcessId process_of(const Waiter& who) {
  return who.client != 0 ? kDriverBit | who.client : ProcessId{who.executor};
}

}  // namespace morrow::worker
