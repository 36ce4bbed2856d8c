// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace morrow::store {

/// Which processes have the store's folder open, and in what state the data file was left.
///
/// A lock file answers safely across processes who is the first to open and the last to close. A note beside the data
/// says under which boot it was opened and whether it was closed properly: after a power cut a file written without
/// syncing may be corrupt, not just older, so it is set aside.
class Presence {
 public:
  /// Which store this process is present at.
  struct Options {
    std::string directory;
    bool full_sync = false;
    std::string boot_id;  ///< empty: this machine's
    std::function<void(std::string_view)> log;
  };

  /// Enters: makes the folder when absent and waits for others that are just opening or closing. \throws StoreError
  explicit Presence(Options options);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  /// Whether no other process had the store open. Meaningful until `opened`.
  bool first() const { return first_; }

  /// Ends the entering: others may open now.
  void opened();

  /// Begins to leave. True when no other process has the store open: then sync it and call `mark_clean`.
  /// Others stay out until the destructor.
  bool leave();
  void mark_clean();

 private:
  bool lock(short type, long byte);
  bool lock_within(std::chrono::milliseconds time, long byte);
  void check_last_boot();
  void write_note(std::string_view state);

  Options options_;
  std::string note_;
  int file_ = -1;
  bool first_ = false;
  bool leaving_ = false;
};

}  // namespace morrow::store
