// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstring>

#include "base/invariant.h"

namespace morrow::wire {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kKeepBytes = 1u << 20;  // a buffer that grew beyond is given back once it is empty

std::uint32_t read_length(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
         static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

}  // namespace

void append_frame(std::string& out, FrameType type, const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  const std::size_t length = size + 1;
  if (length > kMaxFrameBytes) {
    throw ProtocolError("a message of " + std::to_string(size) + " bytes is over the limit of " +
                        std::to_string(kMaxFrameBytes) + " bytes a frame; send less at once");
  }
  const std::size_t start = out.size();
  out.resize(start + kLengthBytes + length);
  char* at = out.data() + start;
  for (std::size_t i = 0; i < kLengthBytes; ++i) at[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  at[kLengthBytes] = static_cast<char>(type);
  const auto* const end =
      message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(at + kLengthBytes + 1));
  MORROW_INVARIANT(reinterpret_cast<const char*>(end) == out.data() + out.size(), "a frame is as long as it says", type,
                   length);
}

std::size_t frame_begin(std::string_view frames, std::size_t at) {
  std::size_t begin = 0;
  while (frames.size() - begin >= kLengthBytes) {
    const std::size_t end = begin + kLengthBytes + read_length(frames.data() + begin);
    if (end > at) break;
    begin = end;
  }
  return begin;
}

char* FrameReader::room(std::size_t size) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kKeepBytes && size <= kKeepBytes) {
      buffer_.clear();
      buffer_.shrink_to_fit();
    }
  }
  if (buffer_.size() - end_ < size) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (buffer_.size() - end_ < size) buffer_.resize(std::max(end_ + size, 2 * buffer_.size()));
  }
  return buffer_.data() + end_;
}

void FrameReader::filled(std::size_t size) {
  MORROW_INVARIANT(size <= buffer_.size() - end_, "no more bytes come than there is room for", size, buffer_.size(),
                   end_);
  end_ += size;
}

void FrameReader::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  filled(bytes.size());
}

std::optional<FrameReader::View> FrameReader::next() {
  if (end_ - begin_ < kLengthBytes) return std::nullopt;
  const char* at = buffer_.data() + begin_;
  const std::uint32_t length = read_length(at);
  if (length == 0 || length > kMaxFrameBytes) {
    throw ProtocolError("the other side sent a frame of " + std::to_string(length) +
                        " bytes; it does not speak Morrow's protocol, or is another version");
  }
  if (end_ - begin_ > kLengthBytes) {
    const int type = static_cast<unsigned char>(at[kLengthBytes]);
    if (type == FRAME_NONE || !FrameType_IsValid(type)) {
      throw ProtocolError("the other side sent a frame of the unknown type " + std::to_string(type) +
                          "; it does not speak Morrow's protocol, or is another version");
    }
  }
  if (end_ - begin_ < kLengthBytes + length) return std::nullopt;
  begin_ += kLengthBytes + length;
  return View{static_cast<FrameType>(static_cast<unsigned char>(at[kLengthBytes])),
              std::string_view(at + kLengthBytes + 1, length - 1)};
}

void parse(google::protobuf::MessageLite& message, std::string_view payload) {
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    throw ProtocolError("the other side sent a damaged " + message.GetTypeName());
  }
}

}  // namespace morrow::wire
