// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/cluster.h"
#include "control/types.h"
#include "wire/http.h"
#include "worker/ids/ids.h"
#include "worker/port/fetcher.h"
#include "worker/shell/copy_request.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Values that several workers are to hold from the start (`PutOptions::copies`): has others get copies of them, and
/// holds back the acknowledgement of their puts, and of all that follows, until they have. Owns no connection and no
/// value. Main thread only.
class Copies {
 public:
  /// What it acts with.
  struct Means {
    PostToStore post;
    HaveCopied have_copied;  ///< empty: this worker reaches no others
    /// Of an address as workers write it into the store; nothing: it is none.
    std::function<std::optional<wire::Endpoint>(const std::string& address)> endpoint_of;
    CallLater after;
    std::function<std::uint64_t()> clock_ms;  ///< monotonic
    std::function<void(const Waiter&, std::uint64_t number)> acknowledge;
    /// One sentence for who put it.
    std::function<void(control::SessionId, const std::string& sentence)> tell;
  };
  explicit Copies(Means means) : means_(std::move(means)) {}

  /// A value, the change that puts it, and how many workers are to hold it.
  struct Wanted {
    Waiter who;
    std::uint64_t number = 0;
    control::SessionId session = 0;
    control::HeldValue value;
    std::uint32_t workers = 0;
  };
  /// The put is on its way to the store.
  void want(const Wanted& wanted);
  /// All that the client asked for up to this number is committed: acknowledges what may be.
  void committed(const Waiter& who, std::uint64_t number);
  /// Nobody waits for its acknowledgements any more; the copies are made.
  void gone(const Waiter& who);

 private:
  /// What a client waits for.
  struct Client {
    std::map<std::uint64_t, Wanted> puts;  ///< by the number of their changes
    std::uint64_t committed = 0;
  };
  /// A value that too few workers hold.
  struct Copying {
    Wanted wanted;
    CopyRequest request;
    std::uint64_t end_ms = 0;
  };
  struct Look;
  static std::uint64_t key_of(const Waiter& who);
  void look();
  void looked(const Look& found);
  void ask(Copying& copying, const std::vector<control::Incarnation>& holders,
           const std::vector<control::WorkerInfo>& workers);
  void settle(const Wanted& wanted);

  Means means_;
  std::unordered_map<std::uint64_t, Client> clients_;
  std::map<std::uint64_t, Copying> copying_;  ///< by the number of the object
  bool looking_ = false;
  std::size_t next_ = 0;                                       ///< who is asked next
  std::set<std::pair<control::SessionId, std::string>> told_;  ///< what each was told: once is enough
};

}  // namespace morrow::worker
