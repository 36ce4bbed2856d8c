// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "wire/messages.pb.h"

namespace morrow::worker {

/// How a program stands in the store: its arguments and its environment encrypted, the rest as it is. Pages of a store
/// keep what was deleted until they are written again, and are copied with it; without the key nothing of these is read
/// there. Immutable, so thread-safe.
class ProgramSeal {
 public:
  /// By the key in that file, which is made when there is none; all workers of a store have the same. An empty name: by
  /// a key of this process alone. \throws std::runtime_error with one sentence
  explicit ProgramSeal(const std::string& key_file);

  /// As bytes for the store.
  std::string stored(wire::Program program) const;
  /// Of one that was read there: brings back what was encrypted. False: it was by another key, or is damaged. One that
  /// was stored with no seal is left as it is.
  bool open(wire::Program& program) const;

 private:
  std::string key_;
};

}  // namespace morrow::worker
