// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What this process was when it started, before main and the program's own static objects changed it.
namespace morrow::runtime {

/// The working folder then; empty when it could not be told.
const std::string& start_folder();

/// A file, as the kernel tells it from all others.
struct FileNumber {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileNumber&, const FileNumber&) = default;
};

/// The regular files that the program has opened since then and can write to.
std::vector<FileNumber> files_open_for_writing();

/// Whether the program has drawn from std::random_device: what it made of that would be the same in each fork.
bool drew_random_numbers();

}  // namespace morrow::runtime
