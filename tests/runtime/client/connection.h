// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "wire/frame.h"
#include "wire/socket.h"

namespace morrow::test {

/// One end of a stream of frames. A wait that takes too long is a failure: it throws.
class Connection {
 public:
  Connection() = default;
  explicit Connection(wire::Fd socket) : socket_(std::move(socket)) {}

  struct Received {
    wire::FrameType type;
    std::string payload;
  };

  /// The next frame; nothing at the end of the stream.
  std::optional<Received> next();
  /// Whether nothing more comes for a moment.
  bool is_quiet();
  /// The next frame, which must be of this type.
  template <class Message>
  Message read(wire::FrameType type) {
    Message message;
    wire::parse(message, expect(type));
    return message;
  }
  void write(wire::FrameType type, const google::protobuf::MessageLite& message);
  /// As `write`, but joined with the next write to one piece.
  void queue(wire::FrameType type, const google::protobuf::MessageLite& message) {
    wire::append_frame(queued_, type, message);
  }

  void close() { socket_.reset(); }
  int fd() const { return socket_.get(); }

 private:
  std::string expect(wire::FrameType type);

  wire::Fd socket_;
  wire::FrameReader frames_;
  std::string queued_;
};

/// Waits until `fd` can be read. \throws std::runtime_error after a long time
void await_readable(int fd, const char* what);

}  // namespace morrow::test
