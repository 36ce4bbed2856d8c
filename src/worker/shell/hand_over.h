// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/types.h"
#include "wire/http.h"
#include "worker/port/fetcher.h"
#include "worker/shell/copy_request.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Sees to it, before a worker leaves, that the values which only this one has are with others: asks those to get a
/// copy of each, until they have all, or can't have more, or the time is over. Owns no connection and no value. Main
/// thread only.
class HandOver {
 public:
  /// What it acts with.
  struct Means {
    PostToStore post;
    HaveCopied have_copied;
    /// Of an address as workers write it into the store; nothing: it is none.
    std::function<std::optional<wire::Endpoint>(const std::string& address)> endpoint_of;
    CallLater after;
    std::function<std::uint64_t()> clock_ms;  ///< monotonic
    Say note;                                 ///< for the log alone
    Say say;
    Say warn;
  };
  /// What it is told of this worker once.
  struct Options {
    control::Incarnation incarnation = 0;
    std::uint64_t within_ms = 0;
  };
  HandOver(Means means, Options options) : means_(std::move(means)), options_(options) {}

  /// Once. Hands over what only this worker has of `held`, says what became of it, and calls `done`.
  void start(std::vector<control::HeldValue> held, std::function<void()> done);

 private:
  /// A value that is to be handed over.
  struct Value {
    control::SoleValue sole;
    CopyRequest request;
  };
  struct Look;
  void look();
  void look_again();
  void looked(const Look& found);
  void ask(Value& value, const std::vector<control::WorkerInfo>& others);
  void answered(std::uint64_t number, Fetcher::Copied copied, const std::string& sentence);
  void finish(const std::string& why);

  Means means_;
  const Options options_;
  std::function<void()> done_;
  std::vector<control::HeldValue> held_;   ///< that were not yet looked for
  std::map<std::uint64_t, Value> values_;  ///< to be handed over still, by number
  std::size_t asked_ = 0;
  std::size_t next_ = 0;  ///< who is asked next
  std::uint64_t end_ms_ = 0;
  std::size_t handed_ = 0;
  std::uint64_t handed_bytes_ = 0;
  bool first_ = true;
};

}  // namespace morrow::worker
