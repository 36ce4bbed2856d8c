// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/client/link.h"
#include "runtime/client/object_memory.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// The room in the object memory that a client asked its worker for: the calls that wait for it, and the spare room,
/// for the next value. Threads that write one value after another need not wait: the room for the next one comes while
/// this one is written. Each room is given once.
///
/// Sends nothing itself: it returns the messages that its user is to send. Not thread-safe.
class Reservations {
 public:
  /// A call that waits for room.
  struct Request {
    std::uint64_t size = 0;  ///< in bytes
    std::uint64_t token = 0;
    std::optional<wire::Reserved> answer;
    std::shared_ptr<ObjectMemory> memory;  ///< that the answer speaks of
    Waiter waiter;
  };
  /// A place in the object memory of the worker, in bytes.
  struct SpareRoom {
    std::uint64_t object = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  /// The call waits until `remove`. The message is to be sent; no other question has this token.
  wire::Reserve add(Request& request, std::uint64_t token);
  void remove(const Request& request);
  /// Whether a call waits for its answer.
  bool any_waits() const;

  /// Whether spare room is there.
  bool has_spare() const { return spare_.object != 0; }
  /// The spare room, when it fits a value of this size; it is no spare room any more.
  std::optional<SpareRoom> take_spare(std::size_t size);
  /// Whether spare room should be asked for, now that a value of `size` gets its room: not when values come far apart,
  /// nor while there is some.
  bool wants_spare(std::size_t size, Clock::time_point now);
  /// The question for it, which is to be sent.
  wire::Reserve ask_spare(std::size_t size, std::uint64_t token);
  /// The object of the spare room, which is to be unpinned; 0: there is none. Spare room that is on its way is not
  /// wanted any more.
  [[nodiscard]] std::uint64_t release_spare();
  /// Another worker is spoken with: it knows nothing of the spare room.
  void forget_spare() { spare_ = {}, spare_token_ = 0, spare_unwanted_ = false; }

  /// Takes the worker's answer and wakes the thread that waits for it. Returns an object that nobody wants, which is to
  /// be unpinned, or 0.
  [[nodiscard]] std::uint64_t take_answer(const wire::Reserved& answer, const std::shared_ptr<ObjectMemory>& memory);
  /// Appends the questions that are not answered yet, as frames for another worker.
  void append_unanswered(std::string& frames) const;

 private:
  std::unordered_map<std::uint64_t, Request*> requests_;  ///< by token
  SpareRoom spare_;
  std::uint64_t spare_token_ = 0;  ///< of the question for spare room that is under way; 0: none
  bool spare_unwanted_ = false;    ///< it is to be unpinned when it comes
  Clock::time_point last_at_{};
};

}  // namespace morrow::runtime
