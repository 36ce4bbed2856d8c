// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/client.h"

#include <algorithm>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/invariant.h"
#include "base/must.h"
#include "base/random_id.h"
#include "runtime/client/scopes.h"
#include "runtime/client/submit_message.h"
#include "runtime/values/values.h"

// The problem: the threads of a program ask for very many small things over one connection, and each takes effect once,
// even when the worker at the other end dies in between.
//
// There are two kinds of things to ask for:
//
// - A change (submit, put, release, cancel, a scope) has a number. It is sent and not waited for; the worker
//   acknowledges changes in their order, when they are committed (change_numbers.h). A driver keeps them until then and
//   sends them again to another worker, which knows by the numbers what was applied before. The id of a future is made
//   here, of its scope and a count, so a submit needs no answer.
// - A question (await, reserve) has a token and changes nothing. It is asked again after a reconnect (ask_again), and
//   taken back when the call ends before its answer (end_await). An answer that finds no question any more is dropped,
//   and an object that came with it unpinned.
//
// There is no thread for the connection: a thread that waits reads it for all of them (link.h). One mutex, the link's,
// guards everything; it is never held while code of the user runs. A task's thread that waits may run another task on
// top of its stack meanwhile, if the question `blocks`.
//
// The parts: PendingAwaits, Reservations, HeldValues and ChangeNumbers are values with no socket. Large values are in
// objects.cc, detached futures in detached.cc, and the content of a Submit message in submit_message.cc.
namespace morrow::runtime {

using detail::FailureKind;
using detail::FutureId;
using detail::Value;

namespace {

// Of a question that is to be answered at once: by a worker that is slow, and by none, so that one more that takes over
// the session in no time goes unnoticed.
constexpr std::chrono::seconds kPollPatience{5};
constexpr std::chrono::seconds kPollWithoutWorker{1};

}  // namespace

// ---- changes ----

FutureId Client::new_id(const Asker& asker) {
  MORROW_INVARIANT(asker.scope != 0, "a future is born in a scope", asker.claim);
  const std::uint64_t sequence = ++base::not_null(asker.sequence, "a scope counts its futures");
  MORROW_INVARIANT(sequence != 0, "the futures of a scope are counted from 1", asker.scope);
  return {asker.scope, sequence};
}

Client::Asker Client::asker() {
  Asker asked = outer_asker();
  if (!scopes().empty()) {
    asked.scope = scopes().back().id;
    asked.sequence = &scopes().back().sequence;
  }
  return asked;
}

template <class Message>
void Client::change(wire::FrameType type, Message& message, bool soon) {
  const base::MutexLock lock(link_.mutex());
  check();
  const std::uint64_t claim = asker().claim;
  // What frees something is not held up: it may be what all others wait for.
  if (type == wire::OPEN_SCOPE) throttle();
  message.set_claim(claim);
  message.set_number(changes_.next());
  post(type, message, soon);
}

FutureId Client::submit(const detail::Call& call, const Options& options, std::source_location where) {
  return options.detached ? submit_detached(call, options, where) : submit_here(call, options, where);
}

FutureId Client::submit_here(const detail::Call& call, const Options& options, std::source_location where) {
  thread_local wire::Submit message;
  // Before its arguments are put: a submit that is refused leaves nothing.
  const bool apart = arguments_go_apart(call);
  fill_submit(message, call, options, where, image_key_, apart);
  const FutureId arguments = apart ? put_arguments(call) : FutureId();
  if (arguments != FutureId{}) {
    write_id(*message.add_dependencies(), arguments);
  } else if (apart) {
    fill_submit(message, call, options, where, image_key_, false);
  }
  const base::MutexLock lock(link_.mutex());
  check();
  throttle();
  const Asker asked = asker();
  const FutureId id = new_id(asked);
  write_id(*message.mutable_id(), id);
  message.set_claim(asked.claim);
  message.set_number(changes_.next());
  post(wire::SUBMIT, message, true);
  if (arguments != FutureId{}) {
    // Held by the task from here on, and freed with its end.
    wire::Release release;
    released_.add(arguments);
    write_id(*release.mutable_id(), arguments);
    release.set_claim(asked.claim);
    release.set_number(changes_.next());
    post(wire::RELEASE, release, true);
  }
  return id;
}

void Client::release(FutureId id) {
  {
    const base::MutexLock lock(link_.mutex());
    held_values_.forget(id);
    released_.add(id);
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
    const base::MutexLock lock(link_.mutex());
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
  {
    const base::MutexLock lock(link_.mutex());
    released_.forget_scope(scope);
    ended_.erase(scope);
  }
  wire::EndScope message;
  message.set_scope(scope);
  change(wire::END_SCOPE, message, true);
}

void Client::flush() {
  const base::MutexLock lock(link_.mutex());
  const std::uint64_t number = changes_.last();
  if (changes_.acknowledged() >= number) return check();
  wire::Flush message;
  message.set_number(number);
  Waiter waiter;
  flushing_.push_back(&waiter);
  link_.send(wire::FLUSH, message);
  link_.write();
  const base::Defer leaves([&] {
    link_.mutex().assert_held();
    base::must_erase(flushing_, &waiter, "a flush waits until it leaves");
  });
  const auto done = [&]() REQUIRES(link_.mutex()) { return changes_.acknowledged() >= number; };
  link_.wait(waiter, done, std::nullopt);
}

void Client::acknowledge(std::uint64_t number) {
  changes_.acknowledge(number);
  for (Waiter* waiter : flushing_) waiter->changed.notify_one();
}

// ---- waiting ----

/// Whatever the cluster still has of a future, once it was released here it is asked for no more.
void Client::check_not_released(std::span<const FutureId> ids) {
  const base::MutexLock lock(link_.mutex());
  if (released_.empty()) return;
  for (const FutureId& id : ids) {
    if (released_.contains(id)) detail::throw_failure({.kind = FailureKind::kReleased});
  }
}

bool Client::await(PendingAwait& call, const Deadline& deadline) {
  const bool done = ask_and_wait(call, deadline);
  bring(call, deadline);
  return done;
}

bool Client::ask_and_wait(PendingAwait& call, const Deadline& deadline) {
  const base::MutexLock lock(link_.mutex());
  check();
  call.asked_by(asker().claim, deadline.has_value());
  call.waiter.hosts = call.question().blocks && call.claim() != 0;
  release_spare();
  send_unpinned();
  begin_await(call);
  const base::Defer ends([&] {
    link_.mutex().assert_held();
    end_await(call);
  });
  before_wait();
  const base::Defer waits([this] {
    link_.mutex().assert_held();
    after_wait();
  });
  if (call.question().poll) return wait_for_poll(call);
  return link_.wait(
      call.waiter, [&call] { return call.done(); }, deadline);
}

/// Of a question that the worker answers some time, however long that takes.
void Client::wait_for_answer(Waiter& waiter, const std::function<bool()>& answered) {
  before_wait();
  const base::Defer waits([this] {
    link_.mutex().assert_held();
    after_wait();
  });
  link_.wait(waiter, answered, std::nullopt);
}

/// Who asks whether something is there already does not wait for a worker that is gone: without an answer it is not
/// known to be there.
bool Client::wait_for_poll(PendingAwait& call) {
  const auto latest = Clock::now() + kPollPatience;
  const auto done_or_lost = [&]() REQUIRES(link_.mutex()) { return call.done() || !link_.connected(); };
  const auto done_or_back = [&]() REQUIRES(link_.mutex()) { return call.done() || link_.connected(); };
  while (link_.wait(call.waiter, done_or_lost, latest) && !call.done()) {
    if (!link_.wait(call.waiter, done_or_back, std::min(latest, link_.lost_at() + kPollWithoutWorker))) break;
  }
  return call.done();
}

void Client::begin_await(PendingAwait& call) {
  awaits_.add(call, last_token_ + 1);
  last_token_ += call.parts();
  for (std::size_t part = 0; part < call.parts(); ++part) link_.send(wire::AWAIT, call.message(part));
  link_.write();
}

/// Takes the question back when it ends unanswered.
void Client::end_await(PendingAwait& call) {
  awaits_.remove(call);
  if (call.is_answered()) return;
  for (std::size_t part = 0; part < call.parts(); ++part) {
    wire::Unawait message;
    message.set_token(call.token(part));
    link_.send(wire::UNAWAIT, message);
  }
  link_.write();
}

Value Client::get(FutureId id) {
  check_not_released({&id, 1});
  if (auto value = held(id)) return *std::move(value);
  PendingAwait call({.ids = {&id, 1}, .values = true, .blocks = true, .need = 1});
  await(call, std::nullopt);
  Answer& answer = call.answers().front();
  if (answer.failure != FailureKind::kNone) fail(id, answer);
  return std::move(answer.value);
}

std::optional<Value> Client::get_for(FutureId id, std::chrono::nanoseconds timeout) {
  check_not_released({&id, 1});
  const bool poll = timeout.count() <= 0;
  PendingAwait call({.ids = {&id, 1}, .values = true, .poll = poll, .need = 1});
  await(call, poll ? Deadline() : deadline_after(timeout));
  Answer& answer = call.answers().front();
  if (!answer.here || answer.pending) return std::nullopt;
  if (answer.failure != FailureKind::kNone) fail(id, answer);
  return std::move(answer.value);
}

void Client::get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  if (ids.empty()) return;
  check_not_released(ids);
  // Small values come with their answers. Large ones are asked for when it is their turn: to look at all at once may
  // take more than the object memory.
  PendingAwait call(
      {.ids = ids, .values = true, .only_small = true, .blocks = true, .in_order = true, .need = ids.size()});
  await(call, std::nullopt);
  if (call.good() < ids.size()) fail(ids, call.answers(), call.good());
  std::size_t got = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Answer& answer = call.answers()[i];
    if (answer.large && i >= got) got = i + get_window(ids.subspan(i), std::span(call.answers()).subspan(i));
    take(answer.value);
    answer.value = {};
  }
}

std::uint64_t Client::size_of(FutureId id) {
  check_not_released({&id, 1});
  PendingAwait call({.ids = {&id, 1}, .blocks = true, .need = 1});
  await(call, std::nullopt);
  const Answer& answer = call.answers().front();
  if (answer.failure != FailureKind::kNone) fail(id, answer);
  return answer.size;
}

bool Client::ready(FutureId id) {
  {
    const base::MutexLock lock(link_.mutex());
    if (released_.contains(id)) return true;  // a get does not wait for it
  }
  PendingAwait call({.ids = {&id, 1}, .poll = true, .need = 1});
  await(call, std::nullopt);
  const Answer& answer = call.answers().front();
  return answer.here && !answer.pending;
}

std::vector<bool> Client::wait(std::span<const FutureId> ids, std::size_t count,
                               std::optional<std::chrono::nanoseconds> timeout) {
  std::vector<bool> finished(ids.size());
  std::vector<FutureId> asked;  // a get of one that was released does not wait
  {
    const base::MutexLock lock(link_.mutex());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      finished[i] = released_.contains(ids[i]);
      if (!finished[i]) asked.push_back(ids[i]);
    }
  }
  const std::size_t known = ids.size() - asked.size();
  if (asked.empty()) return finished;
  if (known >= count) count = 0;  // as many as are there, without waiting
  const bool poll = count == 0 || (timeout && timeout->count() <= 0);
  PendingAwait call({.ids = asked, .poll = poll, .need = poll ? asked.size() : std::min(count - known, asked.size())});
  await(call, timeout && !poll ? deadline_after(*timeout) : Deadline());
  auto answer = call.answers().begin();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (finished[i]) continue;
    finished[i] = answer->here && !answer->pending;
    ++answer;
  }
  return finished;
}

/// All were asked for: of the others that fail, or will, the program need not be told again.
void Client::fail(std::span<const FutureId> ids, const std::vector<Answer>& answers, std::size_t first) {
  {
    const base::MutexLock lock(link_.mutex());
    for (std::size_t i = first; i < ids.size(); ++i) {
      if (!answers[i].here || answers[i].failure != FailureKind::kNone) failure_seen(ids[i]);
    }
  }
  fail(ids[first], answers[first]);
}

void Client::fail(FutureId id, const Answer& answer) {
  {
    const base::MutexLock lock(link_.mutex());
    failure_seen(id);
    if (answer.root != FutureId{}) failure_seen(answer.root);
  }
  detail::Failure failure = read_failure(answer.failure, answer.failure_bytes);
  if (answer.root != FutureId{}) failure.root = answer.root;
  detail::throw_failure(failure);
}

// ---- frames of the worker ----

void Client::on_frame(wire::FrameType type, std::string_view payload) {
  if (type == wire::READY) {
    wire::parse(ready_, payload);
    answer(ready_);
  } else if (type == wire::ACK) {
    wire::parse(ack_, payload);
    acknowledge(ack_.number());
  } else if (type == wire::FOUND) {
    wire::Found message;
    wire::parse(message, payload);
    take_found(message);
  } else if (type == wire::RESERVED) {
    wire::Reserved message;
    wire::parse(message, payload);
    unpin_now(reservations_.take_answer(message, memory_));
  }
}

void Client::answer(const wire::Ready& ready) {
  if (!take_answer(ready) && !memory_) unpin_now(ready.object());
}

/// False: nobody wants it any more.
bool Client::take_answer(const wire::Ready& ready) {
  Value object;  // unpinned if nobody takes it
  if (ready.object() != 0 && memory_) object = memory_->read(ready.object(), ready.offset(), ready.size());
  const auto place = awaits_.find(ready.token(), ready.index());
  if (!place) return false;  // taken back meanwhile
  PendingAwait& call = *place->call;
  Answer& answer = call.take(place->index);
  answer.pending = ready.pending();
  answer.size = ready.size();
  answer.failure = static_cast<FailureKind>(ready.failure());
  if (answer.failure != FailureKind::kNone) {
    answer.failure_bytes = ready.bytes();
    answer.root = read_id(ready.root());
  } else if (call.question().values && !answer.pending) {
    if (ready.object() == 0) {
      answer.large = call.question().only_small && ready.bytes().empty() && ready.size() != 0;
      answer.value = make_value(ready.bytes());
    } else if (memory_) {
      answer.value = std::move(object);
      held_values_.remember(call.question().ids[place->index], answer.value.owner, answer.value.bytes);
    } else {
      answer.object = ready.object();
      answer.worker = workers_;
    }
  }
  if (call.done()) call.waiter.changed.notify_one();
  return true;
}

std::string Client::ask_again() const {
  std::string frames;
  awaits_.append_questions(frames);
  reservations_.append_unanswered(frames);
  for (const Find* find : finds_) wire::append_frame(frames, wire::FIND, find->question);
  if (!flushing_.empty()) {
    wire::Flush message;
    message.set_number(changes_.last());
    wire::append_frame(frames, wire::FLUSH, message);
  }
  return frames;
}

}  // namespace morrow::runtime
