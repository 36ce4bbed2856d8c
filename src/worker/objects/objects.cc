// SPDX-License-Identifier: Apache-2.0
// The ways of an object:
//
//     reserve --> room --> kWriting -- seal --> kHere <-- came -- kComing -- room <-- want, of one that is not here
//                                                |                  ^
//                                    its memory is taken      want, of one on disk
//                                                v                  |
//                                             kOnDisk --------------+
//
// Everything that needs room goes through one queue (room_service.cc), so that a value that is written, one that comes
// back from disk and one that comes from another worker have the same rights. Callers are told by functions that may
// call back into this: so nothing here looks at an object after it has told anybody, but by its number.
//
// A process that is dead gets no answer, and whatever it held comes free. Memory is used again only when nobody can
// look at it: pins, the thread that writes it to disk, and the transfer that fills it each keep it.
#include "worker/objects/objects.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "base/monotonic_clock.h"
#include "control/coverage_mark.h"
#include "worker/objects/no_room.h"

namespace morrow::worker {

using control::FailureKind;
using State = ObjectState;

namespace {

constexpr std::uint64_t kPrefetchPart = 8;  // of the memory is for what nobody needs at once

}  // namespace

Objects::Objects(boost::asio::io_context& io, ObjectOptions options, Events events, KeptObjects kept)
    : options_(std::move(options)),
      events_(std::move(events)),
      arena_(kept.arena ? std::move(kept.arena) : std::make_unique<data::Arena>(options_.memory)),
      view_(arena_->fd()),
      extents_(arena_->capacity()),
      queue_({.capacity_bytes = extents_.capacity(), .patience_ms = options_.room_within_ms}),
      room_questions_(room_questions()),
      background_(io),
      growth_(*arena_, extents_, background_, {options_.grow_again_ms, options_.before_growth},
              {.exists = [this](data::Extent extent, Ticket ticket) { answer(ticket, extent, {}); },
               .failed = [this](Ticket ticket) { queue_.put_back(ticket); },
               .changed = [this] { serve(); },
               .log = events_.log}),
      way_back_(extents_.capacity()),
      spiller_(table_, extents_, view_, background_,
               {options_.spill_folder, options_.owner, options_.disk_to_leave, options_.disk_most},
               {.written =
                    [this](Object& object) {
                      if (object.stored && events_.spilled) events_.spilled(object.session, object.size_bytes);
                      if (object.freed && object.pins == 0) remove(object);
                      for (const auto& then : std::exchange(after_writes_, {})) then();
                      serve();
                    },
                .give_up = [this](const Object& object) { give_up(object); },
                .changed = [this](const Object& object) { way_back_.note(object); },
                .log = events_.log},
               std::move(kept.folder)),
      timer_(io) {
  came(kThisWorker);
  take_over(kept);
}

Objects::~Objects() { background_.stop(); }

// ---- writing ----

void Objects::reserve(ProcessId who, std::uint64_t size, Then then, bool if_free) {
  if (!holders_.knows(who)) return;
  if (if_free && (!queue_.empty() || extents_.largest_free() < size)) {
    const ObjectProblem none = no_room_for(size, "");
    return then(nullptr, &none);
  }
  ask_room(
      size, {{.process = who}}, nullptr,
      [this, who, if_free, then = std::move(then)](std::optional<data::Extent> extent, const ObjectProblem& problem) {
        if (!holders_.knows(who)) {
          if (extent) extents_.free(*extent);
          return;
        }
        if (!extent) return then(nullptr, &problem);
        Object& object = table_.create_to_write(who, *extent, base::monotonic_ms());
        holders_.begin_writing(who, object.number);
        note_held(who);
        keep_way_back(object, if_free,
                      [this, who, then, place = ObjectPlace{object.number, *extent}](const std::string& trouble) {
                        if (trouble.empty()) return then(&place, nullptr);
                        unpin(who, place.number);
                        const ObjectProblem refused = no_room_for(place.extent.size, "; " + trouble);
                        then(nullptr, &refused);
                      });
      });
}

/// A new value has its place: it may stay there as long as what is on disk finds another one. With `if_free` nothing is
/// done for it.
void Objects::keep_way_back(Object& object, bool if_free, std::function<void(const std::string& problem)> then) {
  way_back_.note(object);
  if (way_back_.is_open()) return then("");
  constexpr const char* kWhy = "what is free is kept for values to come back from disk";
  if (if_free) return then(kWhy);
  spiller_.promise(object, [this, number = object.number, then = std::move(then)](const base::Result<void>& result) {
    Object& kept = table_.get(number, "an object that a thread worked on is not erased");
    if (kept.state == State::kWriting && kept.freed) {  // its writer is dead
      remove(kept);
    } else if (result.ok() || way_back_.is_open()) {
      then("");
    } else if (spiller_.is_writing_ahead()) {
      look_again_for_way_back(number, then);
    } else {
      then(std::string(kWhy) + ", and " + result.problem());
    }
    serve();
  });
}

/// What is being written takes the disk, and its memory will come free for it: only then it is known what is left.
void Objects::look_again_for_way_back(std::uint64_t number, std::function<void(const std::string& problem)> then) {
  control::coverage_mark<"a way back waits for what is being written">();
  after_writes_.push_back([this, number, then = std::move(then)] {
    Object* const kept = table_.find(number);
    if (kept == nullptr) return;  // so is who waited
    if (kept->spilling || kept->stored || kept->promised_bytes != 0) return then("");
    keep_way_back(*kept, false, then);
  });
}

bool Objects::seal(ProcessId who, std::uint64_t number, std::uint64_t size, const ObjectOwner& owner, bool keeps) {
  Object* object = table_.find(number);
  if (object == nullptr || object->state != State::kWriting || object->writer != who || size > object->size_bytes)
    return false;
  const bool was_writing = holders_.end_writing(who, number);
  MORROW_INVARIANT(was_writing, "the writer of an object holds it", who, number);
  ObjectTable::move_to(*object, State::kHere);
  object->size_bytes = size;
  object->future = owner.future;
  object->session = owner.session;
  object->writer = kNoProcess;
  if (keeps) pin(who, *object);
  table_.touch(*object);
  serve_soon();
  return true;
}

// ---- reading ----

void Objects::want(ProcessId who, control::FutureId future, const control::ObjectRef& reference, Then then,
                   bool brief) {
  if (!holders_.knows(who)) return;
  Object* object = table_.find(reference.number);
  if (object == nullptr) {
    Object& coming = table_.create_coming(reference.number, future, reference.size, base::monotonic_ms());
    coming.askers.push_back({who, std::move(then), brief});
    return fetch(coming, reference);
  }
  if (object->damaged) {
    const ObjectProblem problem{FailureKind::kLost,
                                "the copy here is damaged, and somebody still looks at it: ask again later"};
    return then(nullptr, &problem);
  }
  if (object->state == State::kHere) {
    pin(who, *object);
    const ObjectPlace place{object->number, {object->extent.offset, object->size_bytes}};
    return then(&place, nullptr);
  }
  if (object->state == State::kWriting) {
    const ObjectProblem problem{FailureKind::kLost, "its value is not written yet"};
    return then(nullptr, &problem);
  }
  object->askers.push_back({who, std::move(then), brief});
  if (object->state == State::kOnDisk) return restore(*object);
  queue_.join(object->ticket, {who, brief});
}

void Objects::prefetch(control::FutureId future, const control::ObjectRef& reference) {
  const Object* object = table_.find(reference.number);
  if (object != nullptr && object->state != State::kOnDisk) return;
  if (extents_.largest_free() < reference.size) return;  // who must have it asks, and waits
  // What is on its way holds room: two workers that are full of it would wait for each other.
  if (prefetching_bytes_ + reference.size > extents_.capacity() / kPrefetchPart) return;
  prefetching_bytes_ += reference.size;
  const auto let_go = [this, size = reference.size](const ObjectPlace* place, const ObjectProblem*) {
    MORROW_INVARIANT(prefetching_bytes_ >= size, "what was prefetched counts", prefetching_bytes_, size);
    prefetching_bytes_ -= size;
    if (place != nullptr) unpin(kThisWorker, place->number);
  };
  want(kThisWorker, future, reference, let_go, true);
}

void Objects::restore(Object& object) {
  ObjectTable::move_to(object, State::kComing);
  ask_room_for(object, object.size_bytes,
               [this, number = object.number](std::optional<data::Extent> extent, const ObjectProblem& problem) {
                 Object& wanted = table_.get(number, "an object that is to come is not erased");
                 if (!extent) {
                   ObjectTable::move_to(wanted, State::kOnDisk);
                   return failed(wanted, problem);
                 }
                 wanted.extent = *extent;
                 way_back_.note(wanted);
                 read_from_disk(wanted);
               });
}

void Objects::read_from_disk(Object& object) {
  spiller_.read(object, [this, number = object.number](const base::Result<void>& result) {
    Object& read = table_.get(number, "an object that is to come is not erased");
    if (result.ok()) return arrived(read);
    events_.log("the copy of an object on disk can't be used and is dropped: " + result.problem());
    spiller_.remove_file(read);
    give_back(read);
    events_.dropped(read.future);
    // Another worker may have one.
    fetch(read, {number, read.size_bytes, 0});
  });
}

void Objects::fetch(Object& object, const control::ObjectRef& reference) {
  const auto filled = [this, number = reference.number](bool lost, const std::string& trouble) {
    Object& wanted = table_.get(number, "an object that is to come is not erased");
    if (!trouble.empty()) {
      give_back(wanted);
      return failed(wanted, {FailureKind::kLost, trouble, lost});
    }
    arrived(wanted);
    if (const Object* here = table_.find(number)) events_.copied(here->future, number);
  };
  ask_room_for(object, reference.size,
               [this, reference, filled](std::optional<data::Extent> extent, const ObjectProblem& problem) {
                 Object& wanted = table_.get(reference.number, "an object that is to come is not erased");
                 if (!extent) return failed(wanted, problem);
                 wanted.extent = *extent;
                 way_back_.note(wanted);
                 events_.fetch(wanted.future, reference, view_.inside(*extent), filled);
               });
}

/// It is in memory: whoever asked gets it.
void Objects::arrived(Object& object) {
  const std::uint64_t number = object.number;
  ObjectTable::move_to(object, State::kHere);
  const auto askers = std::exchange(object.askers, {});
  table_.touch(object);
  // Pinned for all before anybody is told: what they do may need room.
  std::vector<const ObjectAsker*> told;
  for (const ObjectAsker& one : askers) {
    if (!holders_.knows(one.process)) continue;
    pin(one.process, object);
    told.push_back(&one);
  }
  const ObjectPlace place{number, {object.extent.offset, object.size_bytes}};
  for (const ObjectAsker* one : told) one->then(&place, nullptr);
  if (Object* left = table_.find(number)) unpinned(*left);
}

/// It does not come: whoever asked is told so.
void Objects::failed(Object& object, const ObjectProblem& problem) {
  const auto askers = std::exchange(object.askers, {});
  if (object.state == State::kComing || object.freed) remove(object);
  for (const ObjectAsker& one : askers) {
    if (holders_.knows(one.process)) one.then(nullptr, &problem);
  }
  serve_soon();
}

// ---- pins ----

void Objects::pin(ProcessId who, Object& object) {
  holders_.pin(who, object.number);
  table_.pin(object);
  note_held(who);
}

/// After a pin was taken back.
void Objects::unpinned(Object& object) {
  if (object.pins != 0) return;
  if (object.freed) {
    remove(object);
  } else {
    table_.touch(object);
  }
  serve();
}

void Objects::unpin(ProcessId who, std::uint64_t number) {
  Object* object = table_.find(number);
  if (object == nullptr) return;
  if (holders_.end_writing(who, number)) {
    remove(*object);
    return serve();
  }
  if (!holders_.unpin(who, number)) return;
  table_.unpin(*object);
  unpinned(*object);
}

void Objects::gone(ProcessId who) {
  if (!holders_.knows(who)) return;
  const Holders::Held held = holders_.gone(who);
  needs_.of_tasks.gone(who);
  needs_.of_chains.gone(who);
  for (const Ticket ticket : queue_.leave(who)) answer(ticket, std::nullopt, {});  // so that nobody stands behind it
  for (const std::uint64_t number : held.writes) remove(table_.get(number, "an object that is written is not erased"));
  for (const auto& [number, count] : held.pins) {
    Object& object = table_.get(number, "an object that is pinned is not erased");
    table_.unpin(object, count);
    unpinned(object);
  }
  serve();
}

void Objects::free(std::uint64_t number) {
  Object* object = table_.find(number);
  if (object == nullptr) return;
  object->freed = true;
  if (object->pins == 0 && object->state != State::kComing && object->state != State::kWriting) {
    remove(*object);
    serve();
  }
}

void Objects::give_back(Object& object) {
  MORROW_INVARIANT(object.pins == 0 && !object.spilling, "memory that is given back is not looked at", object.number,
                   object.pins, object.spilling);
  if (object.extent.size == 0) return;
  extents_.free(std::exchange(object.extent, {}));
  way_back_.note(object);
}

void Objects::give_up(const Object& object) {
  events_.give_up(object.future, object.number, [this, number = object.number](bool given) {
    gave_up(table_.get(number, "a copy that is to be given up is not erased"), given);
  });
}

void Objects::gave_up(Object& object, bool given) {
  spiller_.gave_up(object);
  if (given || object.freed) {
    object.freed = true;  // whoever has begun to look at it meanwhile goes on
    if (object.pins == 0) remove(object);
  } else {
    object.is_copy = false;  // it is the last there is: from here on as if it had been made here
    keep_way_back(object, false, [](const std::string&) {});
  }
  serve();
}

void Objects::remove(Object& object) {
  object.freed = true;
  if (object.spilling) return;  // the thread that writes it reads its memory
  give_back(object);
  spiller_.remove_file(object);
  way_back_.forget(object.number);
  table_.erase(object);
}

// ---- seen from outside ----

bool Objects::anything_held() const {
  return growth_.is_growing() || std::any_of(table_.all().begin(), table_.all().end(), [](const auto& entry) {
           const Object& object = *entry.second;
           return object.extent.size != 0 && (!object.idle || object.spilling);
         });
}

std::vector<ObjectSeen> Objects::list() const {
  const auto state_text = [](const Object& object) {
    if (object.state == State::kWriting) return "being written";
    if (!object.freed) return "";
    return object.pins != 0 ? "freed, still read" : "freed, still worked on";
  };
  std::vector<ObjectSeen> all;
  const std::uint64_t now_ms = base::monotonic_ms();
  for (const auto& [number, object] : table_.all()) {
    const bool in_memory = object->state == State::kWriting || object->state == State::kHere;
    all.push_back({number, object->future, object->size_bytes, in_memory, object->stored, now_ms - object->made_ms,
                   object->pins, state_text(*object)});
  }
  return all;
}

Objects::Usage Objects::usage() const {
  return {extents_.capacity(), extents_.used(), spiller_.stored_bytes() + spiller_.promised_bytes(),
          table_.all().size()};
}

}  // namespace morrow::worker
