// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include "wire/messages.pb.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Answers who asks for a detached future by its name, and lets that keep its program in the store: it may have to run
/// when its driver is gone. Holds nothing. Main thread only.
class NamedFutures {
 public:
  /// What it acts with.
  struct Means {
    PostToStore post;
    std::function<void(const Waiter&, wire::FrameType, const google::protobuf::MessageLite&)> send;
  };
  explicit NamedFutures(Means means) : means_(std::move(means)) {}

  /// A FIND; the answer follows, never from inside. \throws wire::ProtocolError
  void find(const Waiter& who, std::string_view payload);

 private:
  Means means_;
};

}  // namespace morrow::worker
