// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/resend.h"

#include <stdexcept>

namespace morrow::runtime {

namespace {

constexpr std::size_t kHeaderBytes = 5;

template <class Message>
std::string marked(wire::FrameType type, std::string_view frame) {
  Message message;
  wire::parse(message, frame.substr(kHeaderBytes));
  message.set_resent(true);
  std::string out;
  wire::append_frame(out, type, message);
  return out;
}

}  // namespace

std::string marked_as_resent(wire::FrameType type, std::string_view frame) {
  switch (type) {
    case wire::SUBMIT:
      return marked<wire::Submit>(type, frame);
    case wire::PUT:
      return marked<wire::Put>(type, frame);
    case wire::RELEASE:
      return marked<wire::Release>(type, frame);
    case wire::CANCEL:
      return marked<wire::Cancel>(type, frame);
    case wire::OPEN_SCOPE:
      return marked<wire::OpenScope>(type, frame);
    case wire::END_SCOPE:
      return marked<wire::EndScope>(type, frame);
    case wire::END_SESSION:
      return marked<wire::EndSession>(type, frame);
    default:
      throw std::logic_error("a frame that changes nothing is not kept to be sent again");
  }
}

}  // namespace morrow::runtime
