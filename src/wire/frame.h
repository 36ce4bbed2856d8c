// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "wire/messages.pb.h"

/// Frames: length, type, one protobuf message. See messages.proto.
namespace morrow::wire {

inline constexpr std::uint32_t kProtocolVersion = 4;
inline constexpr std::size_t kMaxFrameBytes = 8u << 20;  ///< checked before anything is allocated

/// The other side sent bytes that are not the protocol's.
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Appends one frame to `out`. \throws ProtocolError when the message is over kMaxFrameBytes.
void append_frame(std::string& out, FrameType type, const google::protobuf::MessageLite& message);

/// Where the frame begins in which `at` lies, `at` itself between two: of bytes that append_frame made, from the
/// beginning of one.
std::size_t frame_begin(std::string_view frames, std::size_t at);

/// Cuts a stream of bytes into frames. Not thread-safe.
class FrameReader {
 public:
  /// A frame in the reader's memory.
  struct View {
    FrameType type;
    std::string_view payload;  ///< lives until the next call of `next`, `buffer` or `append`
  };

  /// Room for at least `size` bytes to read into; then tell how many came by `filled`.
  char* room(std::size_t size);
  void filled(std::size_t size);
  void append(std::string_view bytes);

  /// The next whole frame, or nothing yet. \throws ProtocolError
  std::optional<View> next();

  std::size_t buffered() const { return end_ - begin_; }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// Parses `payload` into `message` (reused: no allocation when it has room). \throws ProtocolError naming the type
void parse(google::protobuf::MessageLite& message, std::string_view payload);

}  // namespace morrow::wire
