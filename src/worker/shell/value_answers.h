// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/types.h"
#include "wire/messages.pb.h"
#include "wire/socket.h"
#include "worker/brain/actions.h"
#include "worker/brain/brain.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Values between this worker and the processes that use them: brings to each process what it awaits, gives it room for
/// what it writes, and takes in what it puts. Holds a pidfd for each driver. Owns no memory. Main thread
/// only.
class ValueAnswers {
 public:
  /// What it acts with.
  struct Means {
    // The object memory's, see Objects.
    WantValue want;
    std::function<void(ProcessId, std::uint64_t object)> unpin;
    std::function<void(ProcessId, std::uint64_t size, Objects::Then then, bool if_free)> reserve;
    std::function<bool(ProcessId, std::uint64_t object, std::uint64_t size, const ObjectOwner&, bool keeps)> seal;
    std::function<void(ProcessId)> may_read;
    std::function<void(ProcessId)> reads_no_more;
    /// Calls `dead` when the process of this pidfd is dead.
    std::function<void(wire::Fd pidfd, std::function<void()> dead)> watch_death;
    /// Queues a frame; for a client or executor that is gone it does nothing.
    std::function<void(const Waiter&, wire::FrameType, const google::protobuf::MessageLite&)> send;
  };
  /// For the brain, but for the last one.
  struct Events {
    std::function<bool(const action::Ready&)> here;  ///< the value is; false: nobody waits for it any more
    std::function<void(const action::Ready&)> lost;
    std::function<void(const Brain::Asker&, control::FutureId, control::SpecPtr, control::OutcomePtr)> put;
    std::function<void(ExecutorId)> found_no_room;  ///< a task of it, since other tasks hold it
    /// A value that is put is to be held by so many workers.
    std::function<void(const Brain::Asker&, control::SessionId, const control::HeldValue&, std::uint32_t copies)>
        copies;
  };
  /// What it is told of this worker once.
  struct Options {
    std::string worker;  ///< this one's name
    control::Incarnation incarnation = 0;
  };
  ValueAnswers(Means means, Options options, Events events);

  /// Answers an await of a future, when its value is here.
  void carry_out(action::Ready& ready);

  /// RESERVE: room for a value. \throws wire::ProtocolError
  void reserve(const Waiter& who, std::string_view payload);
  /// UNPIN: it does not look at these values any more. \throws wire::ProtocolError
  void unpin(const Waiter& who, std::string_view payload);
  /// PUT: a value that is there already, of this program and session. \throws wire::ProtocolError
  void put(const Brain::Asker& asker, wire::Put& put, const std::string& program, control::SessionId session);
  /// The same of an execution that is over: nobody may see it.
  void drop(const Waiter& who, const wire::Put& put) { means_.unpin(process_of(who), put.object()); }

  /// A driver's connection; `pidfd` is of its process, or none.
  void driver_came(ClientId client, wire::Fd pidfd);
  /// A process of a worker that was fenced, whose memory goes on here: it may look there until it is dead.
  void watch(ProcessId process, wire::Fd pidfd);
  /// All processes of drivers that may look at the memory, at the end of this worker.
  std::vector<std::pair<ProcessId, wire::Fd>> take_readers();
  /// It is sent the object memory.
  void driver_maps(ClientId client);
  /// The connection has ended. Its pins stay as long as its process lives, since that may go on reading.
  void driver_gone(ClientId client);

 private:
  /// The process behind a driver's connection.
  struct DriverProcess {
    wire::Fd pidfd;  ///< of when it came: by its end the number may be another's
    bool maps_objects = false;
  };
  void answer(const action::Ready& ready, const ObjectPlace* place, const ObjectProblem* problem);
  void note_no_room(const Waiter& who, const ObjectProblem& problem);

  Means means_;
  const Options options_;
  Events events_;
  std::unordered_map<ClientId, DriverProcess> drivers_;
  std::unordered_map<ProcessId, wire::Fd> watched_;  ///< drivers without a connection, that may look at the memory
  wire::Ready ready_;                                ///< used again and again, so that its memory is
};

}  // namespace morrow::worker
