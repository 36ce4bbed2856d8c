// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/driver_sessions.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "base/must.h"
#include "base/sha256.h"
#include "worker/shell/convert.h"
#include "worker/shell/failure_messages.h"

// A session outlives connections: its driver may lose one worker and go to another, or come back to this one before the
// old connection is seen to end. So connections (drivers_) and sessions (sessions_) are kept apart:
//
//   sessions_: session --> client     drivers_: client --> its session, its program, how far it is
//
// - A session is attached to one connection here at most. A driver that comes back closes its old one; the brain and
// the
//   store decide whether it gets the session (control/sessions.cc: an older connection never takes it back).
// - What is left of a session when its connection ends is said in the store (orphan): another worker ends it when its
//   grace is over. A session that the store opens after its driver went is orphaned then (opened); between that
//   and the welcome its driver may go, too.
// - The first word that a driver hears is its Welcome. What came to be known before, as which files are missing, waits.
// - A program is in the store before any round with its tasks, since another worker may claim them as soon as that is
//   committed; its files may follow (worker/shell/program_upload.h).
// - A session ends when all that its driver asked is committed: only then are its failures counted. What had just ended
//   may be in the round that is in flight, or in the one after that.
//
// To read next: docs/protocol.md for the frames, runtime/driver/driver.cc for the other side.
namespace morrow::worker {

namespace {

constexpr std::size_t kProgramKeyBytes = 16;
constexpr std::uint64_t kMaxGraceMs = 24ULL * 3600 * 1000;

}  // namespace

DriverSessions::DriverSessions(Means means, Options options, Events events)
    : means_(std::move(means)), options_(std::move(options)), events_(std::move(events)) {}

DriverSessions::Driver* DriverSessions::find(ClientId client) {
  const auto found = drivers_.find(client);
  return found == drivers_.end() ? nullptr : &found->second;
}

const DriverSessions::Driver& DriverSessions::at(ClientId client) const {
  return base::must_find(drivers_, client, "a client that speaks has come");
}

bool DriverSessions::takes_changes(ClientId client) const {
  const auto found = drivers_.find(client);
  return found != drivers_.end() && found->second.kind == Kind::kDriver && found->second.end.number == 0;
}

const std::string& DriverSessions::program_of(ClientId client) const { return at(client).program; }

control::SessionId DriverSessions::session_of(ClientId client) const { return at(client).session; }

std::int64_t DriverSessions::pid_of(ClientId client) const {
  const auto found = drivers_.find(client);
  return found == drivers_.end() ? 0 : found->second.pid;
}

bool DriverSessions::wants_log(ClientId client) const { return at(client).log; }

ClientId DriverSessions::client_of(control::SessionId session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() || !at(found->second).welcome ? 0 : found->second;
}

// ---- connections ----

void DriverSessions::came(ClientId client, std::int64_t pid, const std::string& from) {
  const auto [driver, is_new] = drivers_.try_emplace(client);
  MORROW_INVARIANT(client != 0 && is_new, "a client comes once, with a number of its own", client);
  driver->second.pid = pid;
  driver->second.from = from;
}

bool DriverSessions::frame(ClientId client, wire::FrameType type, std::string_view payload) {
  Driver& driver = base::must_find(drivers_, client, "a client that speaks has come");
  if (!driver.greeted) {
    if (type != wire::HELLO) throw wire::ProtocolError("a client spoke before it said HELLO");
    hello(client, driver, payload);
    return true;
  }
  if (driver.kind == Kind::kWorker) {
    if (type != wire::LOG) throw wire::ProtocolError("another worker may only bring lines of tasks");
    return false;
  }
  if (type == wire::STATUS || type == wire::OBJECTS || type == wire::TOKEN || type == wire::WHY) return false;
  const bool of_people = type == wire::LIST || type == wire::SUMMARY || type == wire::ORDER;
  if (driver.kind == Kind::kCommand && of_people) return false;
  if (driver.kind == Kind::kCommand) throw wire::ProtocolError("a command may only ask for what people want to see");
  // Also after the end of its session: values may outlive it.
  if (type == wire::UNPIN) return false;
  if (type == wire::BEAT) return true;  // that it came is all that it says
  // After END_SESSION only its repetition makes sense, and that changes nothing.
  if (driver.end.number != 0) return true;
  switch (type) {
    case wire::PROGRAM:
      program(client, driver, payload);
      return true;
    case wire::BLOB_CHUNK:
      blob_chunk(client, driver, payload);
      return true;
    case wire::END_SESSION:
      end_session(client, driver, payload);
      return true;
    case wire::LIST:
    case wire::SUMMARY:
    case wire::ORDER:
      throw wire::ProtocolError("a driver sent a frame of type " + std::to_string(type) +
                                ", which only commands may send");
    case wire::LOG:
      throw wire::ProtocolError("a driver sent lines of tasks, which only other workers may bring");
    default:
      return false;
  }
}

void DriverSessions::gone(ClientId client, const std::string& why) {
  const auto found = drivers_.find(client);
  if (found == drivers_.end()) return;
  const Driver driver = std::move(found->second);
  drivers_.erase(found);
  if (driver.end.number != 0) {
    MORROW_INVARIANT(ending_ > 0, "a session that ends is counted", client);
    --ending_;
  }
  if (!why.empty()) {
    const std::string who =
        driver.from.empty() ? "process " + std::to_string(driver.pid) : "a client at " + driver.from;
    events_.warn("closed the connection of " + who + ": " + why);
  }
  events_.gone(client);
  const auto attached = sessions_.find(driver.session);
  if (driver.session == 0 || attached == sessions_.end() || attached->second != client) return;
  sessions_.erase(attached);
  if (driver.attachment != 0) orphan(driver.session, driver.attachment);
}

/// Says in the store that the session has no driver here: it may be on its way to another worker, or gone, which is
/// found when its grace is over.
void DriverSessions::orphan(control::SessionId session, std::uint64_t attachment) {
  if (stopping_ || options_.private_worker) return;  // leaving does it for all
  means_.post(
      StoreLane::kUpkeep,
      [incarnation = options_.incarnation, session, attachment](store::Store& store) {
        control::orphan_session(store, incarnation, session, attachment);
      },
      nullptr);
}

void DriverSessions::opened(control::SessionId session, std::uint64_t attachment) {
  const auto attached = sessions_.find(session);
  if (attached == sessions_.end()) return orphan(session, attachment);  // its driver went before it was welcome
  // It may also go between this and its welcome.
  base::must_find(drivers_, attached->second, "a session is attached to a driver that is here").attachment = attachment;
}

// ---- the welcome ----

void DriverSessions::refuse(ClientId client, const std::string& sentence) {
  wire::Welcome welcome;
  welcome.set_error(sentence);
  welcome.set_worker(options_.worker);
  means_.send(client, wire::WELCOME, welcome);
  means_.close(client);
}

void DriverSessions::hello(ClientId client, Driver& driver, std::string_view payload) {
  wire::Hello hello;
  wire::parse(hello, payload);
  driver.greeted = true;
  if (hello.version() != wire::kProtocolVersion) {
    return refuse(client, "this worker speaks version " + std::to_string(wire::kProtocolVersion) +
                              " of the protocol and the program version " + std::to_string(hello.version()) +
                              "; build both with the same Morrow");
  }
  if (!options_.private_worker && hello.cluster() != options_.cluster)
    return refuse(client, "this worker belongs to cluster " + options_.cluster + ", not " + hello.cluster());
  if (hello.kind() == wire::Hello::KNOCK) {
    driver.greeted = false;  // the real one may follow
    wire::Welcome here;
    here.set_worker(options_.worker);
    return means_.send(client, wire::WELCOME, here);
  }
  if (hello.kind() == wire::Hello::WORKER) {
    driver.kind = Kind::kWorker;
    return;
  }
  if (hello.kind() == wire::Hello::COMMAND) {
    driver.kind = Kind::kCommand;
    wire::Welcome welcome;
    welcome.set_worker(options_.worker);
    return means_.send(client, wire::WELCOME, welcome);
  }
  if (hello.kind() != wire::Hello::DRIVER || hello.session() == 0 || hello.program().size() != kProgramKeyBytes)
    throw wire::ProtocolError("a driver said HELLO without its session or program");
  driver.kind = Kind::kDriver;
  driver.session = hello.session();
  driver.program = hello.program();
  driver.log = hello.log_to_driver();
  driver.maps_objects = hello.maps_objects() && driver.from.empty();  // else it came by the port
  const auto [attached, is_new] = sessions_.try_emplace(driver.session, client);
  if (!is_new) {
    MORROW_INVARIANT(attached->second != client && drivers_.contains(attached->second),
                     "a session is attached to a driver that is here, and each driver says HELLO once", client,
                     attached->second);
    means_.close(std::exchange(attached->second, client));  // it came back before its old connection was seen to end
  }
  events_.opening({client, driver.session, driver.program, hello.resume(),
                   std::min<std::uint64_t>(hello.grace_ms(), kMaxGraceMs), hello.opening(), hello.store_patience_ms()});
}

void DriverSessions::carry_out(action::Welcome& welcome) {
  Driver* driver = find(welcome.client);
  if (driver == nullptr) return;
  MORROW_INVARIANT(driver->kind == Kind::kDriver && !driver->welcome, "a driver is welcome once", welcome.client);
  driver->attachment = welcome.attachment;
  driver->acked = welcome.applied;
  driver->welcome = true;
  wire::Welcome message;
  message.set_worker(options_.worker);
  message.set_attachment(welcome.attachment);
  message.set_applied(welcome.applied);
  message.set_upload_ahead_bytes(kUploadAheadBytes);
  means_.send_welcome(welcome.client, message, driver->maps_objects);
  if (!driver->program_waits.empty()) say_program_waits(welcome.client, driver->program_waits);
  if (driver->room) means_.send(welcome.client, wire::STORE_ROOM, *driver->room);
  send_need(welcome.client, *driver);
}

void DriverSessions::carry_out(action::Refuse& refused) { refuse(refused.client, refused.sentence); }

void DriverSessions::carry_out(action::Notice& notice) {
  const ClientId client = client_of(notice.session);
  if (client == 0) return;
  wire::Notice message;
  message.set_text(notice.text);
  means_.send(client, wire::NOTICE, message);
}

void DriverSessions::carry_out(action::StoreRoom& room) {
  Driver* driver = find(room.client);
  if (driver == nullptr) return;
  wire::StoreRoom message;
  message.set_full(room.full);
  message.set_sentence(room.sentence);
  if (driver->welcome) return means_.send(room.client, wire::STORE_ROOM, message);
  driver->room = message;
}

void DriverSessions::carry_out(action::Ack& ack) {
  Driver* driver = find(ack.to.client);
  if (driver == nullptr) return;
  driver->acked = std::max(driver->acked, ack.number);
  ack_.set_number(ack.number);
  means_.send(ack.to.client, wire::ACK, ack_);
}

// ---- programs ----

void DriverSessions::program(ClientId client, Driver& driver, std::string_view payload) {
  wire::Program program;
  wire::parse(program, payload);
  if (program.key() != driver.program) throw wire::ProtocolError("the program is not the one that was said HELLO for");
  auto hashes = std::make_shared<std::set<std::string>>();
  for (const wire::Module& module : program.modules()) {
    if (module.system() || module.sha256().size() != base::kSha256Bytes) continue;
    hashes->insert(module.sha256());
    driver.upload.declare(module.sha256(), module.size());
  }
  events_.program_named(driver.program, driver.pid);
  auto missing = std::make_shared<std::vector<std::string>>();
  const std::string stored = options_.seal ? options_.seal->stored(std::move(program)) : std::string(payload);
  const auto put = [missing, hashes, key = driver.program, bytes = stored,
                    session = driver.session](store::Store& store) {
    control::put_program(store, key, bytes, session);
    missing->clear();
    for (const std::string& hash : *hashes) {
      if (!control::use_blob(store, hash, session)) missing->push_back(hash);
    }
  };
  const auto done = [this, missing, client] {
    Driver* uploads = find(client);
    if (uploads == nullptr) return;
    uploads->program_waits.clear();
    if (missing->empty()) return;
    uploads->upload.lacks(std::move(*missing));
    if (uploads->welcome) send_need(client, *uploads);  // the welcome is the first that a driver hears
  };
  // It is to be there before the session is. But when the store has no room, it must not keep from the rounds what
  // would make some.
  const auto full = std::make_shared<std::string>();
  means_.post(
      StoreLane::kRound,
      [put, full](store::Store& store) {
        full->clear();
        try {
          put(store);
        } catch (const store::StoreFull& error) {
          *full = error.what();
        }
      },
      [this, put, done, full, client] {
        if (full->empty()) return done();
        say_program_waits(client, *full);
        means_.post(StoreLane::kUpload, put, done);
      });
}

void DriverSessions::say_program_waits(ClientId client, const std::string& sentence) {
  Driver* driver = find(client);
  if (driver == nullptr) return;
  driver->program_waits = sentence;
  if (!driver->welcome) return;
  wire::Notice notice;
  notice.set_text("the program waits for room in the store, and its tasks for the program: " + sentence);
  means_.send(client, wire::NOTICE, notice);
}

void DriverSessions::send_need(ClientId client, Driver& driver) {
  wire::Need need;
  for (std::string& hash : driver.upload.take_missing()) need.add_blobs(std::move(hash));
  if (const auto taken = driver.upload.take_news()) need.set_taken_bytes(*taken);
  if (need.blobs_size() != 0 || need.taken_bytes() != 0) means_.send(client, wire::NEED, need);
}

void DriverSessions::blob_chunk(ClientId client, Driver& driver, std::string_view payload) {
  auto chunk = std::make_shared<wire::BlobChunk>();
  wire::parse(*chunk, payload);
  const bool was_ahead = driver.upload.is_ahead();
  if (!driver.upload.came(*chunk)) {
    if (driver.welcome) send_need(client, driver);
    return;
  }
  if (!was_ahead && driver.upload.is_ahead()) means_.pause(client);
  means_.post(
      StoreLane::kUpload,
      [chunk, session = driver.session](store::Store& store) {
        control::put_blob_chunk(store, chunk->hash(), chunk->index(), chunk->data());
        if (!chunk->last()) return;
        control::put_blob_header(store, chunk->hash(), chunk->index() + 1, chunk->size());
        control::use_blob(store, chunk->hash(), session);
      },
      [this, chunk, client] {
        Driver* uploads = find(client);
        if (uploads == nullptr) return;
        const bool ahead = uploads->upload.is_ahead();
        uploads->upload.stored(*chunk);
        if (ahead && !uploads->upload.is_ahead()) means_.resume(client);
        if (uploads->welcome) send_need(client, *uploads);
      });
}

void DriverSessions::uploads_wait(const std::string& sentence) {
  for (auto& [client, driver] : drivers_) {
    const bool was_ahead = driver.upload.is_ahead();
    if (!driver.upload.no_room()) continue;
    if (was_ahead) means_.resume(client);
    say_program_waits(client, sentence);
  }
}

// ---- the end of a session ----

void DriverSessions::end_session(ClientId client, Driver& driver, std::string_view payload) {
  wire::EndSession end;
  wire::parse(end, payload);
  if (end.number() == 0) throw wire::ProtocolError("a change came without its number");
  for (const wire::FutureId& id : end.observed()) driver.end.observed.push_back(id_of(id));
  driver.end.number = end.number();
  driver.end.round = means_.rounds().begun;
  ++ending_;
  MORROW_INVARIANT(ending_ <= drivers_.size(), "no more sessions end than there are drivers", ending_, drivers_.size());
  events_.ending(client);
}

void DriverSessions::end_sessions() {
  if (ending_ == 0) return;
  const StoreActions::Rounds rounds = means_.rounds();
  for (auto& [client, driver] : drivers_) {
    SessionEnd& end = driver.end;
    if (end.number == 0 || end.counts_failures || driver.acked + 1 < end.number) continue;
    // What just ended may still be on its way to the store.
    if (rounds.in_flight && rounds.begun < end.round + 2) continue;
    end.counts_failures = true;
    auto ends = std::make_shared<control::LooseEnds>();
    means_.post(
        StoreLane::kUpkeep,
        [ends, session = driver.session, observed = end.observed](store::Store& store) {
          *ends = control::loose_ends(store, session, observed);
        },
        [this, ends, id = client] {
          Driver* leaving = find(id);
          if (leaving == nullptr) return;
          leaving->end.loose_ends = *ends;
          events_.end_session(id, leaving->end.number);
        });
  }
}

void DriverSessions::carry_out(action::SessionEnded& ended) {
  Driver* driver = find(ended.client);
  if (driver == nullptr) return;
  if (!driver->welcome) {  // it came back while its session was being ended
    action::Welcome welcome{ended.client, driver->attachment, ended.applied};
    carry_out(welcome);
  }
  wire::SessionEnded message;
  const control::LooseEnds& ends = driver->end.loose_ends;
  message.set_failed(ends.failed);
  if (ends.failure) message.set_first(failure_bytes(*ends.failure, options_.worker));
  message.set_cancelled(ends.unfinished);
  if (ends.unfinished_spec)
    message.set_unfinished(encode_failure(control::FailureKind::kCancelled, {}, *ends.unfinished_spec, 0));
  for (const auto& [place, lines] : ends.left_out_lines) {
    if (!wants_log(ended.client)) break;
    wire::LeftOutLines& left_out = *message.add_left_out();
    left_out.set_place(place);
    left_out.set_lines(lines);
  }
  means_.send_ended(ended.client, message);
  // Another connection may have taken it meanwhile.
  if (const auto attached = sessions_.find(driver->session);
      attached != sessions_.end() && attached->second == ended.client)
    sessions_.erase(attached);
  driver->session = 0;  // nothing of it is left to be orphaned
}

}  // namespace morrow::worker
