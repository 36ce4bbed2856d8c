// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/object_memory.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "base/invariant.h"
#include "wire/frame.h"

namespace morrow::runtime {

namespace {

/// The owner of an object that is, or was, written here. Only rooms with an object have one.
struct WrittenObject {
  std::shared_ptr<ObjectMemory> memory;
  std::span<std::byte> inside;
  std::optional<data::ArenaView::Writable> in_place;
  std::uint64_t object;
  std::uint64_t size;
  std::atomic<bool> published = false;
  bool keeps = true;  ///< the worker holds a reservation, or a pin, for us

  WrittenObject(std::shared_ptr<ObjectMemory> from, std::uint64_t number, std::uint64_t bytes)
      : memory(std::move(from)), object(number), size(bytes) {
    memory->begin_look();
  }
  ~WrittenObject() {
    seal();
    memory->end_look(keeps ? object : 0);
  }
  void seal() {
    if (in_place) in_place->seal();
  }
  WrittenObject(const WrittenObject&) = delete;
  WrittenObject& operator=(const WrittenObject&) = delete;
};

WrittenObject& written_in(const detail::Room& room) {
  return *const_cast<WrittenObject*>(static_cast<const WrittenObject*>(room.owner.get()));
}

}  // namespace

ObjectMemory::ObjectMemory(int descriptor, std::function<void()> stir) : view_(descriptor), stir_(std::move(stir)) {}

detail::Value ObjectMemory::read(std::uint64_t object, std::uint64_t offset, std::uint64_t size) {
  const auto bytes = view_.bytes({offset, size});
  begin_look();
  return {bytes, std::shared_ptr<const void>(
                     bytes.data(), [memory = shared_from_this(), object](const void*) { memory->end_look(object); })};
}

detail::Room ObjectMemory::write(std::uint64_t object, std::uint64_t offset, std::uint64_t size, bool in_place) {
  const auto writing = std::make_shared<WrittenObject>(shared_from_this(), object, size);
  if (in_place) {
    writing->in_place.emplace(view_.write({offset, size}));
    writing->inside = {writing->in_place->data(), size};
  } else {
    writing->inside = view_.inside({offset, size});
  }
  const auto bytes = view_.bytes({offset, size});
  return {{const_cast<std::byte*>(bytes.data()), bytes.size()}, writing, object};
}

void ObjectMemory::unpin(std::uint64_t object) {
  const base::MutexLock lock(mutex_);
  tell(object);
}

void ObjectMemory::begin_look() {
  const base::MutexLock lock(mutex_);
  ++looks_;
}

void ObjectMemory::end_look(std::uint64_t object) {
  const base::MutexLock lock(mutex_);
  MORROW_INVARIANT(looks_ > 0, "a look at an object ends once", object);
  --looks_;
  if (object != 0) tell(object);
  if (looks_ == 0 && left_by_) say_farewell();
}

void ObjectMemory::tell(std::uint64_t object) {
  if (left_by_) {
    wire::Unpin message;
    message.add_objects(object);
    return say(message);
  }
  if (!stir_) return;
  unpinned_.push_back(object);
  if (unpinned_.size() == 1) stir_();
}

/// An unpin that can't be told now is found at the end of the connection, and of the process.
void ObjectMemory::say(const wire::Unpin& message) {
  if (getpid() != left_in_) return;
  std::string frame;
  wire::append_frame(frame, wire::UNPIN, message);
  if (send(left_by_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(frame.size()))
    left_by_.reset();
}

void ObjectMemory::say_farewell() {
  wire::Unpin message;
  message.set_all(true);
  say(message);
  left_by_.reset();
}

std::vector<std::uint64_t> ObjectMemory::take_unpinned() {
  const base::MutexLock lock(mutex_);
  return std::exchange(unpinned_, {});
}

void ObjectMemory::disconnect() {
  const base::MutexLock lock(mutex_);
  stir_ = nullptr;
  unpinned_.clear();
}

void ObjectMemory::leave(wire::Fd connection) {
  const base::MutexLock lock(mutex_);
  stir_ = nullptr;
  left_by_ = std::move(connection);
  left_in_ = getpid();
  for (const std::uint64_t object : std::exchange(unpinned_, {})) {
    if (left_by_) tell(object);
  }
  if (looks_ == 0 && left_by_) say_farewell();
}

std::byte* inside_of(const detail::Room& room) {
  return room.object == 0 ? room.bytes.data() : written_in(room).inside.data();
}

void seal_room(const detail::Room& room) {
  if (room.object != 0) written_in(room).seal();
}

bool take_to_publish(const detail::Room& room) {
  return room.object != 0 && !written_in(room).published.exchange(true);
}

Publication publish(const detail::Room& room, const std::shared_ptr<ObjectMemory>& memory) {
  WrittenObject& writing = written_in(room);
  MORROW_INVARIANT(writing.published, "an object is taken before it is published", writing.object);
  if (writing.memory != memory) return {};
  writing.seal();
  // With no other copy of the owner nobody reads it here any more.
  const bool keeps = room.owner.use_count() > 1;
  writing.keeps = keeps;
  return {writing.object, writing.size, keeps};
}

}  // namespace morrow::runtime
