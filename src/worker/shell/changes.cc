// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "worker/shell/convert.h"
#include "worker/shell/shell.h"

namespace morrow::worker {

namespace {

template <class Message>
Brain::Asker asker_of(const Waiter& who, const Message& message) {
  Brain::Asker asker;
  asker.who = who;
  asker.claim = who.client != 0 ? 0 : message.claim();
  asker.number = message.number();
  asker.resent = message.resent();
  if (asker.number == 0) throw wire::ProtocolError("a change came without its number");
  if (who.client == 0 && asker.claim == 0)
    throw wire::ProtocolError("a task's process asked for a change outside of any task");
  return asker;
}

}  // namespace

/// What drivers and executors may both send. False: it is not of that kind.
bool Shell::change_frame(const Waiter& who, const Driver* driver, const Executor* executor, wire::FrameType type,
                         std::string_view payload) {
  switch (type) {
    case wire::SUBMIT: {
      wire::parse(submit_, payload);
      const Brain::Asker asker = asker_of(who, submit_);
      if (driver != nullptr) {
        brain_.submit(now(), asker, id_of(submit_.id()), spec_of(submit_, driver->program, driver->session));
      } else if (const Given* task = given(*executor, asker.claim)) {
        // Others are of an execution that ended: nobody may see what it submits.
        brain_.submit(now(), asker, id_of(submit_.id()), spec_of(submit_, executor->program, task->spec->session));
      }
      return true;
    }
    case wire::PUT: {
      wire::Put message;
      wire::parse(message, payload);
      const Brain::Asker asker = asker_of(who, message);
      if (driver != nullptr) {
        put(who, asker, message, driver->program, driver->session);
      } else if (const Given* task = given(*executor, asker.claim)) {
        put(who, asker, message, executor->program, task->spec->session);
      } else {
        objects_.unpin(process_of(who), message.object());
      }
      return true;
    }
    case wire::AWAIT: {
      wire::parse(await_, payload);
      Brain::AwaitRequest request;
      request.token = await_.token();
      if (await_.ids_size() % 2 != 0) throw wire::ProtocolError("an await names half of a future");
      request.ids.reserve(static_cast<std::size_t>(await_.ids_size() / 2));
      for (int i = 0; i < await_.ids_size(); i += 2) request.ids.push_back({await_.ids(i), await_.ids(i + 1)});
      request.claim = who.client != 0 ? 0 : await_.claim();
      request.values = await_.values();
      request.only_small = await_.only_small();
      request.hosts = await_.blocks();
      request.poll = await_.poll();
      request.need = await_.need();
      brain_.await(now(), who, std::move(request));
      return true;
    }
    case wire::UNAWAIT: {
      wire::Unawait unawait;
      wire::parse(unawait, payload);
      brain_.unawait(now(), who, unawait.token());
      return true;
    }
    case wire::RELEASE: {
      wire::Release release;
      wire::parse(release, payload);
      brain_.release(now(), asker_of(who, release), id_of(release.id()));
      return true;
    }
    case wire::CANCEL: {
      wire::Cancel cancel;
      wire::parse(cancel, payload);
      brain_.cancel(now(), asker_of(who, cancel), id_of(cancel.id()));
      return true;
    }
    case wire::OPEN_SCOPE: {
      wire::OpenScope open;
      wire::parse(open, payload);
      brain_.open_scope(now(), asker_of(who, open), open.scope(), open.parent());
      return true;
    }
    case wire::END_SCOPE: {
      wire::EndScope end;
      wire::parse(end, payload);
      brain_.end_scope(now(), asker_of(who, end), end.scope());
      return true;
    }
    case wire::FLUSH:
      brain_.flush(now(), who);
      return true;
    default:
      return object_frame(who, type, payload);
  }
}

}  // namespace morrow::worker
