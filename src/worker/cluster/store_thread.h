// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/mutex.h"
#include "store/store.h"
#include "worker/cluster/store_lane.h"

namespace morrow::worker {

/// The one thread that owns the store. It runs jobs in lanes, the lower lane first, each lane in order; the
/// findings of a job are told on the main thread, with one wake-up for all that finished meanwhile. While the store is
/// full or away a job is tried again, with pauses, until it goes: no request is ever dropped, except by `stop`. All
/// public functions are for the main thread.
class StoreThread {
 public:
  using Lane = StoreLane;
  using Open = std::function<std::unique_ptr<store::Store>()>;
  using Job = std::function<void(store::Store&)>;
  using Done = std::function<void()>;

  /// How the thread runs its jobs.
  struct Options {
    bool inline_mode = false;  ///< no thread: jobs run at once inside `post`, for measurements
    std::function<void(const std::string& sentence)> log;  ///< called on the store's thread; may be empty
    std::uint64_t first_pause_ms = 10;  ///< before a job is tried again; doubles up to `longest_pause_ms`
    std::uint64_t longest_pause_ms = 1'000;
  };

  /// Opens the store on the new thread. \throws what `open` throws
  StoreThread(boost::asio::io_context& io, const Open& open, Options options);
  /// Like `stop`; then closes the store.
  ~StoreThread();
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  /// Runs `job` on the store's thread, then `done` (may be empty) on the main thread, never from inside this call.
  /// `job` may run several times. Main thread only.
  void post(Lane lane, Job job, Done done) EXCLUDES(mutex_);

  /// Calls `fired` on the main thread soon after `key` changes, once; may be called for nothing. Replaces the watch set
  /// before. It is set in the round lane: a job that is posted there afterwards runs with the watch standing.
  void watch(std::string key, std::function<void()> fired);

  /// Tells of all jobs that finished since; true when something was told. The shell calls it in inline mode; otherwise
  /// the wake-up does.
  bool tell_finished() EXCLUDES(finished_mutex_);

  /// Something that jobs can't cure (an exception that is not the store's own): called once on the main thread, with
  /// one sentence.
  void on_broken(std::function<void(const std::string& sentence)> broken) { broken_ = std::move(broken); }

  /// The store has no room for uploads, which wait: called on the main thread at each try, with a sentence.
  void on_uploads_wait(std::function<void(const std::string& sentence)> wait) { uploads_wait_ = std::move(wait); }

  /// Ends the thread after the job it is at; gives up retries. Jobs that wait are dropped.
  void stop() EXCLUDES(mutex_, finished_mutex_);

  /// Why jobs wait, in one sentence: the store is away, or full to the last page. Empty: they don't.
  std::string trouble() const EXCLUDES(finished_mutex_);

 private:
  /// A job that waits for the thread, and what is called on the loop when it is done.
  struct Task {
    Job job;
    Done done;
    std::uint64_t number = 0;  ///< in its lane, from 1
    Lane lane = Lane::kRound;
  };
  /// How a job went.
  enum class Ran : std::uint8_t {
    kWell,
    kNoRoom,  ///< of the uploads only: it is to be run again, later
    kNever,   ///< nothing more runs
  };
  /// Jobs that wait, in the order in which they were posted.
  struct Queue {
    std::deque<Task> tasks;
    std::uint64_t posted = 0;
    std::uint64_t taken = 0;
    std::chrono::steady_clock::time_point not_before = {};  ///< it waits for room until then
  };
  /// What the thread is to do, and how far it is.
  struct ToDo {
    std::array<Queue, kStoreLanes> lanes;
    LaneTurns turns;
    bool sleeps = false;
    bool stops = false;
    bool opened = false;
    std::exception_ptr open_error;
  };
  /// What the main thread is to be told.
  struct Findings {
    std::vector<Done> done;
    std::string trouble;
    std::string broken;   ///< a sentence
    std::string no_room;  ///< for uploads; a sentence
  };
  void run_thread(const Open& open) EXCLUDES(mutex_);
  bool open_store(const Open& open) EXCLUDES(mutex_);
  std::optional<Task> next_task() EXCLUDES(mutex_);
  Ran run_job(const Job& job, Lane lane) EXCLUDES(mutex_, finished_mutex_);
  void put_back(Task task) EXCLUDES(mutex_);
  void set_trouble(std::string sentence) EXCLUDES(finished_mutex_);
  bool pause(std::uint64_t milliseconds) EXCLUDES(mutex_);
  void finished(Done done) EXCLUDES(finished_mutex_);
  void no_room(std::string sentence) EXCLUDES(finished_mutex_);
  void broke(std::string sentence) EXCLUDES(finished_mutex_);
  void wake_main();
  void wait_for_wake();
  void set_watch(store::Store& store, const std::string& key);

  Options options_;
  std::function<void(const std::string&)> broken_;
  std::function<void(const std::string&)> uploads_wait_;
  boost::asio::posix::stream_descriptor wake_;
  std::function<void()> fired_;  ///< main thread only

  base::Mutex mutex_;
  base::CondVar work_;
  ToDo to_do_ GUARDED_BY(mutex_);

  mutable base::Mutex finished_mutex_;
  Findings findings_ GUARDED_BY(finished_mutex_);
  std::vector<Done> telling_;  ///< reused by tell_finished; main thread only
  std::uint64_t owed_ = 0;     ///< answers that jobs owe; main thread only

  std::atomic<bool> woken_{false};
  std::atomic<bool> watch_fired_{false};

  std::unique_ptr<store::Store> store_;  ///< of the store's thread
  std::unique_ptr<store::Watch> watch_;  ///< of the store's thread
  std::thread thread_;
};

}  // namespace morrow::worker
