// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/object_memory.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "wire/frame.h"

namespace morrow::runtime {

namespace {

/// What keeps an object that is, or was, written here. Only rooms with an object have one.
struct Writing {
  std::shared_ptr<ObjectMemory> memory;
  std::span<std::byte> inside;
  std::optional<data::ArenaView::Writable> in_place;
  std::uint64_t object;
  std::uint64_t size;
  std::atomic<bool> published = false;
  bool keeps = true;  ///< the worker holds a reservation, or a pin, for us

  Writing(std::shared_ptr<ObjectMemory> from, std::uint64_t number, std::uint64_t bytes)
      : memory(std::move(from)), object(number), size(bytes) {
    memory->begin_look();
  }
  ~Writing() {
    seal();
    memory->end_look(keeps ? object : 0);
  }
  void seal() {
    if (in_place) in_place->seal();
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
};

Writing& writing_of(const detail::Room& room) {
  return *const_cast<Writing*>(static_cast<const Writing*>(room.owner.get()));
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
  const auto writing = std::make_shared<Writing>(shared_from_this(), object, size);
  if (in_place) {
    writing->in_place.emplace(view_.write({offset, size}));
    writing->inside = {writing->in_place->data(), size};
  } else {
    writing->inside = view_.inside({offset, size});
  }
  const auto bytes = view_.bytes({offset, size});
  return {{const_cast<std::byte*>(bytes.data()), bytes.size()}, writing, object};
}

void ObjectMemory::let_go(std::uint64_t object) {
  const std::lock_guard lock(mutex_);
  tell(object);
}

void ObjectMemory::begin_look() {
  const std::lock_guard lock(mutex_);
  ++looks_;
}

void ObjectMemory::end_look(std::uint64_t object) {
  const std::lock_guard lock(mutex_);
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
  let_go_.push_back(object);
  if (let_go_.size() == 1) stir_();
}

/// What can't be said now is found at the end of the connection, and of the process.
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

std::vector<std::uint64_t> ObjectMemory::take_let_go() {
  const std::lock_guard lock(mutex_);
  return std::exchange(let_go_, {});
}

void ObjectMemory::disconnect() {
  const std::lock_guard lock(mutex_);
  stir_ = nullptr;
  let_go_.clear();
}

void ObjectMemory::leave(wire::Fd connection) {
  const std::lock_guard lock(mutex_);
  stir_ = nullptr;
  left_by_ = std::move(connection);
  left_in_ = getpid();
  for (const std::uint64_t object : std::exchange(let_go_, {})) {
    if (left_by_) tell(object);
  }
  if (looks_ == 0 && left_by_) say_farewell();
}

std::byte* inside_of(const detail::Room& room) {
  return room.object == 0 ? room.bytes.data() : writing_of(room).inside.data();
}

void seal_room(const detail::Room& room) {
  if (room.object != 0) writing_of(room).seal();
}

bool take_to_publish(const detail::Room& room) {
  return room.object != 0 && !writing_of(room).published.exchange(true);
}

Published publish(const detail::Room& room, const std::shared_ptr<ObjectMemory>& memory) {
  Writing& writing = writing_of(room);
  if (writing.memory != memory) return {};
  writing.seal();
  // With no other copy of the owner nobody reads it here any more.
  const bool keeps = room.owner.use_count() > 1;
  writing.keeps = keeps;
  return {writing.object, writing.size, keeps};
}

}  // namespace morrow::runtime
