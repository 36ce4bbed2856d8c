// SPDX-License-Identifier: Apache-2.0
//
// A commit may take long, the loop of the worker may not. So the store has a thread of its own, which is also the only
// one that may touch it (store/store.h). What is hard here:
//
// Order. A worker's rounds must be committed in the order in which the brain built them, and nothing that may wait may
// hold them up. Each kind of job has a queue of its own; before each job the thread looks at the queues from the most
// urgent on, and a long piece of upkeep is posted step by step, so that a round waits for one step at the most. Nor may
// what is urgent come so thick that the rest never runs (store_lane.h). Uploads of programs are the last: while the
// store is full they alone wait for room.
//
// Wake-ups. To wake a sleeping thread costs more than a small commit. The poster wakes the thread only when it sleeps
// (`sleeps` changes under the lock, so no wake-up is lost); in the other direction one write to an eventfd tells
// of all that finished until the loop looks (woken_ is cleared before it looks, so jobs that finish later wake it
// again).
//
// Trouble. A full disk or a network that is away is no reason to lose a request: the job is tried again, with
// pauses, and all others wait behind it, since they may stand on it. Jobs may therefore run several times; transactions
// are idempotent (control/round.h). Trouble that no repetition cures, such as a record that this version can't read, is
// told once, and the worker ends.
//
// `stop` drops all that waits, and no answer comes any more. Read next: store/store.h, worker/cluster/upkeep.h for the
// steps.
#include "worker/cluster/store_thread.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <exception>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"
#include "wire/socket.h"

namespace morrow::worker {

namespace {

/// Signals are for the main thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

StoreThread::StoreThread(boost::asio::io_context& io, const Open& open, Options options)
    : options_(std::move(options)), wake_(io, wire::make_event().release()) {
  wait_for_wake();
  if (options_.inline_mode) {
    store_ = open();
    return;
  }
  base::MutexLock lock(mutex_);
  {
    const SignalsBlocked blocked;
    thread_ = std::thread([this, &open] { run_thread(open); });
  }
  work_.wait(mutex_, [this]() REQUIRES(mutex_) { return to_do_.opened || to_do_.open_error; });
  const std::exception_ptr error = to_do_.open_error;
  lock.unlock();
  if (error) {
    thread_.join();
    std::rethrow_exception(error);
  }
}

StoreThread::~StoreThread() {
  stop();
  // In inline mode the store is closed here, on the thread that opened it.
  watch_.reset();
  store_.reset();
}

void StoreThread::stop() {
  {
    const base::MutexLock lock(mutex_);
    to_do_.stops = true;
    work_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const base::MutexLock lock(finished_mutex_);
  findings_.done.clear();
}

void StoreThread::post(Lane lane, Job job, Done done) {
  if (done) ++owed_;
  if (options_.inline_mode) {
    if (run_job(job, Lane::kRound) == Ran::kWell) finished(std::move(done));
    return;
  }
  bool wake = false;
  {
    const base::MutexLock lock(mutex_);
    if (to_do_.stops) return;
    Queue& queue = to_do_.lanes.at(static_cast<std::size_t>(lane));
    queue.tasks.push_back(Task{std::move(job), std::move(done), ++queue.posted, lane});
    wake = std::exchange(to_do_.sleeps, false);
  }
  if (wake) work_.notify_one();
}

bool StoreThread::open_store(const Open& open) {
  std::unique_ptr<store::Store> store;
  std::exception_ptr error;
  try {
    store = open();
  } catch (...) {
    error = std::current_exception();
  }
  const base::MutexLock lock(mutex_);
  store_ = std::move(store);
  to_do_.open_error = error;
  to_do_.opened = !error;
  work_.notify_all();
  return to_do_.opened;
}

void StoreThread::run_thread(const Open& open) {
  if (!open_store(open)) return;
  while (std::optional<Task> task = next_task()) {
    switch (run_job(task->job, task->lane)) {
      case Ran::kWell:
        finished(std::move(task->done));
        break;
      case Ran::kNoRoom:
        put_back(*std::move(task));
        break;
      case Ran::kNever:
        break;
    }
  }
  // A store belongs to the thread that opened it, to its end.
  watch_.reset();
  store_.reset();
}

std::optional<StoreThread::Task> StoreThread::next_task() {
  const base::MutexLock lock(mutex_);
  using Clock = std::chrono::steady_clock;
  constexpr auto kUploads = static_cast<std::size_t>(Lane::kUpload);
  const auto next = [&]() REQUIRES(mutex_) {
    std::array<bool, kStoreLanes> waiting{};
    for (std::size_t lane = 0; lane < kStoreLanes; ++lane) {
      const Queue& queue = to_do_.lanes.at(lane);
      waiting.at(lane) = !queue.tasks.empty() && (lane != kUploads || queue.not_before <= Clock::now());
    }
    return to_do_.turns.next(waiting);
  };
  std::optional<std::size_t> turn = next();
  while (!turn && !to_do_.stops) {
    to_do_.sleeps = true;
    if (to_do_.lanes.at(kUploads).tasks.empty()) {
      work_.wait(mutex_);
    } else {
      work_.wait_until(mutex_, to_do_.lanes.at(kUploads).not_before);
    }
    turn = next();
  }
  to_do_.sleeps = false;
  if (to_do_.stops) return std::nullopt;
  Queue& lane = to_do_.lanes.at(*turn);
  Task task = std::move(lane.tasks.front());
  lane.tasks.pop_front();
  ++lane.taken;
  MORROW_INVARIANT(task.number == lane.taken, "the jobs of a lane run in the order in which they were posted",
                   task.number, lane.taken, lane.posted);
  return task;
}

/// It is the first of its lane again.
void StoreThread::put_back(Task task) {
  const base::MutexLock lock(mutex_);
  Queue& queue = to_do_.lanes.at(static_cast<std::size_t>(task.lane));
  queue.tasks.push_front(std::move(task));
  --queue.taken;
  queue.not_before = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.longest_pause_ms);
}

std::string StoreThread::trouble() const {
  const base::MutexLock lock(finished_mutex_);
  return findings_.trouble;
}

void StoreThread::set_trouble(std::string sentence) {
  const base::MutexLock lock(finished_mutex_);
  findings_.trouble = std::move(sentence);
}

StoreThread::Ran StoreThread::run_job(const Job& job, Lane lane) {
  using Clock = std::chrono::steady_clock;
  std::uint64_t pause_ms = options_.first_pause_ms;
  std::optional<Clock::time_point> told;
  for (;;) {
    try {
      job(base::not_null(store_, "jobs run while the store is open"));
      if (told) {
        set_trouble("");
        if (options_.log) options_.log("the store takes writes again");
      }
      return Ran::kWell;
    } catch (const store::TooLarge& error) {
      broke(std::string("a change is larger than the store takes: ") + error.what());
      return Ran::kNever;
    } catch (const store::StoreGone& error) {
      broke(error.what());
      return Ran::kNever;
    } catch (const store::StoreError& error) {
      if (lane == Lane::kUpload && dynamic_cast<const store::StoreFull*>(&error) != nullptr) {
        no_room(error.what());
        return Ran::kNoRoom;
      }
      if (!told || Clock::now() - *told > std::chrono::seconds(10)) {
        told = Clock::now();
        set_trouble(error.what());
        if (options_.log)
          options_.log(std::string(error.what()) + "; what waits to be written is kept and tried again");
      }
      if (!pause(pause_ms)) return Ran::kNever;
      pause_ms = std::min(pause_ms * 2, options_.longest_pause_ms);
      continue;
    } catch (const std::exception& error) {
      broke(std::string("the store holds what this version can't read: ") + error.what());
      return Ran::kNever;
    }
  }
}

void StoreThread::broke(std::string sentence) {
  {
    const base::MutexLock lock(finished_mutex_);
    findings_.broken = std::move(sentence);
  }
  wake_main();
}

void StoreThread::no_room(std::string sentence) {
  {
    const base::MutexLock lock(finished_mutex_);
    findings_.no_room = std::move(sentence);
  }
  wake_main();
}

bool StoreThread::pause(std::uint64_t milliseconds) {
  const base::MutexLock lock(mutex_);
  work_.wait_for(mutex_, std::chrono::milliseconds(milliseconds), [this]() REQUIRES(mutex_) { return to_do_.stops; });
  return !to_do_.stops;
}

void StoreThread::finished(Done done) {
  if (!done) return;
  {
    const base::MutexLock lock(finished_mutex_);
    findings_.done.push_back(std::move(done));
  }
  wake_main();
}

void StoreThread::wake_main() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // The counter can't overflow: it is read before it is written again.
  [[maybe_unused]] const ssize_t written = write(wake_.native_handle(), &one, sizeof one);
}

void StoreThread::wait_for_wake() {
  wake_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_.native_handle(), &count, sizeof count);
    wait_for_wake();
    tell_finished();
  });
}

bool StoreThread::tell_finished() {
  // Cleared before looking: what finishes from here on wakes again.
  woken_.store(false, std::memory_order_release);
  MORROW_INVARIANT(telling_.empty(), "answers are told by one call at a time", telling_.size());
  std::string broken;
  std::string no_room;
  {
    const base::MutexLock lock(finished_mutex_);
    telling_.swap(findings_.done);
    broken.swap(findings_.broken);
    no_room.swap(findings_.no_room);
  }
  MORROW_INVARIANT(telling_.size() <= owed_, "each job answers once", telling_.size(), owed_);
  owed_ -= telling_.size();
  bool told = !telling_.empty();
  for (Done& done : telling_) done();
  telling_.clear();
  if (!no_room.empty() && uploads_wait_) {
    told = true;
    uploads_wait_(no_room);
  }
  if (watch_fired_.exchange(false) && fired_) {
    told = true;
    const auto fired = std::exchange(fired_, nullptr);
    fired();
  }
  if (!broken.empty() && broken_) {
    told = true;
    broken_(broken);
  }
  return told;
}

void StoreThread::watch(std::string key, std::function<void()> fired) {
  fired_ = std::move(fired);
  post(
      Lane::kRound, [this, key = std::move(key)](store::Store& store) { set_watch(store, key); }, nullptr);
}

void StoreThread::set_watch(store::Store& store, const std::string& key) {
  watch_.reset();
  watch_ = store.watch(key, [this] {
    watch_fired_.store(true);
    wake_main();
  });
}

}  // namespace morrow::worker
