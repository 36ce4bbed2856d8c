// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <thread>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/must.h"
#include "runtime/client/impl.h"
#include "runtime/values/values.h"
#include "wire/net_stream.h"

// Values that lie in the worker's object memory.
namespace morrow::runtime {

using detail::FutureId;

namespace {

constexpr std::chrono::milliseconds kSoon{5};
constexpr std::size_t kLargestSpare = 4 << 20;  // for larger ones the question is a small part of the whole
// Large values that get_all asks for at once: others who do so too shall not stand in each other's way.
constexpr std::uint64_t kWindowOfMemory = 16;
constexpr std::uint64_t kWindowBytes = 16 << 20;  // where there is no object memory
constexpr int kFetchTries = 5;
constexpr std::chrono::milliseconds kFetchAgain{25};

}  // namespace

struct Client::Reserving {
  std::uint64_t size = 0;
  bool here = false;
  wire::Reserved answer;
  std::shared_ptr<ObjectMemory> memory;  // that the answer speaks of
  Waiting waiting;
};

void Client::set_memory(wire::Fd descriptor, std::function<void()> stir) {
  ++workers_;
  spare_room_ = {};
  if (memory_) memory_->disconnect();
  memory_ = descriptor ? std::make_shared<ObjectMemory>(descriptor.get(), std::move(stir)) : nullptr;
}

bool Client::send_let_go() {
  if (!memory_) return false;
  const auto objects = memory_->take_let_go();
  if (objects.empty()) return false;
  wire::Unpin message;
  for (const std::uint64_t object : objects) message.add_objects(object);
  link_.send(wire::UNPIN, message);
  return true;
}

std::optional<detail::Room> Client::reserve(std::size_t size, bool in_place) {
  Lock lock(link_.mutex());
  check();
  if (!memory_) return std::nullopt;
  send_let_go();
  if (auto room = take_spare(size, in_place)) return room;
  Reserving reserving;
  reserving.size = size;
  const std::uint64_t token = ++last_token_;
  reserving_[token] = &reserving;
  const base::Defer leaves([&] { base::must_erase(reserving_, token, "a question for room stands until it leaves"); });
  wire::Reserve message;
  message.set_token(token);
  message.set_size(size);
  link_.send(wire::RESERVE, message);
  link_.write();
  before_wait();
  link_.wait(
      lock, reserving.waiting, [&reserving] { return reserving.here; }, std::nullopt);
  after_wait();
  const wire::Reserved& answer = reserving.answer;
  if (!answer.error().empty()) throw ObjectMemoryError(answer.error());
  ask_spare(size);
  return reserving.memory->write(answer.object(), answer.offset(), size, in_place);
}

std::optional<detail::Room> Client::take_spare(std::size_t size, bool in_place) {
  if (spare_room_.object == 0) return std::nullopt;
  if (size > spare_room_.size || size < spare_room_.size / 2) {
    let_spare_go();
    return std::nullopt;
  }
  const Spare taken = std::exchange(spare_room_, {});  // nothing is asked for while there is one
  ask_spare(size);
  return memory_->write(taken.object, taken.offset, size, in_place);
}

/// For who writes values in quick succession: the room for the next one comes while this one is written.
void Client::ask_spare(std::size_t size) {
  const auto now = Clock::now();
  const bool soon = now - std::exchange(last_reserve_, now) < kSoon;
  if (!soon || size > kLargestSpare || spare_room_.asked != 0 || spare_room_.object != 0) return;
  spare_room_.asked = ++last_token_;
  spare_room_.size = size;
  wire::Reserve message;
  message.set_token(spare_room_.asked);
  message.set_size(size);
  message.set_if_free(true);
  link_.send(wire::RESERVE, message);
  link_.write();
}

bool Client::let_spare_go() {
  const std::uint64_t object = std::exchange(spare_room_.object, 0);
  spare_room_.unwanted = spare_room_.asked != 0;
  if (object != 0 && memory_) memory_->let_go(object);
  return object != 0;
}

/// So that a value that this process looks at is found with no question to the worker.
void Client::remember(FutureId id, const std::shared_ptr<const void>& owner, detail::ByteView bytes) {
  held_[id] = {owner, bytes};
  if (held_.size() < sweep_held_at_) return;
  std::erase_if(held_, [](const auto& entry) { return entry.second.owner.expired(); });
  sweep_held_at_ = std::max<std::size_t>(64, 2 * held_.size());
}

void Client::reserved(const wire::Reserved& reserved) {
  if (reserved.token() == spare_room_.asked && spare_room_.asked != 0) {
    spare_room_.asked = 0;
    if (std::exchange(spare_room_.unwanted, false)) {
      wire::Unpin message;
      message.add_objects(reserved.object());
      if (reserved.object() != 0) link_.send(wire::UNPIN, message);
      return link_.write();
    }
    spare_room_.object = reserved.object();
    spare_room_.offset = reserved.offset();
    return;
  }
  const auto found = reserving_.find(reserved.token());
  if (found == reserving_.end()) {
    if (memory_ && reserved.object() != 0) memory_->let_go(reserved.object());
    return;
  }
  Reserving& reserving = *found->second;
  reserving.here = true;
  reserving.answer = reserved;
  reserving.memory = memory_;
  reserving.waiting.changed.notify_one();
}

void Client::append_reserving(std::string& frames) const {
  for (const auto& [token, reserving] : reserving_) {
    if (reserving->here) continue;
    wire::Reserve message;
    message.set_token(token);
    message.set_size(reserving->size);
    wire::append_frame(frames, wire::RESERVE, message);
  }
}

std::optional<detail::Value> Client::held(FutureId id) {
  const Lock lock(link_.mutex());
  check();
  const auto found = held_.find(id);
  if (found == held_.end()) return std::nullopt;
  auto owner = found->second.owner.lock();
  if (!owner) return std::nullopt;
  return detail::Value{found->second.bytes, std::move(owner)};
}

/// Gets the first of these large values and those that follow it, as far as all of them together are not much. Returns
/// how many answers it has seen to.
std::size_t Client::get_window(std::span<const FutureId> ids, std::span<Answer> answers) {
  std::uint64_t most = kWindowBytes;
  {
    const Lock lock(link_.mutex());
    if (memory_) most = memory_->size() / kWindowOfMemory;
  }
  std::vector<FutureId> wanted;
  std::vector<Answer*> places;
  std::uint64_t bytes = 0;
  std::size_t end = 0;
  for (; end < ids.size(); ++end) {
    Answer& answer = answers[end];
    if (!answer.large) continue;
    if (auto value = held(ids[end])) {
      answer.value = *std::move(value);
      continue;
    }
    bytes += answer.size;
    if (!wanted.empty() && bytes > most) break;
    wanted.push_back(ids[end]);
    places.push_back(&answer);
  }
  if (wanted.empty()) return end;
  Awaiting awaiting{.ids = wanted, .values = true, .blocks = true, .in_order = true, .need = wanted.size()};
  await(awaiting, std::nullopt);
  if (awaiting.good < wanted.size()) fail(wanted[awaiting.good], awaiting.answers[awaiting.good]);
  for (std::size_t i = 0; i < wanted.size(); ++i) places[i]->value = std::move(awaiting.answers[i].value);
  return end;
}

/// The values that did not come with their answers.
void Client::bring(Awaiting& awaiting, const Deadline& deadline) {
  const base::Defer unpins([&] {
    for (Answer& answer : awaiting.answers) unpin(answer);
  });
  for (std::size_t i = 0; i < awaiting.answers.size(); ++i) {
    Answer& answer = awaiting.answers[i];
    if (answer.object != 0) bring(awaiting, awaiting.ids[i], answer, deadline);
  }
}

/// When the worker can't give it, it is asked anew, or the one that the session has moved to: what is lost is for a
/// worker to say.
void Client::bring(const Awaiting& awaiting, FutureId id, Answer& answer, const Deadline& deadline) {
  for (int tries = 1;; ++tries) {
    try {
      answer.value = fetch_object(answer.object, answer.size);
      return unpin(answer);
    } catch (const wire::NetworkError& error) {
      unpin(answer);
      if (tries == kFetchTries) throw SessionError(std::string("a value could not be fetched: ") + error.what());
    }
    std::this_thread::sleep_for(kFetchAgain * (1 << tries));
    Awaiting again{.ids = {&id, 1}, .values = true, .blocks = awaiting.blocks, .poll = awaiting.poll, .need = 1};
    ask_and_wait(again, deadline);
    answer = std::move(again.answers.front());
    if (answer.failure != detail::FailureKind::kNone) fail(id, answer);
    if (answer.object == 0) return;
  }
}

void Client::unpin(Answer& answer) {
  const std::uint64_t object = std::exchange(answer.object, 0);
  if (object == 0) return;
  const Lock lock(link_.mutex());
  if (answer.worker != workers_) return;
  wire::Unpin message;
  message.add_objects(object);
  link_.send(wire::UNPIN, message);
  link_.write();
}

/// When the worker can't be reached, it goes to the one that the session moves to.
std::uint64_t Client::put_apart(detail::ByteView bytes) {
  for (int tries = 1;; ++tries) {
    try {
      return put_object(bytes);
    } catch (const wire::NetworkError& error) {
      if (tries == kFetchTries) throw SessionError(std::string("a value could not be put: ") + error.what());
    }
    std::this_thread::sleep_for(kFetchAgain * (1 << tries));
    Waiting me;
    Lock lock(link_.mutex());
    link_.wait(
        lock, me, [this] { return link_.connected(); }, std::nullopt);
  }
}

FutureId Client::put(detail::Result&& result, const char* type_name) {
  wire::Put message;
  message.set_name(type_name);
  if (result.room.object == 0) {
    const bool large = result.bytes.size() > detail::kInlineBytes && takes_objects();
    if (large) {
      message.set_object(put_apart(result.bytes));
      message.set_size(result.bytes.size());
    } else if (result.bytes.size() > kMaxValueBytes) {
      throw TooLargeError("this value is " + std::to_string(result.bytes.size()) +
                          " bytes, and there is no object memory to put it into");
    } else {
      message.set_bytes(result.bytes.data(), result.bytes.size());
    }
  }
  Lock lock(link_.mutex());
  for (;;) {
    check();
    make_room(lock);
    if (result.room.object == 0) break;
    const Published published = publish(result.room, memory_);
    if (published.object != 0) {
      message.set_object(published.object);
      message.set_size(published.size);
      message.set_keeps(published.keeps);
      break;
    }
    // The session has moved to another worker since it was written.
    lock.unlock();
    const auto room = reserve(result.room.bytes.size(), false);
    if (!room) throw ObjectMemoryError("the worker that the session moved to has no object memory");
    std::memcpy(inside_of(*room), result.room.bytes.data(), room->bytes.size());
    detail::store(*room, result);
    lock.lock();
  }
  const Asker asked = asker();
  const FutureId id{asked.scope, ++*asked.sequence};
  write_id(*message.mutable_id(), id);
  message.set_claim(asked.claim);
  message.set_number(++last_number_);
  post(lock, wire::PUT, message, true);
  if (message.keeps()) remember(id, result.room.owner, result.room.bytes);
  return id;
}

/// Arguments too large for a message become a value that the task depends on.
bool Client::arguments_go_apart(const detail::Call& call) {
  if (call.arguments.size() <= kLargeArgumentBytes) return false;
  const Lock lock(link_.mutex());
  return memory_ || takes_objects();
}

/// Nothing when there is no place for them any more.
FutureId Client::put_arguments(const detail::Call& call) {
  detail::Result result;
  detail::store(call.arguments, result);
  if (result.room.object == 0 && !takes_objects()) return {};
  return put(std::move(result), "arguments");
}

}  // namespace morrow::runtime
