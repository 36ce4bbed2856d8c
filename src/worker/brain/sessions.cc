// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/sessions.h"

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::worker {

SessionState& Sessions::open(control::SessionId id, ClientId client, std::uint64_t attachment,
                             const std::string& program) {
  MORROW_INVARIANT(client != 0 && attachment != 0, "a session is opened by a connection", id, client, attachment);
  SessionState& session = sessions_[id];
  if (session.client != 0 && session.client != client) clients_.erase(session.client);
  session.id = id;
  session.attachment = attachment;
  session.client = client;
  session.program = program;
  clients_[client] = id;
  return session;
}

SessionState* Sessions::find(control::SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

SessionState* Sessions::find(control::SessionId id, std::uint64_t attachment) {
  SessionState* session = find(id);
  return session != nullptr && session->attachment == attachment ? session : nullptr;
}

const SessionState* Sessions::of_client(ClientId client) const {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return nullptr;
  return &base::must_find(sessions_, found->second, "the session of a connection is known");
}

void Sessions::drop_client(ClientId client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  if (SessionState* session = find(found->second); session != nullptr && session->client == client) session->client = 0;
  clients_.erase(found);
}

void Sessions::close(control::SessionId id) {
  const auto found = sessions_.find(id);
  MORROW_INVARIANT(found != sessions_.end(), "a session that is closed is known", id);
  clients_.erase(found->second.client);
  sessions_.erase(found);
}

}  // namespace morrow::worker
