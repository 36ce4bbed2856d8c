// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/reservations.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"

// The problem: a value of some kilobytes is written faster than its worker answers the question where to. A thread that
// writes many would wait for a good part of its time.
//
// So the question for the next room goes out with each value that follows another one within kSoon, for the same size:
// it is answered while this value is written. There is one such room at the most, and it is asked for only if it is
// free: nothing is spilled to disk for a guess. Room that is kept for nothing is missed by others, so it is given back
// when this process waits for a future, ends a task or falls quiet, or when the next value has another size. An answer
// that is on its way then is given back when it comes.
//
// When the session moves to another worker, calls that wait ask there again (append_unanswered); spare room is the old
// worker's, and forgotten.
namespace morrow::runtime {

namespace {

constexpr std::chrono::milliseconds kSoon{5};
constexpr std::size_t kLargestSpare = 4 << 20;  // for larger ones the question is a small part of the whole

}  // namespace

wire::Reserve Reservations::add(Request& request, std::uint64_t token) {
  MORROW_INVARIANT(!request.answer, "a room is asked for before it is given", token);
  MORROW_INVARIANT(token != spare_token_, "each question for room has its own token", token);
  request.token = token;
  const bool added = requests_.emplace(token, &request).second;
  MORROW_INVARIANT(added, "each question for room has its own token", token);
  wire::Reserve message;
  message.set_token(token);
  message.set_size(request.size);
  return message;
}

void Reservations::remove(const Request& request) {
  base::must_erase(requests_, request.token, "a call for room waits until it is removed");
}

bool Reservations::any_waits() const {
  return std::any_of(requests_.begin(), requests_.end(), [](const auto& one) { return !one.second->answer; });
}

std::optional<Reservations::SpareRoom> Reservations::take_spare(std::size_t size) {
  if (spare_.object == 0 || size > spare_.size || size < spare_.size / 2) return std::nullopt;
  MORROW_INVARIANT(spare_token_ == 0, "no spare room is asked for while there is one", spare_token_, spare_.object);
  return std::exchange(spare_, {});
}

bool Reservations::wants_spare(std::size_t size, Clock::time_point now) {
  const bool soon = now - std::exchange(last_at_, now) < kSoon;
  return soon && size <= kLargestSpare && spare_token_ == 0 && spare_.object == 0;
}

wire::Reserve Reservations::ask_spare(std::size_t size, std::uint64_t token) {
  MORROW_INVARIANT(spare_token_ == 0 && spare_.object == 0, "spare room is asked for when there is none", spare_token_,
                   spare_.object);
  MORROW_INVARIANT(!requests_.contains(token), "each question for room has its own token", token);
  spare_token_ = token;
  spare_.size = size;
  wire::Reserve message;
  message.set_token(token);
  message.set_size(size);
  message.set_if_free(true);
  return message;
}

std::uint64_t Reservations::release_spare() {
  spare_unwanted_ = spare_token_ != 0;
  return std::exchange(spare_.object, 0);
}

std::uint64_t Reservations::take_answer(const wire::Reserved& answer, const std::shared_ptr<ObjectMemory>& memory) {
  if (spare_token_ != 0 && answer.token() == spare_token_) {
    spare_token_ = 0;
    if (std::exchange(spare_unwanted_, false)) return answer.object();
    MORROW_INVARIANT(spare_.object == 0, "no spare room is asked for while there is one", spare_.object);
    spare_.object = answer.object();
    spare_.offset = answer.offset();
    return 0;
  }
  const auto found = requests_.find(answer.token());
  if (found == requests_.end()) return answer.object();
  Request& request = *found->second;
  if (request.answer) return answer.object();  // said twice
  request.answer = answer;
  request.memory = memory;
  request.waiter.changed.notify_one();
  return 0;
}

void Reservations::append_unanswered(std::string& frames) const {
  for (const auto& [token, request] : requests_) {
    if (request->answer) continue;
    wire::Reserve message;
    message.set_token(token);
    message.set_size(request->size);
    wire::append_frame(frames, wire::RESERVE, message);
  }
}

}  // namespace morrow::runtime
