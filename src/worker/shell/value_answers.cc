// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/value_answers.h"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "base/must.h"
#include "worker/brain/worker_failure.h"
#include "worker/shell/convert.h"
#include "worker/shell/failure_messages.h"

// Small values travel in the answer itself. A large one is read in place, in this worker's object memory: so the answer
// says where it lies, and is sent only when it is there and pinned for the process that reads it. By then
//
// - the process may have taken its question back: the brain says so (`here`), and the pin is let go;
// - no living worker may have the value any more: the brain has it computed again (`lost`), and the question stays
// open;
// - there may be no room, since other tasks hold it: the answer says so, and a task that fails for this is tried again.
//
// A pin lasts as long as the *process*, not its connection: a driver that stood still for long goes on reading after
// its connection was given up, and must not find other values where its own was. So its death is watched by a pidfd.
//
// To read next: worker/objects/objects.h, docs/design.md, "Objects".
namespace morrow::worker {

ValueAnswers::ValueAnswers(Means means, Options options, Events events)
    : means_(std::move(means)), options_(std::move(options)), events_(std::move(events)) {}

// ---- requests of processes ----

void ValueAnswers::note_no_room(const Waiter& who, const ObjectProblem& problem) {
  if (problem.contended && who.client == 0) events_.found_no_room(who.executor);
}

void ValueAnswers::reserve(const Waiter& who, std::string_view payload) {
  wire::Reserve reserve;
  wire::parse(reserve, payload);
  const auto answer = [this, who, token = reserve.token()](const ObjectPlace* place, const ObjectProblem* problem) {
    MORROW_INVARIANT((place != nullptr) != (problem != nullptr), "there is a place or a problem");
    wire::Reserved reserved;
    reserved.set_token(token);
    if (place != nullptr) {
      reserved.set_object(place->number);
      reserved.set_offset(place->extent.offset);
    } else {
      reserved.set_error(problem->sentence);
      note_no_room(who, *problem);
    }
    means_.send(who, wire::RESERVED, reserved);
  };
  means_.reserve(process_of(who), reserve.size(), answer, reserve.if_free());
}

void ValueAnswers::unpin(const Waiter& who, std::string_view payload) {
  wire::Unpin unpin;
  wire::parse(unpin, payload);
  for (const std::uint64_t object : unpin.objects()) means_.unpin(process_of(who), object);
  if (!unpin.all()) return;
  means_.reads_no_more(process_of(who));
  if (const auto driver = drivers_.find(who.client); driver != drivers_.end()) driver->second.maps_objects = false;
}

void ValueAnswers::put(const Brain::Asker& asker, wire::Put& put, const std::string& program,
                       control::SessionId session) {
  auto outcome = std::make_shared<control::Outcome>();
  if (put.object() == 0) {
    outcome->bytes = std::move(*put.mutable_bytes());
  } else if (means_.seal(process_of(asker.who), put.object(), put.size(), {id_of(put.id()), session}, put.keeps())) {
    outcome->object = {put.object(), put.size(), options_.incarnation};
  } else if (put.resent()) {
    // It was written into the memory of a worker that is gone; if that committed it, this is dropped.
    outcome = std::make_shared<control::Outcome>(
        *make_failure(control::FailureKind::kLost, "the worker that was to keep it died before it was committed",
                      nullptr, options_.worker, 0));
  } else {
    throw wire::ProtocolError("a client put an object that is not its own to write");
  }
  if (put.copies() > 1 && put.object() != 0)
    events_.copies(asker, session, {id_of(put.id()), put.object(), put.size()}, put.copies());
  auto spec = std::make_shared<control::Spec>();
  spec->name = std::move(*put.mutable_name());
  spec->program = program;
  spec->session = session;
  events_.put(asker, id_of(put.id()), std::move(spec), std::move(outcome));
}

// ---- drivers that read ----

void ValueAnswers::driver_came(ClientId client, wire::Fd pidfd) {
  const bool is_new = drivers_.try_emplace(client, DriverProcess{std::move(pidfd)}).second;
  MORROW_INVARIANT(is_new, "a client comes once", client);
  means_.may_read(process_of({client, 0}));
}

void ValueAnswers::driver_maps(ClientId client) {
  base::must_find(drivers_, client, "a driver that is welcome has come").maps_objects = true;
}

void ValueAnswers::driver_gone(ClientId client) {
  const auto found = drivers_.find(client);
  if (found == drivers_.end()) return;
  DriverProcess driver = std::move(found->second);
  drivers_.erase(found);
  const ProcessId process = process_of({client, 0});
  if (!driver.maps_objects || !driver.pidfd) return means_.reads_no_more(process);
  watch(process, std::move(driver.pidfd));
}

void ValueAnswers::watch(ProcessId process, wire::Fd pidfd) {
  wire::Fd watched(fcntl(pidfd.get(), F_DUPFD_CLOEXEC, 0));
  if (!watched) return;  // out of descriptors: rather than other values under its eyes, what it looks at stays
  watched_.insert_or_assign(process, std::move(pidfd));
  means_.watch_death(std::move(watched), [this, process] {
    watched_.erase(process);
    means_.reads_no_more(process);
  });
}

std::vector<std::pair<ProcessId, wire::Fd>> ValueAnswers::take_readers() {
  std::vector<std::pair<ProcessId, wire::Fd>> readers;
  for (auto& [client, driver] : drivers_) {
    if (driver.maps_objects && driver.pidfd) readers.emplace_back(process_of({client, 0}), std::move(driver.pidfd));
  }
  for (auto& [process, pidfd] : watched_) readers.emplace_back(process, std::move(pidfd));
  return readers;
}

// ---- answers to awaits ----

void ValueAnswers::carry_out(action::Ready& ready) {
  const bool object = !ready.pending && ready.with_value && !ready.only_small && ready.outcome && ready.outcome->ok() &&
                      ready.outcome->object;
  if (!object) return answer(ready, nullptr, nullptr);
  const auto came = [this, ready](const ObjectPlace* place, const ObjectProblem* problem) {
    MORROW_INVARIANT((place != nullptr) != (problem != nullptr), "there is a place or a problem", ready.token);
    if (problem != nullptr && problem->lost) {
      events_.lost(ready);
    } else if (events_.here(ready)) {
      if (problem != nullptr) note_no_room(ready.to, *problem);
      answer(ready, place, problem);
    } else if (place != nullptr) {
      means_.unpin(process_of(ready.to), place->number);
    }
  };
  means_.want(process_of(ready.to), ready.id, ready.outcome->object, came, false);
}

void ValueAnswers::answer(const action::Ready& ready, const ObjectPlace* place, const ObjectProblem* problem) {
  ready_.Clear();
  ready_.set_token(ready.token);
  ready_.set_index(ready.index);
  ready_.set_pending(ready.pending);
  if (problem != nullptr) {
    ready_.set_failure(static_cast<std::uint32_t>(problem->kind));
    ready_.set_bytes(make_failure(problem->kind, problem->sentence, nullptr, options_.worker, 0)->bytes);
  } else if (!ready.pending && ready.outcome) {
    const control::Outcome& outcome = *ready.outcome;
    ready_.set_failure(static_cast<std::uint32_t>(outcome.failure));
    if (!outcome.ok()) {
      ready_.set_bytes(failure_bytes(outcome, options_.worker));
      if (outcome.failure == control::FailureKind::kDependency) set_id(ready_.mutable_root(), outcome.root);
    } else {
      ready_.set_size(outcome.object ? outcome.object.size : outcome.bytes.size());
      if (ready.with_value && !(ready.only_small && outcome.object)) {
        ready_.set_bytes(outcome.bytes);
        ready_.set_object(outcome.object.number);
        if (place != nullptr) ready_.set_offset(place->extent.offset);
      }
    }
  }
  means_.send(ready.to, wire::READY, ready_);
}

}  // namespace morrow::worker
