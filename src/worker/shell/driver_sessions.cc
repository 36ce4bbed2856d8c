// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "control/cluster.h"
#include "worker/cluster/status.h"
#include "worker/shell/convert.h"
#include "worker/shell/shell.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxQueuedBlobBytes = 4 << 20;
constexpr std::size_t kProgramKeyBytes = 16;
constexpr std::size_t kModuleHashBytes = 32;
constexpr std::size_t kMaxUploadedBytes = 96 << 10;
constexpr std::uint64_t kMaxGraceMs = 24ULL * 3600 * 1000;

}  // namespace

Shell::Driver* Shell::driver_of(control::SessionId session) {
  const auto client = sessions_.find(session);
  if (client == sessions_.end()) return nullptr;
  const auto driver = drivers_.find(client->second);
  return driver == drivers_.end() || !driver->second.welcome ? nullptr : &driver->second;
}

void Shell::client_came(ClientId client, pid_t pid) {
  Driver& driver = drivers_[client];
  driver.id = client;
  driver.pid = pid;
  driver.pidfd = wire::Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  objects_.came(process_of({client, 0}));
}

void Shell::client_frame(ClientId client, wire::FrameType type, std::string_view payload) {
  Driver& driver = drivers_.at(client);
  if (!driver.greeted) {
    if (type != wire::HELLO) throw wire::ProtocolError("a client spoke before it said HELLO");
    return hello(driver, payload);
  }
  if (driver.relay) {
    if (type != wire::LOG) throw wire::ProtocolError("another worker may only bring lines of tasks");
    return relayed(payload);
  }
  if (type == wire::STATUS) return status(client);
  if (type == wire::OBJECTS) return objects(client, payload);
  if (type == wire::TOKEN) return token(client, payload);
  // Also after the end of its session: values may outlive it.
  if (type == wire::UNPIN && !driver.command) return unpin(Waiter{client, 0}, payload);
  if (driver.command || driver.ending != 0) {
    // After END_SESSION only its repetition makes sense, and that changes nothing.
    if (driver.command) throw wire::ProtocolError("a command may only ask for what people want to see");
    return;
  }
  if (change_frame(Waiter{client, 0}, &driver, nullptr, type, payload)) return;
  switch (type) {
    case wire::PROGRAM:
      return program(driver, payload);
    case wire::BLOB_CHUNK:
      return blob_chunk(driver, payload);
    case wire::END_SESSION:
      return end_session(driver, payload);
    default:
      throw wire::ProtocolError("a driver sent a frame of type " + std::to_string(type) +
                                ", which only others may send");
  }
}

void Shell::client_gone(ClientId client, const std::string& why) {
  const auto found = drivers_.find(client);
  if (found == drivers_.end()) return;
  Driver driver = std::move(found->second);
  drivers_.erase(found);
  if (driver.maps_objects) {
    let_go_when_dead(process_of({client, 0}), std::move(driver.pidfd));
  } else {
    objects_.gone(process_of({client, 0}));
  }
  if (driver.ending != 0) --ending_drivers_;
  if (!why.empty()) logs_.warn("closed the connection of process " + std::to_string(driver.pid) + ": " + why);
  brain_.client_gone(now(), client);
  if (options_.private_worker) return finish(End::kPrivateEnded);
  const auto attached = sessions_.find(driver.session);
  if (driver.session == 0 || attached == sessions_.end() || attached->second != client) return;
  sessions_.erase(attached);
  if (driver.attachment != 0) orphan(driver.session, driver.attachment);
}

/// Says in the store that the session has no driver here: it may be on its way to another worker, or gone, which is
/// found when its grace is over.
void Shell::orphan(control::SessionId session, std::uint64_t attachment) {
  if (stopping_) return;  // leaving does it for all
  store_.post(
      StoreLane::kUpkeep,
      [incarnation = incarnation_, session, attachment](store::Store& store) {
        control::orphan_session(store, incarnation, session, attachment);
      },
      nullptr);
}

void Shell::refuse(ClientId client, const std::string& sentence) {
  wire::Welcome welcome;
  welcome.set_error(sentence);
  welcome.set_worker(options_.info.name);
  clients_.send(client, wire::WELCOME, welcome);
  clients_.close(client);
}

void Shell::hello(Driver& driver, std::string_view payload) {
  wire::Hello hello;
  wire::parse(hello, payload);
  driver.greeted = true;
  if (hello.version() != wire::kProtocolVersion) {
    return refuse(driver.id, "this worker speaks version " + std::to_string(wire::kProtocolVersion) +
                                 " of the protocol and the program version " + std::to_string(hello.version()) +
                                 "; build both with the same Morrow");
  }
  if (!options_.private_worker && hello.cluster() != options_.cluster) {
    return refuse(driver.id, "this worker belongs to cluster " + options_.cluster + ", not " + hello.cluster());
  }
  if (hello.kind() == wire::Hello::WORKER) {
    driver.relay = true;
    return;
  }
  if (hello.kind() == wire::Hello::COMMAND) {
    driver.command = true;
    wire::Welcome welcome;
    welcome.set_worker(options_.info.name);
    clients_.send(driver.id, wire::WELCOME, welcome);
    return;
  }
  if (hello.kind() != wire::Hello::DRIVER || hello.session() == 0 || hello.program().size() != kProgramKeyBytes) {
    throw wire::ProtocolError("a driver said HELLO without its session or program");
  }
  driver.session = hello.session();
  driver.program = hello.program();
  driver.log = hello.log_to_driver();
  driver.maps_objects = hello.maps_objects();
  if (const auto other = sessions_.find(driver.session); other != sessions_.end() && other->second != driver.id) {
    clients_.close(other->second);  // the same driver came back before its old connection was seen to end
  }
  sessions_[driver.session] = driver.id;
  brain_.session_opening(now(), driver.id, driver.session, driver.program, hello.resume(),
                         std::min<std::uint64_t>(hello.grace_ms(), kMaxGraceMs), hello.opening());
}

// ---- programs ----

void Shell::program(Driver& driver, std::string_view payload) {
  wire::Program program;
  wire::parse(program, payload);
  if (program.key() != driver.program) throw wire::ProtocolError("the program is not the one that was said HELLO for");
  auto hashes = std::make_shared<std::set<std::string>>();
  for (const wire::Module& module : program.modules()) {
    if (!module.system() && module.sha256().size() == kModuleHashBytes) hashes->insert(module.sha256());
  }
  pool_.program_hint(driver.program, driver.pid);
  // Before any round with its tasks: another worker may claim them as soon as that is committed.
  auto missing = std::make_shared<std::vector<std::string>>();
  store_.post(
      StoreLane::kRound,
      [missing, hashes, key = driver.program, bytes = std::string(payload),
       session = driver.session](store::Store& store) {
        control::put_program(store, key, bytes, session);
        missing->clear();
        for (const std::string& hash : *hashes) {
          if (!control::use_blob(store, hash, session)) missing->push_back(hash);
        }
      },
      [this, missing, client = driver.id] {
        const auto found = drivers_.find(client);
        if (found == drivers_.end() || missing->empty()) return;
        found->second.missing = std::move(*missing);
        if (found->second.welcome) send_need(found->second);  // the welcome is the first that a driver hears
      });
}

void Shell::send_need(Driver& driver) {
  if (driver.missing.empty()) return;
  wire::Need need;
  for (const std::string& hash : driver.missing) need.add_blobs(hash);
  driver.missing.clear();
  clients_.send(driver.id, wire::NEED, need);
}

void Shell::blob_chunk(Driver& driver, std::string_view payload) {
  auto chunk = std::make_shared<wire::BlobChunk>();
  wire::parse(*chunk, payload);
  if (chunk->hash().size() != kModuleHashBytes || chunk->data().size() > kMaxUploadedBytes)
    throw wire::ProtocolError("a piece of a file is malformed");
  Blob& blob = driver.blobs[chunk->hash()];
  if (chunk->index() != blob.next++) throw wire::ProtocolError("the pieces of a file came out of order");
  const std::size_t size = payload.size();
  if (chunk->last()) driver.blobs.erase(chunk->hash());
  driver.queued_bytes += size;
  if (driver.queued_bytes > kMaxQueuedBlobBytes && !driver.paused) {
    driver.paused = true;
    clients_.pause(driver.id);
  }
  store_.post(
      StoreLane::kUpkeep,
      [chunk, session = driver.session](store::Store& store) {
        control::put_blob_chunk(store, chunk->hash(), chunk->index(), chunk->data());
        if (!chunk->last()) return;
        control::put_blob_header(store, chunk->hash(), chunk->index() + 1, chunk->size());
        control::use_blob(store, chunk->hash(), session);
      },
      [this, size, client = driver.id] {
        const auto found = drivers_.find(client);
        if (found == drivers_.end()) return;
        found->second.queued_bytes -= size;
        if (found->second.paused && found->second.queued_bytes < kMaxQueuedBlobBytes / 2) {
          found->second.paused = false;
          clients_.resume(client);
        }
      });
}

// ---- the end of a session ----

void Shell::end_session(Driver& driver, std::string_view payload) {
  wire::EndSession end;
  wire::parse(end, payload);
  if (end.number() == 0) throw wire::ProtocolError("a change came without its number");
  for (const wire::FutureId& id : end.observed()) driver.observed.push_back(id_of(id));
  driver.ending = end.number();
  driver.ending_round = rounds_;
  ++ending_drivers_;
  brain_.flush(now(), Waiter{driver.id, 0});
}

/// Counts the failures of sessions that end, once all that they asked is committed; then ends them.
void Shell::end_sessions() {
  for (auto& [client, driver] : drivers_) {
    if (driver.ending == 0 || driver.asked_failed || driver.acked + 1 < driver.ending) continue;
    // What just ended may still be on its way to the store.
    if (round_in_flight_ && rounds_ < driver.ending_round + 2) continue;
    driver.asked_failed = true;
    auto failed = std::make_shared<control::FailedFutures>();
    store_.post(
        StoreLane::kUpkeep,
        [failed, session = driver.session, observed = driver.observed](store::Store& store) {
          *failed = control::failed_in_scope(store, session, observed);
        },
        [this, failed, id = client] {
          const auto found = drivers_.find(id);
          if (found == drivers_.end()) return;
          found->second.failed = *failed;
          brain_.end_session(now(), id, found->second.ending);
        });
  }
}

/// Lines of a task that runs at another worker.
void Shell::relayed(std::string_view payload) {
  wire::Log log;
  wire::parse(log, payload);
  const Driver* driver = driver_of(log.session());
  if (driver == nullptr || !driver->log || clients_.unsent(driver->id) > kMaxUnsentLog) return;
  clients_.send(driver->id, wire::LOG, log);
}

void Shell::status(ClientId client) {
  auto reply = std::make_shared<wire::StatusReply>();
  StatusFacts facts{options_.info, options_.store_url};
  facts.self.used = brain_.used();
  facts.self.executors = static_cast<std::uint32_t>(brain_.executors());
  store_.post(
      StoreLane::kUpkeep, [reply, facts](store::Store& store) { *reply = make_status(store, facts); },
      [this, reply, client] { clients_.send(client, wire::STATUS_REPLY, *reply); });
}

}  // namespace morrow::worker
