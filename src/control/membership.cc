// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>

#include "control/cluster.h"
#include "control/transition.h"

namespace morrow::control {

void join(store::Store& store, const WorkerInfo& info) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    const auto schema = transaction.get(keys::schema(), store::Read::kConflict);
    if (!schema) {
      transaction.set(keys::schema(), keys::u64(kSchemaVersion));
    } else if (keys::read_u64(*schema, 0) != kSchemaVersion) {
      throw store::StoreError("The cluster's store has schema version " + std::to_string(keys::read_u64(*schema, 0)) +
                              ", this worker writes version " + std::to_string(kSchemaVersion) +
                              "; start a worker of the same release, or a new cluster.");
    }
    if (transaction.get(keys::incarnation(info.incarnation), store::Read::kConflict)) return;
    record::Incarnation incarnation;
    transaction.set(keys::incarnation(info.incarnation), serialize(incarnation));
    transaction.set(keys::info(info.incarnation), encode_worker(info));
  });
}

Secrets cluster_secrets(store::Store& store, const Secrets& fresh) {
  Secrets secrets;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    if (const auto value = transaction.get(keys::secrets(), store::Read::kConflict)) {
      const auto record = parse_record<record::Secrets>(*value);
      secrets = {record.token(), record.authority_key(), record.authority_certificate()};
      return;
    }
    record::Secrets record;
    record.set_token(fresh.token);
    record.set_authority_key(fresh.authority_key);
    record.set_authority_certificate(fresh.authority_certificate);
    transaction.set(keys::secrets(), serialize(record));
    secrets = fresh;
  });
  return secrets;
}

std::vector<WorkerSeen> workers(store::Store& store) {
  const auto transaction = store.begin_read();
  std::map<Incarnation, WorkerSeen> seen;
  for (const auto& [key, value] : transaction->scan(keys::workers(), store::Read::kSnapshot)) {
    const Incarnation incarnation = keys::number_of(key);
    switch (key.back()) {
      case 'e': {
        WorkerSeen& worker = seen[incarnation];
        worker.info.incarnation = incarnation;
        worker.dying = parse_record<record::Incarnation>(value).dying();
        break;
      }
      case 'i':
        if (seen.contains(incarnation)) seen[incarnation].info = decode_worker(incarnation, value);
        break;
      case 'r':
        if (seen.contains(incarnation)) seen[incarnation].round = parse_record<record::Round>(value).number();
        break;
      default:
        break;
    }
  }
  for (const auto& [key, unused] : transaction->scan(keys::idles(), store::Read::kSnapshot)) {
    const auto found = seen.find(keys::number_of(key));
    if (found != seen.end()) found->second.idle = true;
  }
  std::vector<WorkerSeen> out;
  out.reserve(seen.size());
  for (auto& [incarnation, worker] : seen) out.push_back(std::move(worker));
  return out;
}

std::vector<OrphanSession> orphan_sessions(store::Store& store) {
  const auto transaction = store.begin_read();
  std::vector<OrphanSession> out;
  for (const auto& [key, unused] : transaction->scan(keys::orphans(), store::Read::kSnapshot)) {
    const SessionId id = keys::number_of(key);
    const auto value = transaction->get(keys::session(id), store::Read::kSnapshot);
    if (!value) continue;
    const auto session = parse_record<record::Session>(*value);
    out.push_back({id, session.attachment(), session.grace_ms()});
  }
  return out;
}

void orphan_session(store::Store& store, Incarnation incarnation, SessionId session, std::uint64_t attachment) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, incarnation);
    SessionEntry& entry = t.session(session);
    if (!entry.exists || entry.session.ending() || entry.session.incarnation() != incarnation ||
        entry.session.attachment() != attachment)
      return;
    transaction.clear(keys::attached(incarnation, session));
    entry.session.set_incarnation(0);
    entry.dirty = true;
    transaction.set(keys::orphan(session), "");
    t.flush();
  });
}

}  // namespace morrow::control
