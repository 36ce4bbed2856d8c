// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Session: the connection of a program to its cluster.

#include <morrow/detail/compiler.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <morrow/detail/command_place.h>
#include <morrow/detail/core.h>
#include <morrow/environment.h>
#include <morrow/options.h>

namespace morrow {

/// \addtogroup sessions
/// \{

/// How a Session is opened. The last six members describe the private worker of a session with no cluster name, or what
/// tasks have with in_process, where values in memory have no limit; with a cluster name they are ignored. Values
/// outside of their limits are refused by the Session, with SessionError.
struct SessionOptions {
  /// Whether the lines that tasks print appear on the output of the driver (the program that has the Session), with the
  /// names of task and worker before them.
  bool log_to_driver = true;
  /// How long to look for a worker of the cluster before giving up.
  Duration connect_timeout = std::chrono::seconds(10);
  /// How long the cluster keeps tasks and values of a driver that has vanished; a day at the most. Then they are
  /// cancelled and freed.
  Duration grace = std::chrono::seconds(10);
  /// How long what is submitted or put waits while the store of the cluster is full. Then it fails with StoreFullError.
  Duration store_patience = std::chrono::seconds(60);
  /// How long a get, a wait, a flush or a submit may stand still before the driver says on standard error what it waits
  /// for, and where that stands; again each time that it has lasted twice as long. Zero: never.
  Duration patience = std::chrono::seconds(10);
  /// Whether executors are forked from one process of the program. Turn it off when code before the Session line does
  /// not survive a fork; each executor then starts from the beginning of main, which takes longer. So it is too when
  /// the program drew from std::random_device before its Session line: forks would all have the same numbers.
  bool fork_server = true;
  /// Which variables of the environment tasks have; by default all but those whose names look like a secret. It is the
  /// same on a cluster and with a private worker. With in_process tasks see what the program sees.
  EnvironmentRule environment = {};
  /// Whether tasks run as threads of this program, for tests and debuggers. No cluster is joined, whatever its name,
  /// and no other process is started. Values, futures and errors are the same: tasks get copies, wait for each other,
  /// fail, are tried again, cancelled and freed as on a cluster. What differs:
  ///
  /// - Nothing is isolated. A task that crashes or calls exit ends the program, and all tasks share its globals:
  ///   Options::fresh_process and limits of memory are ignored, every task sees all GPUs.
  /// - A thread can't be killed. The future of a task that was cancelled or ran out of its time ends at once; its
  /// thread
  ///   goes on, holds its resources, and is waited for at the end of the session. What it then asks of Morrow throws
  ///   CancelledError.
  /// - There is no store. Detached futures live as long as the session, and flush() has nothing to do.
  /// - Tasks print on the output of the program, with nothing before their lines. What a thread that a task has started
  ///   submits belongs to the session.
  ///
  /// The environment variable MORROW_IN_PROCESS says the same for a program that is not changed: 1 turns it on, 0 off.
  bool in_process = false;

  /// Processors; by default all that this process may use.
  std::optional<Amount> cpus = {};
  /// Bytes of memory that tasks may ask for; by default 80 % of what this process may use, less
  /// object_memory.
  std::optional<WholeNumber> memory = {};
  /// GPUs, a whole number; by default those that CUDA_VISIBLE_DEVICES or AMD's variables name, else all that the
  /// machine has. With 0 none are handed out, and every task sees what this process sees.
  std::optional<Amount> gpus = {};
  /// Other resources, by name.
  std::map<std::string, Amount> resources = {};
  /// Bytes of shared memory for large values; by default 30 % of the memory that this process may use.
  std::optional<WholeNumber> object_memory = {};
  /// An existing folder for large values that the object memory has no room for. They get a folder of their own in it,
  /// which is removed at the end. By default $TMPDIR, else /var/tmp.
  std::string spill_folder = {};
};

/// The program's connection to a cluster: the first line of main.
///
/// A worker starts the same program again to run its tasks. There this constructor runs them and never returns, so
/// everything after it happens only in the driver, the program that the user started:
///
///     int main() {
///       morrow::Session session("demo_cluster");  // before anything else
///       ...
///     }
///
/// One Session can be open at a time in a process; all threads of the process use it, and no process that is forked
/// from it does. When the worker that the session is attached to dies, the session goes on with another one of its
/// cluster; calls wait meanwhile. A private worker has no other: after its death calls throw SessionError.
class Session {
 public:
  /// Joins the cluster that the environment variable MORROW_CLUSTER names. When it names none, a private worker is
  /// started on this machine, which ends with the session.
  /// \throws SessionError when a Session is open already, or no worker answers in time; see the last constructor.
  Session();
  /// The same, with options.
  /// \throws SessionError as the others do, and when an option is outside of its limits.
  explicit Session(SessionOptions options);
  /// Joins `cluster`: the name of a cluster with a worker of this user on this machine, or a line
  /// `morrow://TOKEN@HOST:PORT/CLUSTER?...` as `morrow token` prints it, for a cluster elsewhere. An empty name means a
  /// private worker.
  /// \throws SessionError when a Session is open already, `cluster` is no name, no worker of it answers within
  /// SessionOptions::connect_timeout, or the worker refuses this program. The sentence says which and what to do.
  explicit Session(std::string cluster, SessionOptions options = {});
  /// Ends the session: tasks that still run are cancelled, and all its values are freed. Waits up to 10 s for the
  /// cluster to confirm that. How many tasks were cancelled, and failures that nothing has asked for, are told on
  /// standard error. wait_all() before it lets all tasks come to their end.
  ~Session();
  Session(const Session&) = delete;             ///< There is one connection: it can't be copied.
  Session& operator=(const Session&) = delete;  ///< The same.

 private:
  struct Impl;
  [[maybe_unused]] std::unique_ptr<Impl> impl_;  // held: its end is the session's
};

/// Waits until all that this process has submitted, put, released and cancelled so far is committed to the store. From
/// then on it survives the death of any process. Thread-safe. \throws SessionError when no Session is open.
inline void flush() { detail::flush(); }

/// \}

}  // namespace morrow
