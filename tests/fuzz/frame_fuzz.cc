// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/messages.h"
#include "wire/frame.h"

namespace morrow::fuzz {

namespace {

using Frames = std::vector<std::pair<wire::FrameType, std::string>>;

/// What comes out of a reader that gets `stream` in pieces of `piece` bytes; frames before rubbish count.
Frames read_in_pieces(std::string_view stream, std::size_t piece, bool by_room) {
  Frames frames;
  wire::FrameReader reader;
  try {
    while (!stream.empty()) {
      const std::string_view part = stream.substr(0, piece);
      if (by_room) {
        std::copy(part.begin(), part.end(), reader.room(part.size() + 100));
        reader.filled(part.size());
      } else {
        reader.append(part);
      }
      stream.remove_prefix(part.size());
      while (const auto frame = reader.next()) frames.emplace_back(frame->type, frame->payload);
    }
  } catch (const wire::ProtocolError&) {
  }
  return frames;
}

std::string framed(wire::FrameType type, const google::protobuf::MessageLite& message) {
  std::string out;
  wire::append_frame(out, type, message);
  return out + '\7';  // the size of the pieces
}

}  // namespace

std::map<std::string, std::string> seeds() {
  wire::Submit submit;
  submit.set_number(3);
  submit.mutable_id()->set_scope(7);
  submit.mutable_requirements()->set_cpu_micro(1'000'000);
  submit.mutable_requirements()->add_named_micro()->set_name("license");
  submit.set_name("train");
  submit.add_dependencies()->set_sequence(4);
  submit.set_payload("payload");
  wire::Await await;
  await.set_token(1);
  await.add_ids(1);
  await.add_ids(2);
  wire::Hello hello;
  hello.set_version(wire::kProtocolVersion);
  hello.set_cluster("demo");
  hello.set_program("0123456789abcdef");
  wire::StatusReply status;
  status.add_workers()->set_name("one");
  status.add_futures()->set_state("waiting");
  wire::Task task;
  task.set_slot(3);
  task.set_payload("payload");
  task.add_dependencies("value");
  wire::Log log;
  log.set_task("train");
  log.add_lines("a line");
  std::map<std::string, std::string> all{
      {"hello", framed(wire::HELLO, hello)}, {"submit", framed(wire::SUBMIT, submit)},
      {"await", framed(wire::AWAIT, await)}, {"status", framed(wire::STATUS_REPLY, status)},
      {"task", framed(wire::TASK, task)},    {"log", framed(wire::LOG, log)},
  };
  // The other types by an empty message each, in one stream.
  for (int type = 1; wire::FrameType_IsValid(type) || type < wire::FrameType_MAX; ++type) {
    if (!wire::FrameType_IsValid(type)) continue;
    const auto message = message_of(static_cast<wire::FrameType>(type));
    wire::append_frame(all["empty"], static_cast<wire::FrameType>(type), *message);
  }
  return all;
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow::fuzz;
  Input input(data, size);
  const std::size_t piece = input.number() + 1U;
  const Frames frames = read_in_pieces(input.rest(), piece, piece % 2 == 0);
  require(frames == read_in_pieces(input.rest(), input.rest().size(), false));
  for (const auto& [type, payload] : frames) {
    try {
      read_message({type, payload});
    } catch (const morrow::wire::ProtocolError&) {
    }
  }
  return 0;
}
