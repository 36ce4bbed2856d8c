#include "runtime/object_memory.h"

#include <optional>
#include <utility>

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
      : memory(std::move(from)), object(number), size(bytes) {}
  ~Writing() {
    seal();
    if (keeps) memory->let_go(object);
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
  return {bytes, std::shared_ptr<const void>(
                     bytes.data(), [memory = shared_from_this(), object](const void*) { memory->let_go(object); })};
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
  if (!stir_) return;
  let_go_.push_back(object);
  if (let_go_.size() == 1) stir_();
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
