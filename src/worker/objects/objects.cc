// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/objects.h"

#include <chrono>
#include <stdexcept>

#include "data/checksum.h"
#include "worker/objects/impl.h"

namespace morrow::worker {

using control::FailureKind;
using State = ObjectState;

namespace {

constexpr std::size_t kDiskThreads = 2;
constexpr std::uint64_t kPrefetchPart = 8;  // of the memory is for what nobody needs at once
/// Looks on behalf of other workers.
constexpr ProcessId kWire = ~ProcessId{0};

}  // namespace

std::uint64_t monotonic_ms() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

Objects::Objects(boost::asio::io_context& io, ObjectOptions options, Events events)
    : io_(io),
      options_(std::move(options)),
      events_(std::move(events)),
      arena_(options_.memory),
      view_(arena_.fd()),
      extents_(arena_.capacity()),
      spill_(options_.spill_folder, options_.owner, options_.disk_to_leave),
      timer_(io),
      threads_(kDiskThreads) {
  came(kWire);
}

Objects::~Objects() {
  alive_.reset();
  threads_.join();
}

Objects::Object* Objects::find(std::uint64_t number) {
  const auto found = objects_.find(number);
  return found == objects_.end() ? nullptr : found->second.get();
}

// ---- writing ----

void Objects::reserve(ProcessId who, std::uint64_t size, Then then, bool if_free) {
  if (!processes_.contains(who)) return;
  if (if_free && (!waiting_.empty() || extents_.largest_free() < size)) {
    const ObjectProblem none = no_room(size, "");
    return then(nullptr, &none);
  }
  want_room(who, size, 0,
            [this, who, then = std::move(then)](std::optional<data::Extent> extent, const ObjectProblem& problem) {
              const auto process = processes_.find(who);
              if (process == processes_.end()) {
                if (extent) extents_.free(*extent);
                return;
              }
              if (!extent) return then(nullptr, &problem);
              auto object = std::make_unique<Object>();
              do {
                object->number = random_();
              } while (object->number == 0 || objects_.contains(object->number));
              object->size = extent->size;
              object->extent = *extent;
              object->writer = who;
              object->made = monotonic_ms();
              process->second.writes.insert(object->number);
              const ObjectPlace place{object->number, *extent};
              objects_.emplace(place.number, std::move(object));
              then(&place, nullptr);
            });
}

bool Objects::seal(ProcessId who, std::uint64_t number, std::uint64_t size, control::FutureId future, bool keeps) {
  Object* object = find(number);
  if (object == nullptr || object->state != State::kWriting || object->writer != who || size > object->size)
    return false;
  processes_.at(who).writes.erase(number);
  object->state = State::kHere;
  object->size = size;
  object->future = future;
  object->writer = 0;
  if (keeps) pin(who, *object);
  touch(*object);
  serve_soon();
  return true;
}

// ---- reading ----

void Objects::want(ProcessId who, control::FutureId future, const control::ObjectRef& reference, Then then,
                   bool brief) {
  if (!processes_.contains(who)) return;
  std::unique_ptr<Object>& object = objects_[reference.number];
  if (!object) {
    object = std::make_unique<Object>();
    object->number = reference.number;
    object->future = future;
    object->size = reference.size;
    object->copy = true;
    object->made = monotonic_ms();
    object->state = State::kComing;
    object->asking.push_back({who, std::move(then), brief});
    return fetch(*object, reference);
  }
  if (object->damaged) {
    const ObjectProblem problem{FailureKind::kLost,
                                "the copy here is damaged, and somebody still looks at it: ask again later"};
    return then(nullptr, &problem);
  }
  if (object->state == State::kHere) {
    pin(who, *object);
    const ObjectPlace place{object->number, {object->extent.offset, object->size}};
    return then(&place, nullptr);
  }
  if (object->state == State::kWriting) {
    const ObjectProblem problem{FailureKind::kLost, "its value is not written yet"};
    return then(nullptr, &problem);
  }
  object->asking.push_back({who, std::move(then), brief});
  if (object->state == State::kOnDisk) restore(*object);
}

void Objects::prefetch(control::FutureId future, const control::ObjectRef& reference) {
  const Object* object = find(reference.number);
  if (object != nullptr && object->state != State::kOnDisk) return;
  if (extents_.largest_free() < reference.size) return;  // who must have it asks, and waits
  // What is on its way holds room: two workers that are full of it would wait for each other.
  if (prefetching_ + reference.size > extents_.capacity() / kPrefetchPart) return;
  prefetching_ += reference.size;
  const auto let_go = [this, size = reference.size](const ObjectPlace* place, const ObjectProblem*) {
    prefetching_ -= size;
    if (place != nullptr) unpin(kWire, place->number);
  };
  want(kWire, future, reference, let_go, true);
}

void Objects::restore(Object& object) {
  object.state = State::kComing;
  const auto got = [this, number = object.number](std::optional<data::Extent> extent, const ObjectProblem& problem) {
    Object* wanted = find(number);
    if (wanted == nullptr || !extent) {
      if (extent) extents_.free(*extent);
      if (wanted != nullptr) {
        wanted->state = State::kOnDisk;
        failed(number, problem);
      }
      return;
    }
    wanted->extent = *extent;
    run(
        [this, number, extent = *extent]() -> std::string {
          try {
            spill_.read(number, view_.inside(extent));
            return {};
          } catch (const std::exception& error) {
            return error.what();
          }
        },
        [this, number](const std::string& trouble) {
          if (trouble.empty()) return arrived(number);
          Object* broken = find(number);
          events_.log("the copy of an object on disk can't be used and is dropped: " + trouble);
          spill_.remove(number);
          broken->stored = false;
          spilled_bytes_ -= broken->disk;
          broken->disk = 0;
          give_back(*broken);
          events_.dropped(broken->future);
          // Another worker may have one.
          fetch(*broken, {number, broken->size, 0});
        });
  };
  want_room(0, object.size, object.number, got);
}

void Objects::fetch(Object& object, const control::ObjectRef& reference) {
  want_room(0, reference.size, reference.number,
            [this, reference](std::optional<data::Extent> extent, ObjectProblem problem) {
              Object* wanted = find(reference.number);
              if (!extent) return failed(reference.number, problem);
              wanted->extent = *extent;
              events_.fetch(wanted->future, reference, view_.inside(*extent),
                            [this, number = reference.number](bool lost, const std::string& trouble) {
                              if (trouble.empty()) {
                                arrived(number);
                                if (Object* here = find(number)) {
                                  here->copy = true;
                                  events_.copied(here->future, number);
                                }
                                return;
                              }
                              give_back(*find(number));
                              failed(number, {FailureKind::kLost, trouble, lost});
                            });
            });
  static_cast<void>(object);
}

/// It is in memory: who asked gets it.
void Objects::arrived(std::uint64_t number) {
  Object* object = find(number);
  object->state = State::kHere;
  const auto asking = std::exchange(object->asking, {});
  touch(*object);
  // Pinned for all before anybody is told: what they do may need room.
  std::vector<const Asking*> told;
  for (const Asking& one : asking) {
    if (!processes_.contains(one.who)) continue;
    pin(one.who, *object);
    told.push_back(&one);
  }
  const ObjectPlace place{number, {object->extent.offset, object->size}};
  for (const Asking* one : told) one->then(&place, nullptr);
  if (Object* left = find(number)) unpinned(*left);
}

void Objects::failed(std::uint64_t number, const ObjectProblem& problem) {
  Object* object = find(number);
  const auto asking = std::exchange(object->asking, {});
  const bool lost = object->state == State::kComing;
  if (lost || object->freed) remove(*object);
  for (const Asking& one : asking) {
    if (processes_.contains(one.who)) one.then(nullptr, &problem);
  }
  serve_soon();
}

// ---- pins ----

void Objects::pin(ProcessId who, Object& object) {
  ++processes_.at(who).pins[object.number];
  ++object.pins;
  if (object.idle) idle_.erase(*std::exchange(object.idle, std::nullopt));
}

/// Most recently used, when nobody looks at it.
void Objects::touch(Object& object) {
  if (object.idle) idle_.erase(*std::exchange(object.idle, std::nullopt));
  if (object.pins == 0 && object.state == State::kHere) object.idle = idle_.insert(idle_.end(), object.number);
}

void Objects::unpinned(Object& object) {
  if (object.pins != 0) return;
  if (object.freed) {
    remove(object);
  } else {
    touch(object);
  }
  serve();
}

void Objects::unpin(ProcessId who, std::uint64_t number) {
  const auto process = processes_.find(who);
  Object* object = find(number);
  if (process == processes_.end() || object == nullptr) return;
  if (process->second.writes.erase(number) != 0) {
    remove(*object);
    return serve();
  }
  const auto pins = process->second.pins.find(number);
  if (pins == process->second.pins.end()) return;
  if (--pins->second == 0) process->second.pins.erase(pins);
  --object->pins;
  unpinned(*object);
}

void Objects::gone(ProcessId who) {
  const auto found = processes_.find(who);
  if (found == processes_.end()) return;
  const Process process = std::move(found->second);
  processes_.erase(found);
  for (const std::uint64_t number : process.writes) {
    if (Object* object = find(number)) remove(*object);
  }
  for (const auto& [number, count] : process.pins) {
    Object* object = find(number);
    if (object == nullptr) continue;
    object->pins -= count;
    unpinned(*object);
  }
  serve();
}

void Objects::free(std::uint64_t number) {
  Object* object = find(number);
  if (object == nullptr) return;
  object->freed = true;
  if (object->pins == 0 && object->state != State::kComing && object->state != State::kWriting) {
    remove(*object);
    serve();
  }
}

void Objects::give_back(Object& object) {
  if (object.extent.size != 0) extents_.free(object.extent);
  object.extent = {};
}

void Objects::remove(Object& object) {
  object.freed = true;
  if (object.spilling) return;  // the thread that writes it reads its memory
  if (object.idle) idle_.erase(*object.idle);
  give_back(object);
  if (object.stored) {
    spilled_bytes_ -= object.disk;
    spill_.remove(object.number);
  }
  objects_.erase(object.number);
}

// ---- for others ----

void Objects::lend(std::uint64_t number, bool verify, std::function<void(std::optional<Lent>)> then) {
  Object* object = find(number);
  if (object == nullptr || object->freed || object->state == State::kWriting ||
      (object->state == State::kComing && !object->stored)) {
    return then(std::nullopt);
  }
  want(kWire, object->future, {number, object->size, 0},
       [this, verify, then = std::move(then)](const ObjectPlace* place, const ObjectProblem*) {
         if (place == nullptr) return then(std::nullopt);
         const std::uint64_t pinned = place->number;
         const auto bytes = view_.bytes(place->extent);
         const auto give = [this, pinned, bytes, then](std::uint64_t checksum) {
           Object& here = *find(pinned);  // it is pinned
           if (here.checksum && *here.checksum != checksum) {
             if (!std::exchange(here.damaged, true)) {
               events_.log("the copy of an object in memory is damaged and is dropped");
               events_.dropped(here.future);
             }
             here.freed = true;
             unpin(kWire, pinned);
             return then(std::nullopt);
           }
           here.checksum = checksum;
           const auto let_go = [this, pinned, alive = std::weak_ptr<bool>(alive_)](const void*) {
             boost::asio::post(io_, [this, pinned, alive] {
               if (alive.lock()) unpin(kWire, pinned);
             });
           };
           then(Lent{bytes, checksum, std::shared_ptr<const void>(bytes.data(), let_go)});
         };
         if (const Object* known = find(pinned); known->checksum && !verify) return give(*known->checksum);
         run([bytes] { return data::checksum(bytes); }, give);
       });
}

void Objects::receive(std::uint64_t size, std::function<void(std::optional<Incoming>, std::string)> then) {
  reserve(kWire, size, [this, then = std::move(then)](const ObjectPlace* place, const ObjectProblem* problem) {
    if (place == nullptr) return then(std::nullopt, problem->sentence);
    const auto bytes = view_.inside(place->extent);
    const auto let_go = [this, number = place->number, alive = std::weak_ptr<bool>(alive_)](const void*) {
      boost::asio::post(io_, [this, number, alive] {
        if (alive.lock()) hand_over(number, 0);
      });
    };
    then(Incoming{place->number, bytes, std::shared_ptr<const void>(bytes.data(), let_go)}, "");
  });
}

bool Objects::hand_over(std::uint64_t number, ProcessId who) {
  Object* object = find(number);
  if (object == nullptr || processes_.at(kWire).writes.erase(number) == 0) return false;
  const auto process = processes_.find(who);
  if (process == processes_.end()) {
    remove(*object);
    serve();
    return false;
  }
  object->writer = who;
  process->second.writes.insert(number);
  return true;
}

std::vector<ObjectSeen> Objects::list() const {
  std::vector<ObjectSeen> all;
  const std::uint64_t now = monotonic_ms();
  for (const auto& [number, object] : objects_) {
    const bool writing = object->state == State::kWriting;
    all.push_back({number, object->future, object->size, writing || object->state == State::kHere, object->stored,
                   now - object->made, object->pins, state_text(*object)});
  }
  return all;
}

const char* Objects::state_text(const Object& object) {
  if (object.state == State::kWriting) return "being written";
  if (!object.freed) return "";
  return object.pins != 0 ? "freed, still read" : "freed, still worked on";
}

Objects::Usage Objects::usage() const {
  return {extents_.capacity(), extents_.used(), spilled_bytes_, objects_.size()};
}

}  // namespace morrow::worker
