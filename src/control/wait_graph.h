// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/deadlocks.h"
#include "control/records.h"
#include "control/types.h"
#include "store/store.h"

namespace morrow::control {

/// Who waits for whom, as one transaction sees it: all long waits that are written down, and what they wait for,
/// directly or not. It knows which of these futures can never end. wait_graph.cc opens with when that is certain. Lives
/// as long as its transaction.
class WaitGraph {
 public:
  /// Reads it all; with conflicts, when it is to be relied on in this very transaction.
  WaitGraph(store::Transaction& transaction, store::Read read);

  /// Why a future has not ended.
  enum class Kind : std::uint8_t {
    kGoesOn,   ///< it runs, or nothing says that it can't
    kBlocked,  ///< its execution is in a long wait
    kDepends,  ///< it waits for its dependencies
    kReady,    ///< it stands in the index: somebody may have room for it
  };
  /// A future that others wait for.
  struct Node {
    FutureId id;
    Kind kind = Kind::kGoesOn;
    std::vector<std::size_t> on = {};  ///< the nodes that it waits for
    std::size_t need = 0;              ///< so many of them must end
    Resources resources = {};          ///< kBlocked: what it keeps; kReady: what it needs
    Incarnation worker = 0;            ///< kBlocked: where it runs
  };
  const Node& node(std::size_t at) const { return nodes_[at]; }
  const std::string& worker_name(Incarnation worker) const;

  /// A circle of futures of which none can ever end: each waits for the next one, and the last one for the first.
  using Circle = std::vector<std::size_t>;
  /// One circle for each future of a deadlock that is to fail, each beginning with that future; empty: there is no
  /// deadlock. Of several deadlocks it is one that the others do not keep up.
  std::vector<Circle> deadlock() const;

 private:
  /// A worker that might run what is ready.
  struct Worker {
    std::string name;
    Resources total;
    bool leaves = false;
  };
  void read_waits();
  void expand(std::size_t at);
  void read_workers();
  std::size_t at(FutureId id);

  void find_stuck();
  void take_away(std::vector<std::size_t> going, const std::vector<std::vector<std::size_t>>& waiters);
  bool finds_room(const Node& ready) const;
  bool keeps_from(const Node& blocked, const Node& ready) const;
  std::vector<std::size_t> successors(std::size_t from) const;
  std::vector<bool> reached_from(std::size_t from) const;
  Circle shortest_circle(std::size_t from) const;

  store::Transaction& tx_;
  const store::Read read_;
  std::vector<Node> nodes_;
  std::unordered_map<FutureId, std::size_t> places_;
  std::deque<std::size_t> unread_;  ///< nodes whose state was not read yet
  std::map<Incarnation, Worker> workers_;
  std::vector<bool> stuck_;                ///< nodes that never end
  std::map<Incarnation, Resources> kept_;  ///< of each worker, by those of its tasks that are stuck
};

}  // namespace morrow::control
