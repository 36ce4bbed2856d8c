// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "worker/objects/objects.h"

/// The inside of Objects, shared by objects.cc and objects_room.cc; nobody else includes it.
namespace morrow::worker {

enum class ObjectState : std::uint8_t {
  kWriting,  ///< its writer fills it
  kHere,     ///< in memory
  kComing,   ///< from disk or from another worker
  kOnDisk,
};

/// Somebody who waits for an object to be in memory.
struct Objects::Asking {
  ProcessId who = 0;
  Then then;
  bool brief = false;
};

struct Objects::Object {
  std::uint64_t number = 0;
  control::FutureId future;
  std::uint64_t size = 0;
  ObjectState state = ObjectState::kWriting;
  data::Extent extent;
  ProcessId writer = 0;
  bool stored = false;     ///< there is a file of it
  std::uint64_t disk = 0;  ///< bytes of that file
  bool spilling = false;   ///< the file is being written
  bool freed = false;      ///< gone as soon as nobody looks at it or works on it
  bool copy = false;       ///< from another worker
  bool damaged = false;    ///< its bytes are not those that its checksum was made of: nobody gets it any more
  std::uint32_t pins = 0;
  std::uint64_t made = 0;  ///< when, in ms of the monotonic clock
  std::optional<std::uint64_t> checksum;
  std::vector<Asking> asking;
  std::optional<std::list<std::uint64_t>::iterator> idle;
};

/// Runs `job` on a thread and `done` with its result on the main one, unless this is gone by then.
template <class Job, class Done>
void Objects::run(Job job, Done done) {
  boost::asio::post(threads_,
                    [this, job = std::move(job), done = std::move(done), alive = std::weak_ptr<bool>(alive_)] {
                      auto result = job();
                      boost::asio::post(io_, [done, result = std::move(result), alive] {
                        if (alive.lock()) done(result);
                      });
                    });
}

}  // namespace morrow::worker
