// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

namespace morrow::wire {
namespace {

std::string as_text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string frame_of(FrameType type, const google::protobuf::MessageLite& message) {
  std::string bytes;
  append_frame(bytes, type, message);
  return bytes;
}

TEST(Frame, IsLengthTypeAndMessage) {
  Ack ack;
  ack.set_number(5);
  const std::string bytes = frame_of(ACK, ack);
  EXPECT_EQ(bytes, std::string("\x03\x00\x00\x00\x29\x08\x05", 7));
}

TEST(Frame, BeginsWhereTheLastOneEnds) {
  Notice notice;
  notice.set_text("four");
  const std::string frames = frame_of(ACK, Ack()) + frame_of(NOTICE, notice);
  const std::size_t second = frame_of(ACK, Ack()).size();
  for (std::size_t at = 0; at <= frames.size(); ++at)
    EXPECT_EQ(frame_begin(frames, at), at < second ? 0 : at < frames.size() ? second : at);
}

TEST(Frame, WhatIsWrittenIsReadHoweverTheStreamIsCut) {
  EXPECT_TRUE(rc::check([](const std::vector<std::vector<std::uint8_t>>& payloads, std::uint8_t step) {
    std::string stream;
    for (const auto& payload : payloads) {
      Ready ready;
      ready.set_token(payload.size());
      ready.set_bytes(as_text(payload));
      append_frame(stream, READY, ready);
    }
    FrameReader reader;
    std::size_t next = 0;
    for (std::size_t at = 0; at < stream.size(); at += step + 1U) {
      reader.append(std::string_view(stream).substr(at, step + 1U));
      while (const auto frame = reader.next()) {
        RC_ASSERT(frame->type == READY);
        Ready ready;
        parse(ready, frame->payload);
        RC_ASSERT(next < payloads.size());
        RC_ASSERT(ready.bytes() == as_text(payloads[next]));
        ++next;
      }
    }
    RC_ASSERT(next == payloads.size());
    RC_ASSERT(reader.buffered() == 0U);
  }));
}

// Reads all frames, and every one as several messages: nothing but a ProtocolError may come of it.
void read_all(std::string_view stream) {
  try {
    FrameReader reader;
    reader.append(stream);
    while (const auto frame = reader.next()) {
      Submit submit;
      Task task;
      Failure failure;
      for (google::protobuf::MessageLite* message :
           std::initializer_list<google::protobuf::MessageLite*>{&submit, &task, &failure}) {
        try {
          parse(*message, frame->payload);
        } catch (const ProtocolError&) {
        }
      }
    }
  } catch (const ProtocolError&) {
  }
}

TEST(Frame, RandomBytesOnlyEverThrowProtocolError) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& bytes) { read_all(as_text(bytes)); }));
}

TEST(Frame, ADamagedStreamOnlyEverThrowsProtocolError) {
  Submit submit;
  submit.set_number(7);
  submit.mutable_id()->set_scope(1);
  submit.set_name("task");
  submit.set_payload(std::string(100, 'x'));
  submit.mutable_requirements()->add_named_micro()->set_name("license");
  std::string whole = frame_of(SUBMIT, submit);
  append_frame(whole, SUBMIT, submit);
  EXPECT_TRUE(rc::check([&](const std::vector<std::pair<std::uint16_t, std::uint8_t>>& changes) {
    std::string stream = whole;
    for (const auto& [at, value] : changes) stream[at % stream.size()] = static_cast<char>(value);
    read_all(stream);
  }));
}

TEST(Frame, ALengthOverTheLimitIsRefusedBeforeAnythingIsAllocated) {
  FrameReader reader;
  reader.append(std::string("\xff\xff\xff\x7f", 4));
  EXPECT_THROW(reader.next(), ProtocolError);
}

TEST(Frame, AnEmptyOneIsRefused) {
  FrameReader reader;
  reader.append(std::string(4, '\0'));
  EXPECT_THROW(reader.next(), ProtocolError);
}

TEST(Frame, AnUnknownTypeIsRefused) {
  FrameReader reader;
  reader.append(std::string("\x02\x00\x00\x00\xfa", 5));
  EXPECT_THROW(reader.next(), ProtocolError);
}

TEST(Frame, AMessageOverTheLimitIsNotWritten) {
  Ready ready;
  ready.set_bytes(std::string(kMaxFrameBytes, 'x'));
  std::string out = "before";
  EXPECT_THROW(append_frame(out, READY, ready), ProtocolError);
  EXPECT_EQ(out, "before");
}

TEST(Frame, TheErrorOfADamagedMessageNamesItsType) {
  Submit submit;
  try {
    parse(submit, "\x0a");
    FAIL() << "it was taken";
  } catch (const ProtocolError& error) {
    EXPECT_NE(std::string(error.what()).find("Submit"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace morrow::wire
