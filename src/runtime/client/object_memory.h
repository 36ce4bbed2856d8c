// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <sys/types.h>

#include <morrow/detail/core.h>

#include "base/mutex.h"
#include "data/arena.h"
#include "wire/messages.pb.h"
#include "wire/socket.h"

namespace morrow::runtime {

/// The worker's object memory, in this process's address space. It stays there as long as anything refers to it, also
/// when its worker is gone. Thread-safe.
class ObjectMemory : public std::enable_shared_from_this<ObjectMemory> {
 public:
  /// `stir` is called when something is unpinned, on whatever thread that happens. \throws std::system_error
  ObjectMemory(int descriptor, std::function<void()> stir);

  std::uint64_t size() const { return view_.size(); }

  /// An object that this process may read; unpinned with the last copy of the owner.
  detail::Value read(std::uint64_t object, std::uint64_t offset, std::uint64_t size);
  /// One that this process may write: `in_place` by everybody through its bytes, until it is sealed; else only by
  /// `inside_of`. Given back with the last copy of the owner, unless it was published.
  detail::Room write(std::uint64_t object, std::uint64_t offset, std::uint64_t size, bool in_place);

  /// The objects unpinned since the last call: to be told to the worker.
  std::vector<std::uint64_t> take_unpinned();
  /// This process has no use for the object any more.
  void unpin(std::uint64_t object);
  /// The worker is not spoken with any more: nothing is told.
  void disconnect();
  /// Nothing more is asked of the worker. It is told by `connection` of all that is unpinned from here on, and in the
  /// end that this was all; until then its memory must stay as it is.
  void leave(wire::Fd connection);

  // For the owners of objects.
  void begin_look();
  /// `object` is unpinned; 0: it is not this process's any more.
  void end_look(std::uint64_t object);

 private:
  void tell(std::uint64_t object) REQUIRES(mutex_);
  void say(const wire::Unpin& message) REQUIRES(mutex_);
  void say_farewell() REQUIRES(mutex_);

  data::ArenaView view_;
  base::Mutex mutex_;
  std::vector<std::uint64_t> unpinned_ GUARDED_BY(mutex_);
  std::function<void()> stir_ GUARDED_BY(mutex_);
  std::size_t looks_ GUARDED_BY(mutex_) = 0;  ///< how many owners of objects there are
  wire::Fd left_by_ GUARDED_BY(mutex_);       ///< the connection, when there is no session any more
  pid_t left_in_ GUARDED_BY(mutex_) = 0;      ///< a child has the connection too, and no business with it
};

/// Where Morrow itself writes the value that `room` is for.
std::byte* inside_of(const detail::Room& room);

/// Makes the value final. Nothing for memory of this process.
void seal_room(const detail::Room& room);

/// Takes the object that was written in `room` to be published; false when it is not one, or was taken before.
bool take_to_publish(const detail::Room& room);

/// How a worker is told of an object that was taken.
struct Publication {
  std::uint64_t object = 0;  ///< 0: it is of another worker's memory
  std::uint64_t size = 0;
  bool keeps = false;  ///< somebody in this process goes on reading it
};
Publication publish(const detail::Room& room, const std::shared_ptr<ObjectMemory>& memory);

}  // namespace morrow::runtime
