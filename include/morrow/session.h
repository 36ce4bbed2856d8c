// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <morrow/detail/core.h>
#include <morrow/options.h>

namespace morrow {

/// How a Session is opened.
struct SessionOptions {
  /// Whether what the tasks print appears on the driver's own output.
  bool log_to_driver = true;
  /// How long to look for a worker of the cluster before giving up.
  Duration connect_timeout = std::chrono::seconds(10);
  /// How long the cluster waits for this program when it is gone without a word, before it cancels and frees its
  /// futures. At most a day.
  Duration grace = std::chrono::seconds(10);
  /// Whether executors are forked from one process of the program. Turn it off when what stands before the Session line
  /// does not survive a fork; each executor then starts from the beginning, which takes longer.
  bool fork_server = true;

  // What the private worker of a session with no cluster name has; with a cluster name these are ignored.

  /// Processors; by default all of this machine.
  std::optional<Amount> cpus = {};
  /// Bytes; by default most of this machine's memory.
  std::optional<WholeNumber> memory = {};
  /// Devices.
  Amount gpus = 0;
  /// Other resources, by name.
  std::map<std::string, Amount> resources = {};
  /// Bytes of shared memory for large values; by default 30 % of this machine's memory.
  std::optional<WholeNumber> object_memory = {};
  /// Where large values go that find no room in it, in a folder of their own that is removed at the end; by default
  /// $TMPDIR, else /var/tmp.
  std::string spill_folder = {};
};

/// The program's connection to a cluster: the first line of main. On a worker the same program is started again to run
/// tasks, and there this constructor runs them and never returns, so everything after it happens only in the driver.
/// One Session can be open at a time. The destructor ends it: tasks that still run are cancelled, and all futures are
/// freed.
class Session {
 public:
  /// Starts a private worker that ends with the session. \throws SessionError
  Session();
  explicit Session(SessionOptions options);
  /// Joins `cluster`; an empty name means a private worker. \throws SessionError when no worker of it is found in time
  explicit Session(std::string cluster, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Returns when all that was submitted, released and cancelled so far is committed: it survives any crash from then on.
/// Thread-safe. \throws SessionError
inline void flush() { detail::flush(); }

}  // namespace morrow
