// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "store/sim/sim_store.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Stands for the store's thread: keeps what is posted until it is run.
class FakeStore {
 public:
  PostToStore post() {
    return [this](StoreLane lane, std::function<void(store::Store&)> job, std::function<void()> done) {
      posted.push_back({lane, std::move(job), std::move(done)});
    };
  }
  struct Posted {
    StoreLane lane;
    std::function<void(store::Store&)> job;
    std::function<void()> done;
  };

  /// The first that was posted and not run.
  Posted take() {
    Posted one = std::move(posted.front());
    posted.pop_front();
    return one;
  }
  /// Runs all that was posted, and what that posts. Each job twice, as after an answer that was lost.
  void run() {
    while (!posted.empty()) {
      const Posted one = take();
      one.job(store);
      one.job(store);
      if (one.done) one.done();
    }
  }

  std::deque<Posted> posted;
  store::SimStore store;
};

/// A frame that was sent to a client.
struct SentFrame {
  ClientId client = 0;
  wire::FrameType type{};
  std::string bytes;

  template <class Message>
  Message as() const {
    Message message;
    message.ParseFromString(bytes);
    return message;
  }
};

}  // namespace morrow::worker
