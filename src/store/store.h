// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// An ordered, transactional key-value store with watches: the only truth about futures.
/// The interface is the part that LMDB, FoundationDB and the simulator can all give exactly.
namespace morrow::store {

/// Keys from `begin` (included) to `end` (excluded), in byte order.
struct Range {
  std::string begin;
  std::string end;

  /// All keys that start with `prefix`; `prefix` must hold a byte below 0xff.
  static Range with_prefix(std::string_view prefix);

  friend bool operator==(const Range&, const Range&) = default;
};

/// An entry of the store.
struct KeyValue {
  std::string key;
  std::string value;

  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

/// Whether a read takes part in conflict detection: a commit fails when a `Conflict` read would
/// give something else by now; a `Snapshot` read never makes it fail.
enum class Read { kSnapshot, kConflict };

/// The outcome of a commit.
enum class CommitResult {
  kCommitted,  ///< all writes are visible, atomically
  kConflict,   ///< nothing was written; run the function again
  kUnknown,    ///< the answer was lost; it may be committed, now or a little later
};

/// What a transaction is for, when room runs short: each kind leaves some of it to those that follow, so that a store
/// that is full can always be emptied.
enum class Room {
  kNew,   ///< brings something new: refused from the high-water mark on
  kEnd,   ///< brings to its end what is there: refused when half of the reserve is gone
  kFree,  ///< frees room, or keeps the cluster alive: takes the last page
};

inline constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
inline constexpr std::size_t kMaxKeyBytes = 10'000;
inline constexpr std::size_t kMaxValueBytes = 100'000;
inline constexpr std::size_t kMaxTransactionBytes = 10'000'000;

/// The store can't serve the request, now or ever. The message says how to mend that.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No room for the write: the disk or the map is full, or what is left is kept for others (see Room). Nothing of the
/// transaction was written.
class StoreFull : public StoreError {
 public:
  using StoreError::StoreError;
};

/// This process can't use the store any more. Its files were removed or replaced, so that what is written there is for
/// nobody; or a write failed half done, and only one who opens them anew knows what they hold.
class StoreGone : public StoreError {
 public:
  using StoreError::StoreError;
};

/// A key, a value or a whole transaction is over its limit. Nothing of it was written.
class TooLarge : public StoreError {
 public:
  using StoreError::StoreError;
};

/// One transaction: reads see one version of the store plus the transaction's own writes.
/// Not thread-safe: used by the thread that began it. Without `commit` it leaves nothing.
class Transaction {
 public:
  virtual ~Transaction() = default;

  /// The value under `key`, or nothing.
  virtual std::optional<std::string> get(std::string_view key, Read read = Read::kConflict) = 0;

  /// The pairs of `range` in key order, at most `limit` of them. A conflicting scan that reached its limit
  /// conflicts up to the last key it returned.
  virtual std::vector<KeyValue> scan(const Range& range, Read read, std::size_t limit = kNoLimit) = 0;

  /// Names the keys that will be read next, so that a backend over a network fetches it in one trip. Only a hint.
  virtual void prefetch(std::span<const std::string> keys, std::span<const Range> ranges) = 0;

  /// A key has at least one byte. `set`, `clear` and `clear_range` may throw at once the errors of `commit`.
  /// \throws TooLarge, StoreFull, StoreError
  virtual void set(std::string_view key, std::string_view value) = 0;
  virtual void clear(std::string_view key) = 0;
  virtual void clear_range(const Range& range) = 0;

  /// Ends the transaction. After this only the destructor may be called.
  /// \throws StoreFull, TooLarge, StoreError
  virtual CommitResult commit() = 0;
};

/// A watch that is set; destroying it cancels it (the callback may be running, and has ended when the destructor
/// returns). Destroy it before its store.
class Watch {
 public:
  virtual ~Watch() = default;
};

/// An open store. A `Store` belongs to one thread; a process opens a store once.
class Store {
 public:
  virtual ~Store() = default;

  /// A transaction; it begins with its first operation. In `lmdb:` that takes the one write lock, so that a process can
  /// have one of them open at a time and a second throws StoreError at its first operation; in `sim:` any number may be
  /// open.
  virtual std::unique_ptr<Transaction> begin(Room room) = 0;
  std::unique_ptr<Transaction> begin() { return begin(Room::kNew); }

  /// Like `begin`, for a transaction that only reads; it never waits for a writer, and any number may be open.
  virtual std::unique_ptr<Transaction> begin_read() { return begin(Room::kFree); }

  /// Calls `on_change` once, soon after a commit by any process changes `key` from what it is now; it may also be
  /// called for nothing. It runs on another thread (in `sim`: inside the commit) and must only signal.
  virtual std::unique_ptr<Watch> watch(std::string_view key, std::function<void()> on_change) = 0;

  /// Runs `body` in a transaction and commits it, again after a conflict or an unknown result, with growing pauses. So
  /// `body` may run several times, and may have committed before it runs again: it must be idempotent. \throws what
  /// `body` and `commit` throw.
  void transact(Room room, const std::function<void(Transaction&)>& body);
  void transact(const std::function<void(Transaction&)>& body) { transact(Room::kNew, body); }

 protected:
  /// Waits before try number `attempt` (1 is the first repetition); `sim` does not wait.
  virtual void pause_before_retry(int attempt);
};

}  // namespace morrow::store
