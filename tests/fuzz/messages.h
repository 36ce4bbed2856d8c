// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "tests/fuzz/quiet.h"
#include "wire/frame.h"
#include "wire/messages.pb.h"

namespace morrow::fuzz {

/// An empty message of the type that frames of `type` carry; null for a type that carries none.
inline std::unique_ptr<google::protobuf::MessageLite> message_of(wire::FrameType type) {
  switch (type) {
#define MORROW_MESSAGE(TYPE, MESSAGE) \
  case wire::TYPE:                    \
    return std::make_unique<wire::MESSAGE>();
    // clang-format off: it takes these for one statement
    MORROW_MESSAGE(HELLO, Hello)
    MORROW_MESSAGE(SUBMIT, Submit)
    MORROW_MESSAGE(AWAIT, Await)
    MORROW_MESSAGE(UNAWAIT, Unawait)
    MORROW_MESSAGE(RELEASE, Release)
    MORROW_MESSAGE(CANCEL, Cancel)
    MORROW_MESSAGE(OPEN_SCOPE, OpenScope)
    MORROW_MESSAGE(END_SCOPE, EndScope)
    MORROW_MESSAGE(END_SESSION, EndSession)
    MORROW_MESSAGE(FLUSH, Flush)
    MORROW_MESSAGE(PROGRAM, Program)
    MORROW_MESSAGE(BLOB_CHUNK, BlobChunk)
    MORROW_MESSAGE(STATUS, Status)
    MORROW_MESSAGE(TOKEN, TokenRequest)
    MORROW_MESSAGE(PUT, Put)
    MORROW_MESSAGE(RESERVE, Reserve)
    MORROW_MESSAGE(UNPIN, Unpin)
    MORROW_MESSAGE(OBJECTS, ObjectsRequest)
    MORROW_MESSAGE(FIND, Find)
    MORROW_MESSAGE(WHY, WhyRequest)
    MORROW_MESSAGE(LIST, ListRequest)
    MORROW_MESSAGE(SUMMARY, SummaryRequest)
    MORROW_MESSAGE(ORDER, Order)
    MORROW_MESSAGE(TASK_DONE, TaskDone)
    MORROW_MESSAGE(START_FAILED, StartFailed)
    MORROW_MESSAGE(WELCOME, Welcome)
    MORROW_MESSAGE(ACK, Ack)
    MORROW_MESSAGE(READY, Ready)
    MORROW_MESSAGE(NEED, Need)
    MORROW_MESSAGE(LOG, Log)
    MORROW_MESSAGE(NOTICE, Notice)
    MORROW_MESSAGE(SESSION_ENDED, SessionEnded)
    MORROW_MESSAGE(STATUS_REPLY, StatusReply)
    MORROW_MESSAGE(TOKEN_REPLY, TokenReply)
    MORROW_MESSAGE(RESERVED, Reserved)
    MORROW_MESSAGE(OBJECTS_REPLY, ObjectsReply)
    MORROW_MESSAGE(ADDRESSES, Addresses)
    MORROW_MESSAGE(STORE_ROOM, StoreRoom)
    MORROW_MESSAGE(FOUND, Found)
    MORROW_MESSAGE(WHY_REPLY, WhyReply)
    MORROW_MESSAGE(LIST_REPLY, ListReply)
    MORROW_MESSAGE(SUMMARY_REPLY, SummaryReply)
    MORROW_MESSAGE(ORDER_REPLY, OrderReply)
    MORROW_MESSAGE(BEAT, Beat)
    MORROW_MESSAGE(TASK, Task)
    MORROW_MESSAGE(DRAINED, Drained)
    MORROW_MESSAGE(TASK_VALUES, TaskValues)
    MORROW_MESSAGE(FORK, Fork)
    MORROW_MESSAGE(FORKED, Forked)
    MORROW_MESSAGE(EXITED, Exited)
    MORROW_MESSAGE(PROGRAM_READY, ProgramReady)
    // clang-format on
#undef MORROW_MESSAGE
    default:
      return nullptr;
  }
}

/// What a receiver does with a frame: parses its message, which it can write again.
inline void read_message(const wire::FrameReader::View& frame) {
  silence_protobuf();
  const auto message = message_of(frame.type);
  if (message == nullptr) __builtin_trap();  // a new frame type: add it above
  wire::parse(*message, frame.payload);
  std::string again;
  wire::append_frame(again, frame.type, *message);
}

}  // namespace morrow::fuzz
