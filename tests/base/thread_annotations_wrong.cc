// SPDX-License-Identifier: Apache-2.0
// Read by clang with -verify: each line with a mark must give that warning, and no other line any.
#include "base/mutex.h"

namespace {

using morrow::base::CondVar;
using morrow::base::Mutex;
using morrow::base::MutexLock;
using morrow::base::MutexUnlock;

class Counter {
 public:
  void right() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++count_;
    lock.unlock();
    lock.lock();
    add_one();
    changed_.wait(mutex_, [this]() REQUIRES(mutex_) { return count_ != 0; });
    changed_.wait(lock, [this]() REQUIRES(mutex_) { return count_ != 0; });
    changed_.notify_all();
  }
  void opens_right() REQUIRES(mutex_) {
    {
      const MutexUnlock open(mutex_);
      right();
    }
    ++count_;
  }
  void handed_right(MutexLock& lock) REQUIRES(mutex_) {
    while (count_ == 0) changed_.wait(lock);
  }
  int callback_right() {
    mutex_.assert_held();
    return count_;
  }
  Mutex& mutex() RETURN_CAPABILITY(mutex_) { return mutex_; }
  void add_one() REQUIRES(mutex_) { ++count_; }

  void writes_without() { ++count_; }  // expected-warning {{writing variable 'count_' requires holding mutex 'mutex_'}}
  int reads_after_unlock() {
    MutexLock lock(mutex_);
    lock.unlock();
    return count_;  // expected-warning {{reading variable 'count_' requires holding mutex 'mutex_'}}
  }
  void writes_while_open() REQUIRES(mutex_) {
    const MutexUnlock open(mutex_);
    ++count_;  // expected-warning {{writing variable 'count_' requires holding mutex 'mutex_'}}
  }
  void waits_without() {
    changed_.wait(mutex_);  // expected-warning {{calling function 'wait' requires holding mutex 'mutex_'}}
  }
  void takes_it_twice() REQUIRES(mutex_) {
    right();  // expected-warning {{cannot call function 'right' while mutex 'mutex_' is held}}
  }
  void forgets_to_unlock() {
    mutex_.lock();  // expected-note {{mutex acquired here}}
  }                 // expected-warning {{mutex 'mutex_' is still held at the end of function}}

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ GUARDED_BY(mutex_) = 0;
};

void right_from_outside(Counter& counter) {
  MutexLock lock(counter.mutex());
  counter.add_one();
}

void wrong_from_outside(Counter& counter) {
  counter.add_one();  // expected-warning {{calling function 'add_one' requires holding mutex}}
}

}  // namespace

void use_them(Counter& counter) {
  right_from_outside(counter);
  wrong_from_outside(counter);
}
