// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Which lock guards what, written so that clang's -Wthread-safety checks it; nothing of it is left with g++. Use them
/// with base::Mutex: the standard library's mutex is unknown to the analysis. The names are those of clang's
/// documentation (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html).
///
///     Mutex mutex_;
///     std::size_t waiting_ GUARDED_BY(mutex_) = 0;
///     void wake_next() REQUIRES(mutex_);  // the caller holds it
///     void stop() EXCLUDES(mutex_);       // takes it itself
///
/// A lambda is analysed apart from the function around it: one that is called with the lock held says so itself, as in
/// `[this]() REQUIRES(mutex_) { return waiting_ == 0; }`.
#if defined(__clang__)
#define MORROW_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define MORROW_THREAD_ATTRIBUTE(x)
#endif

/// A class whose objects are locks; `name` is what warnings call them.
#define CAPABILITY(name) MORROW_THREAD_ATTRIBUTE(capability(name))
/// A class whose objects hold a lock from constructor to destructor.
#define SCOPED_CAPABILITY MORROW_THREAD_ATTRIBUTE(scoped_lockable)

/// The variable is read and written only while the lock is held.
#define GUARDED_BY(lock) MORROW_THREAD_ATTRIBUTE(guarded_by(lock))
/// What the pointer points to is read and written only while the lock is held.
#define PT_GUARDED_BY(lock) MORROW_THREAD_ATTRIBUTE(pt_guarded_by(lock))

/// The caller holds these locks.
#define REQUIRES(...) MORROW_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
/// The caller does not hold these locks: the function takes them itself.
#define EXCLUDES(...) MORROW_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

/// The function takes the locks (with no argument: the object itself, or what it holds).
#define ACQUIRE(...) MORROW_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
/// The function takes the lock when it returns the first argument.
#define TRY_ACQUIRE(...) MORROW_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
/// The function lets the locks go.
#define RELEASE(...) MORROW_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
/// After the call the analysis takes the lock to be held.
#define ASSERT_CAPABILITY(lock) MORROW_THREAD_ATTRIBUTE(assert_capability(lock))
/// The function returns a reference to this lock.
#define RETURN_CAPABILITY(lock) MORROW_THREAD_ATTRIBUTE(lock_returned(lock))
/// This lock is taken after those: the order that excludes deadlocks.
#define ACQUIRED_AFTER(...) MORROW_THREAD_ATTRIBUTE(acquired_after(__VA_ARGS__))

/// The function is not analysed. Say why where you use it.
#define NO_THREAD_SAFETY_ANALYSIS MORROW_THREAD_ATTRIBUTE(no_thread_safety_analysis)
