// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/pending_awaits.h"

#include <algorithm>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kMaxIdsInAwait = 100'000;  // a frame has an end

}  // namespace

bool PendingAwait::done() {
  if (!question_.in_order) return count_ >= question_.need;
  const auto is_good = [](const Answer& answer) { return answer.here && answer.failure == detail::FailureKind::kNone; };
  while (good_ < answers_.size() && is_good(answers_[good_])) ++good_;
  return good_ == answers_.size() || answers_[good_].here;
}

Answer& PendingAwait::take(std::size_t index) {
  MORROW_INVARIANT(index < answers_.size() && !answers_[index].here, "a future is answered once", index,
                   answers_.size());
  ++count_;
  MORROW_INVARIANT(count_ <= answers_.size(), "no more answers come than futures were asked for", count_,
                   answers_.size());
  answers_[index].here = true;
  return answers_[index];
}

std::size_t PendingAwait::parts() const { return (question_.ids.size() + kMaxIdsInAwait - 1) / kMaxIdsInAwait; }

wire::Await PendingAwait::message(std::size_t part) const {
  wire::Await message;
  message.set_token(token(part));
  const auto rest = question_.ids.subspan(part * kMaxIdsInAwait);
  const auto some = rest.first(std::min(kMaxIdsInAwait, rest.size()));
  message.mutable_ids()->Reserve(2 * static_cast<int>(some.size()));
  for (const detail::FutureId id : some) {
    message.add_ids(id.scope);
    message.add_ids(id.sequence);
  }
  message.set_claim(claim_);
  message.set_values(question_.values);
  message.set_only_small(question_.only_small);
  message.set_blocks(question_.blocks);
  message.set_poll(question_.poll);
  message.set_endless(!timed_ && !question_.poll);
  message.set_in_order(question_.in_order);
  if (question_.need < question_.ids.size())
    message.set_need(static_cast<std::uint32_t>(std::min(question_.need, some.size())));
  return message;
}

void PendingAwaits::add(PendingAwait& call, std::uint64_t first_token) {
  MORROW_INVARIANT(call.first_token_ == 0 && first_token != 0, "a call gets its tokens once", call.first_token_,
                   first_token);
  call.first_token_ = first_token;
  for (std::size_t part = 0; part < call.parts(); ++part) {
    const bool added = parts_.try_emplace(call.token(part), Part{&call, part}).second;
    MORROW_INVARIANT(added, "each question has its own token", call.token(part));
  }
}

void PendingAwaits::remove(PendingAwait& call) {
  for (std::size_t part = 0; part < call.parts(); ++part)
    base::must_erase(parts_, call.token(part), "a call waits until it is removed");
}

std::optional<detail::FutureId> PendingAwait::missing() const {
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    if (!answers_[i].here) return question_.ids[i];
  }
  return std::nullopt;
}

PendingAwait* PendingAwaits::overdue(LongWait::Clock::time_point now, std::chrono::nanoseconds patience) {
  for (auto& [token, part] : parts_) {
    PendingAwait& call = *part.call;
    if (part.number == 0 && !call.question().poll && call.long_wait.look(now, patience)) return &call;
  }
  return nullptr;
}

std::optional<PendingAwaits::Place> PendingAwaits::find(std::uint64_t token, std::uint32_t index) const {
  const auto found = parts_.find(token);
  if (found == parts_.end()) return std::nullopt;
  const Part& part = found->second;
  const std::size_t place = part.number * kMaxIdsInAwait + index;
  if (index >= kMaxIdsInAwait || place >= part.call->answers_.size() || part.call->answers_[place].here)
    return std::nullopt;
  return Place{part.call, place};
}

void PendingAwaits::append_questions(std::string& frames) const {
  for (const auto& [token, part] : parts_) wire::append_frame(frames, wire::AWAIT, part.call->message(part.number));
}

}  // namespace morrow::runtime
