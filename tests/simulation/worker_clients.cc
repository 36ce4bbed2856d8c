// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tests/simulation/virtual_worker.h"
#include "worker/shell/convert.h"

// A virtual worker's drivers: what they say comes here, and what is said to them goes from here.
namespace morrow::simulation {

using worker::Brain;

ClientId VirtualWorker::connect(std::shared_ptr<WorkerVoice> voice) {
  const ClientId client = ++last_client_;
  connections_[client].voice = std::move(voice);
  sessions_->came(client, 0);
  return client;
}

WorkerVoice* VirtualWorker::voice_of(ClientId client) {
  const auto found = connections_.find(client);
  return found == connections_.end() || found->second.closed ? nullptr : found->second.voice.get();
}

/// What a driver says, once it comes here.
void VirtualWorker::frame(ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message) {
  if (voice_of(client) == nullptr) return;
  if (!sessions_->frame(client, type, message.SerializeAsString())) world_.wrong("A driver's frame was for nobody.");
}

void VirtualWorker::hello(ClientId client, const Hello& hello) {
  tell([this, client, hello] {
    if (!hears(client)) return;
    connections_[client].on_this_machine = hello.on_this_machine;
    wire::Hello message;
    message.set_version(wire::kProtocolVersion);
    message.set_cluster(kCluster);
    message.set_kind(wire::Hello::DRIVER);
    message.set_session(hello.session);
    message.set_program(kProgram);
    message.set_resume(hello.resume);
    message.set_grace_ms(hello.grace_ms);
    message.set_opening(hello.opening);
    frame(client, wire::HELLO, message);
    wire::Program program;
    program.set_key(kProgram);
    frame(client, wire::PROGRAM, program);
  });
}

void VirtualWorker::hear(ClientId client, std::function<void(Brain&, Time)> request) {
  tell([this, client, request = std::move(request)] {
    if (hears(client) && sessions_->takes_changes(client)) request(*brain_, now());
  });
}

void VirtualWorker::end_session(ClientId client, std::uint64_t number) {
  tell([this, client, number] {
    if (!hears(client)) return;
    wire::EndSession end;
    end.set_number(number);
    frame(client, wire::END_SESSION, end);
  });
}

void VirtualWorker::hear_beat(ClientId client) {
  tell([this, client] {
    if (hears(client)) frame(client, wire::BEAT, wire::Beat());
  });
}

void VirtualWorker::find(ClientId client, std::uint64_t token, const std::string& name) {
  tell([this, client, token, name] {
    if (!hears(client)) return;
    wire::Find question;
    question.set_token(token);
    question.set_name(name);
    names_->find({client, 0}, question.SerializeAsString());
  });
}

/// Something came from a driver. False: its connection was closed.
bool VirtualWorker::hears(ClientId client) {
  if (voice_of(client) == nullptr) return false;
  Connection& connection = connections_[client];
  ++connection.came;
  connection.away_when_heard = was_mute() + was_deaf();
  return true;
}

/// A driver gave no sign. It says nothing either before it hears that it is welcome.
void VirtualWorker::cut(ClientId client) {
  if (was_mute() + was_deaf() - connections_[client].away_when_heard < world_.config.lease_ms * kMillisecond / 6)
    world_.wrong("A worker hangs up on a driver that spoke.");
  close(client);
}

void VirtualWorker::send(ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message) {
  WorkerVoice* const voice = voice_of(client);
  if (voice == nullptr) return;
  Connection& connection = connections_[client];
  ++connection.taken;
  if (type == wire::WELCOME) connection.welcome = true;
  if (!connection.welcome)
    world_.wrong("A driver was told something (" + std::to_string(type) + ") before it was welcome.");
  if (type == wire::BEAT) {
    voice->beaten();
  } else if (type == wire::FOUND) {
    const auto& found = static_cast<const wire::Found&>(message);
    voice->found(found.token(), found.has_id() ? worker::id_of(found.id()) : FutureId{}, found.complete());
  } else if (type == wire::WELCOME) {
    const auto& welcome = static_cast<const wire::Welcome&>(message);
    voice->welcome(welcome.applied(), welcome.error());
  } else if (type == wire::ACK) {
    voice->ack(static_cast<const wire::Ack&>(message).number());
  } else if (type == wire::SESSION_ENDED) {
    voice->session_ended();
  } else if (type == wire::STORE_ROOM) {
    voice->store_room(static_cast<const wire::StoreRoom&>(message).full());
  } else if (type != wire::NOTICE) {  // which is for people
    world_.wrong("A driver was sent a frame of type " + std::to_string(type) + ".");
  }
}

void VirtualWorker::close(ClientId client) {
  WorkerVoice* const voice = voice_of(client);
  if (voice == nullptr) return;
  connections_[client].closed = true;
  voice->lost();
  client_gone(client);
}

void VirtualWorker::client_gone(ClientId client) {
  tell([this, client] {
    connections_.erase(client);
    signs_->gone(client);
    sessions_->gone(client, "");
  });
}

}  // namespace morrow::simulation
