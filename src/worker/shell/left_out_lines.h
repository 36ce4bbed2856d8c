// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control/types.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Counts, in the store, the lines of tasks that their driver will not be given: its connection ended before it had
/// read them, or that of the worker between. It is told when its session ends, wherever that is. Main thread only.
class LeftOutLines {
 public:
  LeftOutLines(PostToStore post, CallLater after, control::Incarnation self)
      : post_(std::move(post)), after_(std::move(after)), self_(self) {}

  /// `place`: the file that has them.
  void add(control::SessionId session, const std::string& place, std::uint64_t lines);
  /// Calls it when all is in the store: at once, or later.
  void when_noted(std::function<void()> then);

 private:
  using Key = std::pair<control::SessionId, std::string>;
  /// Of lines, in all.
  struct Count {
    std::uint64_t all = 0;
    std::uint64_t posted = 0;
    bool on_its_way = false;
  };
  void post_soon();
  void post_all();
  void noted(const Key& key);

  const PostToStore post_;
  const CallLater after_;
  const control::Incarnation self_;
  std::map<Key, Count> counts_;
  std::size_t on_their_way_ = 0;
  bool posts_soon_ = false;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace morrow::worker
