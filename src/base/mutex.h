// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/thread_annotations.h"

namespace morrow::base {

/// std::mutex that clang's thread-safety analysis knows. Costs nothing beyond it.
class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

  /// Tells the analysis that the lock is held where it can't know, in a callback for example. Checks nothing.
  void assert_held() const ASSERT_CAPABILITY(this) {}

 private:
  friend class CondVar;
  friend class MutexLock;

  std::mutex mutex_;
};

/// Holds a Mutex in its scope; may let it go and take it again in between. Replaces std::lock_guard and
/// std::unique_lock. Belongs to one thread.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() RELEASE() {}

  void lock() ACQUIRE() { lock_.lock(); }
  void unlock() RELEASE() { lock_.unlock(); }
  /// Whether it holds the mutex now.
  bool owns_lock() const { return lock_.owns_lock(); }

 private:
  friend class CondVar;

  std::unique_lock<std::mutex> lock_;
};

/// The opposite: lets go a Mutex that the caller holds, and takes it again at the end of the scope. For a function that
/// is called with the lock and calls foreign code, where the analysis can't follow a MutexLock that is passed on.
class SCOPED_CAPABILITY MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;
  // The analysis takes the destructor of a scope that began with RELEASE for the end of that.
  ~MutexUnlock() RELEASE() { relock(); }

 private:
  void relock() NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }

  Mutex& mutex_;
};

/// std::condition_variable over a Mutex. Each wait is there twice: with the Mutex itself, which the analysis checks,
/// and with the MutexLock that holds it, where a function was handed that. Predicates are called with the lock held.
///
/// wait_until and wait_for return false (or what the predicate says) when the time has passed.
class CondVar {
 public:
  using Clock = std::chrono::steady_clock;

  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  template <class Predicate>
  void wait(MutexLock& lock, Predicate predicate) {
    condition_.wait(lock.lock_, std::move(predicate));
  }
  bool wait_until(MutexLock& lock, Clock::time_point time) {
    return condition_.wait_until(lock.lock_, time) == std::cv_status::no_timeout;
  }
  template <class Predicate>
  bool wait_until(MutexLock& lock, Clock::time_point time, Predicate predicate) {
    return condition_.wait_until(lock.lock_, time, std::move(predicate));
  }
  bool wait_for(MutexLock& lock, Clock::duration time) { return wait_until(lock, Clock::now() + time); }
  template <class Predicate>
  bool wait_for(MutexLock& lock, Clock::duration time, Predicate predicate) {
    return wait_until(lock, Clock::now() + time, std::move(predicate));
  }

  void wait(Mutex& mutex) REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait(held.lock);
  }
  template <class Predicate>
  void wait(Mutex& mutex, Predicate predicate) REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait(held.lock, std::move(predicate));
  }
  bool wait_until(Mutex& mutex, Clock::time_point time) REQUIRES(mutex) {
    Held held(mutex);
    return condition_.wait_until(held.lock, time) == std::cv_status::no_timeout;
  }
  template <class Predicate>
  bool wait_until(Mutex& mutex, Clock::time_point time, Predicate predicate) REQUIRES(mutex) {
    Held held(mutex);
    return condition_.wait_until(held.lock, time, std::move(predicate));
  }
  bool wait_for(Mutex& mutex, Clock::duration time) REQUIRES(mutex) { return wait_until(mutex, Clock::now() + time); }
  template <class Predicate>
  bool wait_for(Mutex& mutex, Clock::duration time, Predicate predicate) REQUIRES(mutex) {
    return wait_until(mutex, Clock::now() + time, std::move(predicate));
  }

 private:
  /// A mutex that the caller holds, in the form that the standard library wants; it stays the caller's.
  struct Held {
    explicit Held(Mutex& mutex) : lock(mutex.mutex_, std::adopt_lock) {}
    ~Held() { lock.release(); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    std::unique_lock<std::mutex> lock;
  };

  std::condition_variable condition_;
};

}  // namespace morrow::base
