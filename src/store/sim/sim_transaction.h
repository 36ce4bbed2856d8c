// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/sim/sim_database.h"
#include "store/store.h"

namespace morrow::store {

/// An optimistic transaction: reads one version, keeps its writes to itself, and is checked for conflicts when it
/// commits.
class SimTransaction : public Transaction {
 public:
  /// Whether it may write.
  enum class Mode { kReadOnly, kWrite };

  SimTransaction(SimDatabase& database, Mode mode, Room room) : database_(database), mode_(mode), room_(room) {}
  ~SimTransaction() override { end(); }
  SimTransaction(const SimTransaction&) = delete;
  SimTransaction& operator=(const SimTransaction&) = delete;

  std::optional<std::string> get(std::string_view key, Read read) override;
  std::vector<KeyValue> scan(const Range& range, Read read, std::size_t limit) override;
  void prefetch(std::span<const std::string> keys, std::span<const Range> ranges) override;
  void set(std::string_view key, std::string_view value) override;
  void clear(std::string_view key) override;
  void clear_range(const Range& range) override;
  CommitResult commit() override;

 private:
  using Writes = std::map<std::string, std::optional<std::string>, std::less<>>;

  void check_usable();
  void check_writable();
  std::uint64_t read_version();
  void add_read(std::string_view begin, std::string_view end);
  const Range* cleared_around(std::string_view key) const;
  void add_bytes(std::size_t bytes);
  void end();

  SimDatabase& database_;
  const Mode mode_;
  const Room room_;
  std::optional<SimDatabase::OpenVersions::iterator> open_;
  std::vector<Range> reads_;
  Writes writes_;
  std::map<std::string, Range, std::less<>> cleared_;  // by where they begin; apart from each other
  std::size_t bytes_ = 0;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace morrow::store
