// SPDX-License-Identifier: Apache-2.0
// For other workers, and for drivers on other hosts: the members of Objects that the port uses.
#include <memory>
#include <utility>

#include "base/must.h"
#include "data/checksum.h"
#include "worker/objects/objects.h"

namespace morrow::worker {

using State = ObjectState;

void Objects::lend(std::uint64_t number, bool verify, std::function<void(std::optional<Lent>)> then) {
  const Object* object = table_.find(number);
  if (object == nullptr || object->freed || object->state == State::kWriting ||
      (object->state == State::kComing && !object->stored)) {
    return then(std::nullopt);
  }
  want(kThisWorker, object->future, {number, object->size_bytes, 0},
       [this, verify, then = std::move(then)](const ObjectPlace* place, const ObjectProblem*) {
         if (place == nullptr) return then(std::nullopt);
         const std::uint64_t pinned = place->number;
         const auto bytes = view_.bytes(place->extent);
         const Object& known = table_.get(pinned, "an object that is pinned is not erased");
         if (known.checksum && !verify) return lend_pinned(pinned, bytes, *known.checksum, then);
         background_.run(
             [bytes] { return data::checksum(bytes); },
             [this, pinned, bytes, then](std::uint64_t checksum) { lend_pinned(pinned, bytes, checksum, then); });
       });
}

/// With the checksum of its bytes as they are, or as they were said to be.
void Objects::lend_pinned(std::uint64_t number, std::span<const std::byte> bytes, std::uint64_t checksum,
                          const std::function<void(std::optional<Lent>)>& then) {
  Object& object = table_.get(number, "an object that is pinned is not erased");
  if (object.checksum && *object.checksum != checksum) {
    if (!std::exchange(object.damaged, true)) {
      events_.log("the copy of an object in memory is damaged and is dropped");
      events_.dropped(object.future);
    }
    object.freed = true;
    unpin(kThisWorker, number);
    return then(std::nullopt);
  }
  object.checksum = checksum;
  const auto let_go = [this, number, main = background_.main_thread()](const void*) {
    main.post([this, number] { unpin(kThisWorker, number); });
  };
  then(Lent{bytes, checksum, std::shared_ptr<const void>(bytes.data(), let_go)});
}

void Objects::receive(std::uint64_t size, std::function<void(std::optional<Incoming>, std::string)> then) {
  reserve(kThisWorker, size, [this, then = std::move(then)](const ObjectPlace* place, const ObjectProblem* problem) {
    if (place == nullptr) return then(std::nullopt, problem->sentence);
    const auto bytes = view_.inside(place->extent);
    const auto let_go = [this, number = place->number, main = background_.main_thread()](const void*) {
      main.post([this, number] { hand_over(number, kNoProcess); });
    };
    then(Incoming{place->number, bytes, std::shared_ptr<const void>(bytes.data(), let_go)}, "");
  });
}

bool Objects::hand_over(std::uint64_t number, ProcessId who) {
  if (!holders_.end_writing(kThisWorker, number)) return false;
  Object& object = table_.get(number, "an object that is written is not erased");
  if (!holders_.knows(who)) {
    remove(object);
    serve();
    return false;
  }
  object.writer = who;
  holders_.begin_writing(who, number);
  return true;
}

}  // namespace morrow::worker
