// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/impl.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <pthread.h>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/must.h"
#include "base/random_id.h"
#include "runtime/client/scopes.h"
#include "runtime/client/submit_message.h"
#include "runtime/values/values.h"

namespace morrow::runtime {

using detail::FailureKind;
using detail::FutureId;
using detail::Value;

namespace {

Deadline deadline_after(std::chrono::nanoseconds timeout) {
  const auto now = Clock::now();
  const auto longest = Clock::time_point::max() - now;
  return timeout >= longest ? Deadline() : Deadline(now + timeout);
}

}  // namespace

// Stands for the tokens of one call, and takes the question back when it ends unanswered.
class Client::Asked {
 public:
  Asked(Client& client, Awaiting& awaiting) : client_(client), awaiting_(awaiting) {
    awaiting.first_token = client.last_token_ + 1;
    client.last_token_ += awaiting.parts();
    for (std::size_t part = 0; part < awaiting.parts(); ++part) {
      client.asked_[awaiting.first_token + part] = {&awaiting, part * kMaxIdsInAwait};
    }
  }
  ~Asked() {
    const bool unanswered = awaiting_.count < awaiting_.ids.size();
    for (std::size_t part = 0; part < awaiting_.parts(); ++part) {
      client_.asked_.erase(awaiting_.first_token + part);
      if (!unanswered) continue;
      wire::Unawait message;
      message.set_token(awaiting_.first_token + part);
      client_.link_.send(wire::UNAWAIT, message);
    }
    if (unanswered) client_.link_.write();
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

 private:
  Client& client_;
  Awaiting& awaiting_;
};

// ---- changes ----

template <class Message>
void Client::change(wire::FrameType type, Message& message, bool soon) {
  Lock lock(link_.mutex());
  check();
  const std::uint64_t claim = asker().claim;
  make_room(lock);
  message.set_claim(claim);
  message.set_number(++last_number_);
  post(lock, type, message, soon);
}

FutureId Client::submit(const detail::Call& call, const Options& options, std::source_location where) {
  thread_local wire::Submit message;
  // Before its arguments are put: a submit that is refused leaves nothing.
  const bool apart = arguments_go_apart(call);
  fill_submit(message, call, options, where, program_key_, apart);
  const FutureId arguments = apart ? put_arguments(call) : FutureId();
  if (arguments != FutureId{}) {
    write_id(*message.add_dependencies(), arguments);
  } else if (apart) {
    fill_submit(message, call, options, where, program_key_, false);
  }
  Lock lock(link_.mutex());
  check();
  make_room(lock);
  const Asker asked = asker();
  const FutureId id{asked.scope, ++*asked.sequence};
  write_id(*message.mutable_id(), id);
  message.set_claim(asked.claim);
  message.set_number(++last_number_);
  post(lock, wire::SUBMIT, message, true);
  if (arguments != FutureId{}) {
    // Held by the task from here on, and freed with its end.
    wire::Release release;
    write_id(*release.mutable_id(), arguments);
    release.set_claim(asked.claim);
    release.set_number(++last_number_);
    post(lock, wire::RELEASE, release, true);
  }
  return id;
}

void Client::release(FutureId id) {
  {
    const Lock lock(link_.mutex());
    held_.erase(id);
  }
  wire::Release message;
  write_id(*message.mutable_id(), id);
  change(wire::RELEASE, message, false);
}

void Client::cancel(FutureId id) {
  wire::Cancel message;
  write_id(*message.mutable_id(), id);
  change(wire::CANCEL, message, true);
}

std::uint64_t Client::open_scope() {
  wire::OpenScope message;
  {
    Lock lock(link_.mutex());
    message.set_parent(asker().scope);
  }
  const std::uint64_t scope = base::random_id();
  message.set_scope(scope);
  change(wire::OPEN_SCOPE, message, false);
  enter_scope(scope);
  return scope;
}

void Client::end_scope(std::uint64_t scope) {
  leave_scope(scope);
  wire::EndScope message;
  message.set_scope(scope);
  change(wire::END_SCOPE, message, true);
}

void Client::flush() {
  Lock lock(link_.mutex());
  const std::uint64_t number = last_number_;
  if (acknowledged_ >= number) return check();
  wire::Flush message;
  message.set_number(number);
  Waiting waiting;
  flushing_.push_back(&waiting);
  link_.send(wire::FLUSH, message);
  link_.write();
  const base::Defer leaves([&] { base::must_erase(flushing_, &waiting, "a flush waits until it leaves"); });
  link_.wait(
      lock, waiting, [&] { return acknowledged_ >= number; }, std::nullopt);
}

void Client::acknowledge(std::uint64_t number) {
  acknowledged_ = std::max(acknowledged_, number);
  for (Waiting* waiting : flushing_) waiting->changed.notify_one();
}

// ---- waiting ----

bool Client::await(Awaiting& awaiting, const Deadline& deadline) {
  const bool done = ask_and_wait(awaiting, deadline);
  bring(awaiting, deadline);
  return done;
}

bool Client::ask_and_wait(Awaiting& awaiting, const Deadline& deadline) {
  awaiting.answers.resize(awaiting.ids.size());
  Lock lock(link_.mutex());
  check();
  awaiting.claim = asker().claim;
  awaiting.waiting.hosts = awaiting.blocks && awaiting.claim != 0;
  let_spare_go();
  send_let_go();
  const Asked asked(*this, awaiting);
  for (std::size_t part = 0; part < awaiting.parts(); ++part) link_.send(wire::AWAIT, awaiting.message(part));
  link_.write();
  before_wait();
  const base::Defer waits([this] { after_wait(); });
  return link_.wait(
      lock, awaiting.waiting, [&awaiting] { return awaiting.done(); }, deadline);
}

Value Client::get(FutureId id) {
  if (auto value = held(id)) return *std::move(value);
  Awaiting awaiting{.ids = {&id, 1}, .values = true, .blocks = true, .need = 1};
  await(awaiting, std::nullopt);
  Answer& answer = awaiting.answers.front();
  if (answer.failure != FailureKind::kNone) fail(id, answer);
  return std::move(answer.value);
}

std::optional<Value> Client::get_for(FutureId id, std::chrono::nanoseconds timeout) {
  Awaiting awaiting{.ids = {&id, 1}, .values = true, .poll = timeout.count() <= 0, .need = 1};
  await(awaiting, awaiting.poll ? Deadline() : deadline_after(timeout));
  Answer& answer = awaiting.answers.front();
  if (!answer.here || answer.pending) return std::nullopt;
  if (answer.failure != FailureKind::kNone) fail(id, answer);
  return std::move(answer.value);
}

void Client::get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  if (ids.empty()) return;
  // Small values come with their answers. Large ones are asked for when it is their turn: to look at all at once may
  // take more than the object memory.
  Awaiting awaiting{
      .ids = ids, .values = true, .only_small = true, .blocks = true, .in_order = true, .need = ids.size()};
  await(awaiting, std::nullopt);
  if (awaiting.good < ids.size()) fail(ids[awaiting.good], awaiting.answers[awaiting.good]);
  std::size_t got = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Answer& answer = awaiting.answers[i];
    if (answer.large && i >= got) got = i + get_window(ids.subspan(i), std::span(awaiting.answers).subspan(i));
    take(answer.value);
    answer.value = {};
  }
}

std::uint64_t Client::size_of(FutureId id) {
  Awaiting awaiting{.ids = {&id, 1}, .blocks = true, .need = 1};
  await(awaiting, std::nullopt);
  const Answer& answer = awaiting.answers.front();
  if (answer.failure != FailureKind::kNone) fail(id, answer);
  return answer.size;
}

bool Client::ready(FutureId id) {
  Awaiting awaiting{.ids = {&id, 1}, .poll = true, .need = 1};
  await(awaiting, std::nullopt);
  return !awaiting.answers.front().pending;
}

std::vector<bool> Client::wait(std::span<const FutureId> ids, std::size_t count,
                               std::optional<std::chrono::nanoseconds> timeout) {
  std::vector<bool> finished(ids.size());
  if (ids.empty()) return finished;
  const bool poll = count == 0 || (timeout && timeout->count() <= 0);
  Awaiting awaiting{.ids = ids, .poll = poll, .need = poll ? ids.size() : std::min(count, ids.size())};
  await(awaiting, timeout && !poll ? deadline_after(*timeout) : Deadline());
  for (std::size_t i = 0; i < ids.size(); ++i) finished[i] = awaiting.answers[i].here && !awaiting.answers[i].pending;
  return finished;
}

void Client::fail(FutureId id, const Answer& answer) {
  {
    const Lock lock(link_.mutex());
    failure_seen(id);
  }
  detail::Failure failure = read_failure(answer.failure, answer.failure_bytes);
  if (answer.root != FutureId{}) failure.root = answer.root;
  detail::throw_failure(failure);
}

// ---- what the worker says ----

void Client::on_frame(wire::FrameType type, std::string_view payload) {
  if (type == wire::READY) {
    wire::parse(ready_, payload);
    answer(ready_);
  } else if (type == wire::ACK) {
    wire::parse(ack_, payload);
    acknowledge(ack_.number());
  } else if (type == wire::RESERVED) {
    wire::Reserved message;
    wire::parse(message, payload);
    reserved(message);
  }
}

void Client::answer(const wire::Ready& ready) {
  if (take_answer(ready) || memory_ || ready.object() == 0) return;
  wire::Unpin message;
  message.add_objects(ready.object());
  link_.send(wire::UNPIN, message);
  link_.write();
}

/// False: nobody wants it any more.
bool Client::take_answer(const wire::Ready& ready) {
  Value object;  // if nobody takes it, it is let go
  if (ready.object() != 0 && memory_) object = memory_->read(ready.object(), ready.offset(), ready.size());
  const auto found = asked_.find(ready.token());
  if (found == asked_.end()) return false;  // taken back meanwhile
  Awaiting& awaiting = *found->second.awaiting;
  const std::size_t index = found->second.first + ready.index();
  if (index >= awaiting.answers.size() || awaiting.answers[index].here) return false;
  Answer& answer = awaiting.answers[index];
  answer.here = true;
  answer.pending = ready.pending();
  answer.size = ready.size();
  answer.failure = static_cast<FailureKind>(ready.failure());
  if (answer.failure != FailureKind::kNone) {
    answer.failure_bytes = ready.bytes();
    answer.root = read_id(ready.root());
  } else if (awaiting.values && !answer.pending) {
    if (ready.object() == 0) {
      answer.large = awaiting.only_small && ready.bytes().empty() && ready.size() != 0;
      answer.value = make_value(ready.bytes());
    } else if (memory_) {
      answer.value = std::move(object);
      remember(awaiting.ids[index], answer.value.owner, answer.value.bytes);
    } else {
      answer.object = ready.object();
      answer.worker = workers_;
    }
  }
  ++awaiting.count;
  if (awaiting.done()) awaiting.waiting.changed.notify_one();
  return true;
}

std::string Client::ask_again() const {
  std::string frames;
  for (const auto& [token, part] : asked_) {
    wire::append_frame(frames, wire::AWAIT, part.awaiting->message(part.first / kMaxIdsInAwait));
  }
  append_reserving(frames);
  if (!flushing_.empty()) {
    wire::Flush message;
    message.set_number(last_number_);
    wire::append_frame(frames, wire::FLUSH, message);
  }
  return frames;
}

// ---- the one client of the process ----

namespace {

std::atomic<Client*> the_client = nullptr;
std::atomic<bool> forked = false;

}  // namespace

Client& client() {
  if (forked.load(std::memory_order_relaxed)) {
    throw SessionError("this process was forked from the one that has the morrow::Session; use Morrow there only");
  }
  Client* const found = the_client.load(std::memory_order_acquire);
  if (found == nullptr) {
    throw SessionError("there is no open morrow::Session; make one in the first line of main");
  }
  return *found;
}

bool has_client() {
  return !forked.load(std::memory_order_relaxed) && the_client.load(std::memory_order_acquire) != nullptr;
}

void set_client(Client* new_client) {
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    if (the_client.load(std::memory_order_relaxed) != nullptr) forked.store(true, std::memory_order_relaxed);
  });
  static_cast<void>(registered);
  the_client.store(new_client, std::memory_order_release);
}

bool forked_from_client() { return forked.load(std::memory_order_relaxed); }

}  // namespace morrow::runtime
