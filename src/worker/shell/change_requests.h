// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/types.h"
#include "wire/frame.h"
#include "wire/messages.pb.h"
#include "worker/brain/brain.h"
#include "worker/ids/ids.h"
#include "worker/shell/value_answers.h"

namespace morrow::worker {

/// The requests that drivers and tasks have in common, from the words of the protocol to those of the brain: submit,
/// put, await, release, cancel, scopes, flush, names, and room for values. Holds only messages that are used again and
/// again. Main thread only; `brain` and `values` must outlive it.
class ChangeRequests {
 public:
  /// In whose name something is asked.
  struct Origin {
    std::string program;
    control::SessionId session = 0;
  };
  /// What it acts with.
  struct Means {
    std::function<Time()> now;
    /// Of a driver (claim 0), or of the execution of a task; null: that is over, and nobody may see what it asks. What
    /// is returned is used at once.
    std::function<const Origin*(const Waiter&, control::Claim)> origin_of;
    /// A Find.
    std::function<void(const Waiter&, std::string_view payload)> find;
  };
  ChangeRequests(Means means, Brain& brain, ValueAnswers& values);

  /// False: the frame is not of that kind. \throws wire::ProtocolError
  bool frame(const Waiter& who, wire::FrameType type, std::string_view payload);

 private:
  void submit(const Waiter& who, std::string_view payload);
  void put(const Waiter& who, std::string_view payload);
  void await(const Waiter& who, std::string_view payload);
  bool scope_frame(const Waiter& who, wire::FrameType type, std::string_view payload);

  Means means_;
  Brain& brain_;
  ValueAnswers& values_;
  wire::Submit submit_;
  wire::Await await_;
};

}  // namespace morrow::worker
