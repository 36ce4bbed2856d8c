// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/random_id.h"
#include "base/shown.h"
#include "runtime/backend/refusals.h"
#include "runtime/client/client.h"
#include "runtime/values/values.h"
#include "wire/net_stream.h"

// Values that lie in the worker's object memory.
namespace morrow::runtime {

using detail::FutureId;

namespace {

// Large values that get_all asks for at once: several threads that do so must not stand in each other's way.
constexpr std::uint64_t kWindowOfMemory = 16;
constexpr std::uint64_t kWindowBytes = 16 << 20;  // where there is no object memory
constexpr int kFetchTries = 5;
constexpr std::chrono::milliseconds kFetchAgain{25};
constexpr int kSlowestAgain = 5;  // doublings

/// Before the next try, ever longer, and not as long as others wait that were sent away together.
void pause_after(int tries) {
  const std::chrono::milliseconds whole = kFetchAgain * (1 << std::min(tries, kSlowestAgain));
  const auto part = static_cast<std::int64_t>(base::random_id() % static_cast<std::uint64_t>(whole.count()));
  std::this_thread::sleep_for(whole / 2 + std::chrono::milliseconds(part));
}

}  // namespace

void Client::set_memory(wire::Fd descriptor, std::function<void()> stir) {
  ++workers_;
  reservations_.forget_spare();
  if (memory_) memory_->disconnect();
  memory_ = descriptor ? std::make_shared<ObjectMemory>(descriptor.get(), std::move(stir)) : nullptr;
}

bool Client::send_unpinned() {
  if (!memory_) return false;
  const auto objects = memory_->take_unpinned();
  if (objects.empty()) return false;
  wire::Unpin message;
  for (const std::uint64_t object : objects) message.add_objects(object);
  link_.send(wire::UNPIN, message);
  return true;
}

/// Tells the worker at once; 0: nothing.
void Client::unpin_now(std::uint64_t object) {
  if (object == 0) return;
  wire::Unpin message;
  message.add_objects(object);
  link_.send(wire::UNPIN, message);
  link_.write();
}

std::optional<detail::Room> Client::reserve(std::size_t size, bool in_place) {
  const base::MutexLock lock(link_.mutex());
  check();
  if (!memory_) return std::nullopt;
  send_unpinned();
  if (auto room = take_spare(size, in_place)) return room;
  Reservations::Request request;
  request.size = size;
  link_.send(wire::RESERVE, reservations_.add(request, ++last_token_));
  const base::Defer ends([&] {
    link_.mutex().assert_held();
    reservations_.remove(request);
  });
  link_.write();
  wait_for_answer(request.waiter, [&request] { return request.answer.has_value(); });
  const wire::Reserved& answer = *request.answer;
  if (!answer.error().empty()) throw ObjectMemoryError(base::shown_text(answer.error()));
  if (answer.object() == 0) throw ObjectMemoryError("the worker gave no room, and no reason");
  if (!request.memory) throw ObjectMemoryError("the worker that the session moved to has no object memory");
  ask_spare(size);
  return request.memory->write(answer.object(), answer.offset(), size, in_place);
}

std::optional<detail::Room> Client::take_spare(std::size_t size, bool in_place) {
  if (!reservations_.has_spare()) return std::nullopt;
  const auto spare = reservations_.take_spare(size);
  if (!spare) {
    release_spare();  // it has another size
    return std::nullopt;
  }
  ask_spare(size);
  return memory_->write(spare->object, spare->offset, size, in_place);
}

void Client::ask_spare(std::size_t size) {
  if (!reservations_.wants_spare(size, Clock::now())) return;
  link_.send(wire::RESERVE, reservations_.ask_spare(size, ++last_token_));
  link_.write();
}

bool Client::release_spare() {
  const std::uint64_t object = reservations_.release_spare();
  if (object != 0 && memory_) memory_->unpin(object);
  return object != 0;
}

std::optional<detail::Value> Client::held(FutureId id) {
  const base::MutexLock lock(link_.mutex());
  check();
  return held_values_.find(id);
}

/// How much get_all looks at together.
std::uint64_t Client::window_bytes() {
  const base::MutexLock lock(link_.mutex());
  return memory_ ? memory_->size() / kWindowOfMemory : kWindowBytes;
}

/// Gets the first of these large values and those that follow it, as far as all of them together are not much. Returns
/// how many answers it has seen to.
std::size_t Client::get_window(std::span<const FutureId> ids, std::span<Answer> answers) {
  const std::uint64_t most = window_bytes();
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
  PendingAwait call({.ids = wanted, .values = true, .blocks = true, .in_order = true, .need = wanted.size()});
  await(call, std::nullopt);
  if (call.good() < wanted.size()) fail(wanted[call.good()], call.answers()[call.good()]);
  for (std::size_t i = 0; i < wanted.size(); ++i) places[i]->value = std::move(call.answers()[i].value);
  return end;
}

/// The values that did not come with their answers.
void Client::bring(PendingAwait& call, const Deadline& deadline) {
  const base::Defer unpins([&] {
    for (Answer& answer : call.answers()) unpin(answer);
  });
  for (std::size_t i = 0; i < call.answers().size(); ++i) {
    Answer& answer = call.answers()[i];
    if (answer.object != 0) bring(call.question(), call.question().ids[i], answer, deadline);
  }
}

/// When the worker can't give it, it is asked anew, or the one that the session has moved to: only a worker can say
/// that a value is lost. One that is busy is asked for as long as the session goes on.
void Client::bring(const Question& question, FutureId id, Answer& answer, const Deadline& deadline) {
  int failures = 0;
  for (int tries = 1;; ++tries) {
    try {
      answer.value = fetch_object(answer.object, answer.size);
      return unpin(answer);
    } catch (const wire::NetworkError& error) {
      unpin(answer);
      const bool busy = dynamic_cast<const wire::Busy*>(&error) != nullptr && (!deadline || Clock::now() < *deadline);
      if (!busy && ++failures == kFetchTries)
        throw SessionError(std::string("a value could not be fetched: ") + error.what());
    }
    pause_after(tries);
    PendingAwait again({.ids = {&id, 1}, .values = true, .blocks = question.blocks, .poll = question.poll, .need = 1});
    ask_and_wait(again, deadline);
    answer = std::move(again.answers().front());
    if (answer.failure != detail::FailureKind::kNone) fail(id, answer);
    if (answer.object == 0) return;
  }
}

void Client::unpin(Answer& answer) {
  const std::uint64_t object = std::exchange(answer.object, 0);
  if (object == 0) return;
  const base::MutexLock lock(link_.mutex());
  if (answer.worker == workers_) unpin_now(object);
}

/// When the worker can't be reached, it goes to the one that the session moves to; when it is busy, it is asked again.
std::uint64_t Client::put_apart(detail::ByteView bytes) {
  int failures = 0;
  for (int tries = 1;; ++tries) {
    try {
      return put_object(bytes);
    } catch (const wire::Busy&) {
    } catch (const wire::NetworkError& error) {
      if (++failures == kFetchTries) throw SessionError(std::string("a value could not be put: ") + error.what());
    }
    pause_after(tries);
    Waiter me;
    const base::MutexLock lock(link_.mutex());
    const auto connected = [this]() REQUIRES(link_.mutex()) { return link_.connected(); };
    link_.wait(me, connected, std::nullopt);
  }
}

/// With the value of a small one, and of a large one where there is no object memory.
wire::Put Client::put_message(const detail::Result& result) {
  wire::Put message;
  if (result.room.object != 0) return message;
  if (result.bytes.size() > detail::kInlineBytes && takes_objects()) {
    message.set_object(put_apart(result.bytes));
    message.set_size(result.bytes.size());
  } else if (result.bytes.size() > kMaxValueBytes) {
    throw TooLargeError("this value is " + std::to_string(result.bytes.size()) +
                        " bytes, and there is no object memory to put it into");
  } else {
    message.set_bytes(result.bytes.data(), result.bytes.size());
  }
  return message;
}

/// The session has moved to another worker since the value was written.
void Client::move_to_other_memory(detail::Result& result) {
  const auto room = reserve(result.room.bytes.size(), false);
  if (!room) throw ObjectMemoryError("the worker that the session moved to has no object memory");
  std::memcpy(inside_of(*room), result.room.bytes.data(), room->bytes.size());
  detail::store(*room, result);
}

FutureId Client::put(detail::Result&& result, const char* type_name, std::int64_t copies) {
  check_copies(copies);
  wire::Put message = put_message(result);
  message.set_name(type_name);
  message.set_copies(static_cast<std::uint32_t>(copies));
  base::MutexLock lock(link_.mutex());
  for (;;) {
    check();
    throttle();
    if (result.room.object == 0) break;
    const Publication published = publish(result.room, memory_);
    if (published.object != 0) {
      message.set_object(published.object);
      message.set_size(published.size);
      message.set_keeps(published.keeps);
      break;
    }
    lock.unlock();
    move_to_other_memory(result);
    lock.lock();
  }
  const Asker asked = asker();
  const FutureId id = new_id(asked);
  write_id(*message.mutable_id(), id);
  message.set_claim(asked.claim);
  message.set_number(changes_.next());
  post(wire::PUT, message, true);
  if (message.keeps()) held_values_.remember(id, result.room.owner, result.room.bytes);
  return id;
}

/// Arguments too large for a message become a value that the task depends on.
bool Client::arguments_go_apart(const detail::Call& call) {
  if (call.arguments.size() <= kLargeArgumentBytes) return false;
  const base::MutexLock lock(link_.mutex());
  return memory_ || takes_objects();
}

/// Nothing when there is no place for them any more.
FutureId Client::put_arguments(const detail::Call& call) {
  detail::Result result;
  detail::store(call.arguments, result);
  if (result.room.object == 0 && !takes_objects()) return {};
  return put(std::move(result), "arguments", 1);
}

}  // namespace morrow::runtime
