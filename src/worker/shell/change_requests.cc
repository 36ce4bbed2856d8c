// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/change_requests.h"

#include <utility>

#include "worker/shell/convert.h"

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

ChangeRequests::ChangeRequests(Means means, Brain& brain, ValueAnswers& values)
    : means_(std::move(means)), brain_(brain), values_(values) {}

void ChangeRequests::submit(const Waiter& who, std::string_view payload) {
  wire::parse(submit_, payload);
  const Brain::Asker asker = asker_of(who, submit_);
  if (const Origin* origin = means_.origin_of(who, asker.claim)) {
    brain_.submit(means_.now(), asker, id_of(submit_.id()), spec_of(submit_, origin->program, origin->session));
  }
}

void ChangeRequests::put(const Waiter& who, std::string_view payload) {
  wire::Put message;
  wire::parse(message, payload);
  const Brain::Asker asker = asker_of(who, message);
  if (const Origin* origin = means_.origin_of(who, asker.claim)) {
    values_.put(asker, message, origin->program, origin->session);
  } else {
    values_.drop(who, message);
  }
}

void ChangeRequests::await(const Waiter& who, std::string_view payload) {
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
  request.endless = await_.endless();
  request.in_order = await_.in_order();
  request.need = await_.need();
  brain_.await(means_.now(), who, std::move(request));
}

bool ChangeRequests::frame(const Waiter& who, wire::FrameType type, std::string_view payload) {
  switch (type) {
    case wire::SUBMIT:
      submit(who, payload);
      return true;
    case wire::PUT:
      put(who, payload);
      return true;
    case wire::AWAIT:
      await(who, payload);
      return true;
    case wire::UNAWAIT: {
      wire::Unawait unawait;
      wire::parse(unawait, payload);
      brain_.unawait(means_.now(), who, unawait.token());
      return true;
    }
    case wire::RELEASE: {
      wire::Release release;
      wire::parse(release, payload);
      brain_.release(means_.now(), asker_of(who, release), id_of(release.id()));
      return true;
    }
    case wire::CANCEL: {
      wire::Cancel cancel;
      wire::parse(cancel, payload);
      brain_.cancel(means_.now(), asker_of(who, cancel), id_of(cancel.id()));
      return true;
    }
    case wire::FLUSH:
      brain_.flush(means_.now(), who);
      return true;
    case wire::FIND:
      means_.find(who, payload);
      return true;
    case wire::RESERVE:
      values_.reserve(who, payload);
      return true;
    case wire::UNPIN:
      values_.unpin(who, payload);
      return true;
    default:
      return scope_frame(who, type, payload);
  }
}

bool ChangeRequests::scope_frame(const Waiter& who, wire::FrameType type, std::string_view payload) {
  if (type == wire::OPEN_SCOPE) {
    wire::OpenScope open;
    wire::parse(open, payload);
    brain_.open_scope(means_.now(), asker_of(who, open), open.scope(), open.parent());
    return true;
  }
  if (type == wire::END_SCOPE) {
    wire::EndScope end;
    wire::parse(end, payload);
    brain_.end_scope(means_.now(), asker_of(who, end), end.scope());
    return true;
  }
  return false;
}

}  // namespace morrow::worker
