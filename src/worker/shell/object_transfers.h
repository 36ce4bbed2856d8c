// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/types.h"
#include "wire/http.h"
#include "worker/port/fetcher.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Gets copies of values from the workers that hold them. Holds nothing but what is under way, and owns no connection.
/// Main thread only.
class ObjectTransfers {
 public:
  /// What it acts with.
  struct Means {
    PostToStore post;
    /// Gets the object from one of these workers; `ended` is called on the main thread, never from inside. Empty: this
    /// worker can't fetch.
    std::function<void(std::vector<wire::Endpoint> holders, std::uint64_t object, std::span<std::byte> into,
                       Fetcher::Done ended)>
        fetch;
    /// Of an address as workers write it into the store; nothing: it is none.
    std::function<std::optional<wire::Endpoint>(const std::string& address)> endpoint_of;
    CallLater after;
    std::function<std::uint64_t()> clock_ms;  ///< monotonic
    Say warn;
  };
  /// What it is told of this worker once.
  struct Options {
    control::Incarnation incarnation = 0;
    std::uint64_t lease_ms = 0;
  };
  ObjectTransfers(Means means, Options options) : means_(std::move(means)), options_(options) {}

  /// See Objects::Fetch. An empty problem: the value is there.
  using Done = std::function<void(bool lost, std::string problem)>;
  void fetch(control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into, Done done);

  /// The worker leaves: what is under way ends as soon as it can, and nothing is tried again.
  void stop() { stopping_ = true; }

 private:
  struct Transfer;
  using TransferPtr = std::shared_ptr<Transfer>;
  void look_up(const TransferPtr& transfer);
  void fetch_from_holders(const TransferPtr& transfer);
  bool denied(Transfer& transfer) const;
  void forget_holders(const TransferPtr& transfer);
  void ended(const TransferPtr& transfer, Fetcher::End end, const std::string& sentence);

  Means means_;
  const Options options_;
  bool stopping_ = false;
};

}  // namespace morrow::worker
