// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace morrow::worker {

/// The control groups that this process is in, of version 1 and 2, as the machine shows them now. All limits are the
/// smallest of the group and those above it. Thread-safe.
class ControlGroups {
 public:
  /// `root` stands before all paths: a test has files of its own.
  explicit ControlGroups(const std::string& root = "");

  /// The folder of the own group of version 2; nothing: there is none.
  std::optional<std::filesystem::path> own() const;
  /// Bytes of memory that the group may use; nothing: there is no limit.
  std::optional<std::uint64_t> memory_limit() const;
  /// Processors that the group may use; nothing: there is no quota.
  std::optional<double> cpu_limit() const;
  /// How many processes of the group the kernel has killed since memory ran out; where the group does not tell, how
  /// many of the machine.
  std::uint64_t memory_kills() const;

 private:
  using Folders = std::vector<std::filesystem::path>;

  std::string root_;
  Folders unified_;  ///< version 2: from the own group up; some may not be there
  Folders memory_;   ///< version 1
  Folders cpu_;      ///< version 1
};

}  // namespace morrow::worker
