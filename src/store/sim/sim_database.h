// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.h"

namespace morrow::store {

/// The fate of a commit in the simulator.
enum class Fate {
  kNormal,             ///< committed, or a conflict if there is one
  kConflict,           ///< reported as a conflict, not committed
  kUnknownApplied,     ///< committed (unless there is a conflict), and the answer is lost
  kUnknownNotApplied,  ///< the answer is lost and nothing is committed
  kUnknownLater,       ///< the answer is lost; the commit lands when the simulator calls `land`
  kFail,               ///< commit throws StoreError, nothing is committed: the store is out of reach
};

/// The fate of a watch that a commit fires.
enum class WatchFate { kFire, kHold, kLose };

/// A write: a value, or nothing for a cleared key.
struct Mutation {
  std::string key;
  std::optional<std::string> value;
};

/// A commit as the hooks see it.
struct Commit {
  std::uint64_t version = 0;  ///< 0 while its fate is asked
  std::uint64_t number = 0;   ///< of the attempt, counted over the whole database
  const std::vector<Mutation>&
      writes;                         ///< in key order; once committed, with a clear for each key that was in `cleared`
  const std::vector<Range>& cleared;  ///< in key order
};

/// The database behind `SimStore`s: in memory, with optimistic concurrency for real. Versions, conflicts from the
/// ranges that were really read and written, lost answers. Deterministic: no thread, no clock, no randomness but what
/// the hooks bring. Not thread-safe.
class SimDatabase {
 public:
  /// The limits of the database.
  struct Options {
    std::size_t max_transaction_bytes = kMaxTransactionBytes;  ///< keys, values and conflict ranges together
  };

  /// Decisions of a test, and its view.
  struct Hooks {
    /// Decides the fate of a commit that writes something.
    std::function<Fate(const Commit&)> fate;
    /// Whether there is no room for a commit of this kind: then it throws StoreFull.
    std::function<bool(Room)> full;
    /// Called after each commit, before its watches.
    std::function<void(const Commit&)> committed;
    /// Called before each read and each commit; it may run other transactions, so that they land in between.
    std::function<void()> step;
    /// Decides the fate of a watch that fires.
    std::function<WatchFate(std::string_view key)> watch;
  };

  SimDatabase() = default;
  explicit SimDatabase(Options options) : options_(options) {}
  SimDatabase(const SimDatabase&) = delete;
  SimDatabase& operator=(const SimDatabase&) = delete;

  Hooks hooks;

  std::uint64_t version() const { return version_; }

  /// All there is now, for invariants: `visit(key, value)` in key order.
  template <typename Visit>
  void for_each(const Range& range, Visit visit) const;

  /// The value of `key` now, or nullptr.
  const std::string* find(std::string_view key) const;

  /// Commits whose answer was lost and that have not landed: the simulator lands or drops them.
  std::size_t in_flight() const { return in_flight_.size(); }
  /// Lands the commit at `index`. Gives `kConflict` when it conflicts by now and is dropped.
  CommitResult land(std::size_t index);
  void drop(std::size_t index);

  /// Watches that were held back, and their release, oldest first.
  std::size_t held_watches() const { return held_.size(); }
  void release_watches(std::size_t count = kNoLimit);

  /// For tests of the trimming: how many versions are kept in all.
  std::size_t kept_versions() const;

 private:
  friend class SimStore;
  friend class SimTransaction;
  class SimWatch;

  /// The value of a key from one version on; none: it was cleared.
  struct Version {
    std::uint64_t version;
    std::optional<std::string> value;
  };
  using Table = std::map<std::string, std::vector<Version>, std::less<>>;
  using OpenVersions = std::multiset<std::uint64_t>;

  // All that a commit needs of a transaction.
  struct Request {
    std::optional<std::uint64_t> read_version;
    std::vector<Range> reads;
    std::vector<Mutation> writes;
    std::vector<Range> cleared;
  };
  /// The writes of a commit, for the conflicts of transactions that began before it.
  struct PastCommit {
    std::uint64_t version;
    std::vector<std::string> keys;  // written or cleared one by one
    std::vector<Range> cleared;     // apart from each other; both are sorted
  };
  /// A commit whose answer was lost, to land later or never.
  struct UnknownCommit {
    Request request;
    std::optional<OpenVersions::iterator> open;
    std::uint64_t number;
  };
  /// A key that is watched.
  struct WatchEntry {
    std::string key;
    std::function<void()> on_change;
  };

  OpenVersions::iterator open_version() { return open_.insert(version_); }
  void close_version(OpenVersions::iterator position);
  static const std::string* value_at(const std::vector<Version>& versions, std::uint64_t version);
  bool conflicts(const Request& request) const;
  CommitResult apply(Request request, std::optional<OpenVersions::iterator> open, std::uint64_t number);
  void add_cleared_keys(Request& request) const;
  void write(const Mutation& mutation);
  void trim();
  std::unique_ptr<Watch> add_watch(std::string_view key, std::function<void()> on_change,
                                   std::shared_ptr<SimDatabase> self);
  void remove_watch(std::uint64_t id);
  void fire_watches(const std::vector<Mutation>& writes);
  void call_watch(std::uint64_t id);

  const Options options_;
  Table table_;
  std::uint64_t version_ = 0;
  std::uint64_t attempts_ = 0;
  OpenVersions open_;                                          // the read versions of open transactions
  std::deque<PastCommit> log_;                                 // commits that an open transaction may conflict with
  std::deque<std::pair<std::uint64_t, std::string>> garbage_;  // keys with old versions, and since when
  std::vector<UnknownCommit> in_flight_;
  std::uint64_t last_watch_ = 0;
  std::map<std::uint64_t, WatchEntry> watches_;
  std::map<std::string, std::set<std::uint64_t>, std::less<>> watches_by_key_;
  std::deque<std::uint64_t> held_;
};

template <typename Visit>
void SimDatabase::for_each(const Range& range, Visit visit) const {
  for (auto row = table_.lower_bound(range.begin); row != table_.end() && row->first < range.end; ++row) {
    const auto& newest = row->second.back();
    if (newest.value) visit(std::string_view(row->first), std::string_view(*newest.value));
  }
}

}  // namespace morrow::store
