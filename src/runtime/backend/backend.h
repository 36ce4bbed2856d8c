// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <vector>

#include <morrow/detail/core.h>

namespace morrow::runtime {

/// What the seam of detail/core.h asks of this process: a client of a worker (a driver or an executor), or a session
/// that runs its tasks itself. Most functions are described there. All are thread-safe.
class Backend {
 public:
  Backend() = default;
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  virtual detail::FutureId submit(const detail::Call& call, const Options& options, std::source_location where) = 0;
  /// The detached future of this name; nothing: there is none. \throws std::invalid_argument when it is no name
  virtual std::optional<detail::FutureId> find(const std::string& name) = 0;
  virtual detail::Value get(detail::FutureId id) = 0;
  virtual std::optional<detail::Value> get_for(detail::FutureId id, std::chrono::nanoseconds timeout) = 0;
  virtual void get_all(std::span<const detail::FutureId> ids,
                       const std::function<void(const detail::Value&)>& take) = 0;
  virtual bool ready(detail::FutureId id) = 0;
  virtual std::vector<bool> wait(std::span<const detail::FutureId> ids, std::size_t count,
                                 std::optional<std::chrono::nanoseconds> timeout) = 0;
  /// Until all futures that were born in `scope` and the scopes inside it have ended; 0: all that the calling thread's
  /// task, or the driver, has submitted. False: the time was over. \throws std::logic_error when `scope` is none that
  /// the calling thread has open
  virtual bool wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) = 0;
  virtual void release(detail::FutureId id) = 0;
  virtual void cancel(detail::FutureId id) = 0;
  virtual void flush() = 0;
  virtual std::uint64_t open_scope() = 0;
  virtual void end_scope(std::uint64_t scope) = 0;
  /// Room in the object memory: `in_place` to be written by everybody through its bytes until it is sealed, else only
  /// by `inside_of`; none when there is no such memory. \throws ObjectMemoryError
  virtual std::optional<detail::Room> reserve(std::size_t size, bool in_place) = 0;
  /// \throws std::invalid_argument when there can't be so many copies
  virtual detail::FutureId put(detail::Result&& result, const char* type_name, std::int64_t copies) = 0;
  virtual std::uint64_t size_of(detail::FutureId id) = 0;
  /// See morrow::task_seed.
  virtual std::uint64_t task_seed() = 0;

  /// Ends the session, and tells on standard error what it leaves. Throws nothing. Nothing for a process that has none
  /// of its own.
  virtual void end() {}
};

/// The backend of this process for the time of one call, which keeps it there: see set_backend. Not to be copied.
class BackendInUse {
 public:
  /// \throws SessionError when there is none, or when this process was forked from the one that has it
  BackendInUse();
  ~BackendInUse();
  BackendInUse(const BackendInUse&) = delete;
  BackendInUse& operator=(const BackendInUse&) = delete;

  Backend* operator->() const { return backend_; }

 private:
  Backend* backend_;
};

inline BackendInUse backend() { return {}; }
bool has_backend();
/// With null it returns when no call of another thread uses the last one any more: after Backend::end all of them end
/// soon.
void set_backend(Backend* backend);
/// Whether this process was forked from the one that set the backend.
bool forked_from_backend();

}  // namespace morrow::runtime
