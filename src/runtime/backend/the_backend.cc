// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <string>

#include <morrow/error.h>

#include "base/path_name.h"
#include "runtime/backend/backend.h"
#include "runtime/image/modules.h"

// Which backend this process has.
//
// A session may end while other threads are in its calls (a thread that waits in get, say). So calls are counted, and
// the backend goes when the last of them has returned. A call looks for the backend after it was counted, and the end
// takes it away before it looks at the count: one of them sees the other.
namespace morrow::runtime {

namespace {

std::atomic<Backend*> the_backend = nullptr;
std::atomic<bool> forked = false;
std::atomic<std::uint32_t> calls = 0;
thread_local std::uint32_t calls_of_this_thread = 0;  // one inside the other, when a value's own functions make them

void leave_call() {
  --calls_of_this_thread;
  calls.fetch_sub(1);
  if (the_backend.load() == nullptr) calls.notify_all();
}

// A plugin with a copy of the library in it may ask that one, while the program's has the session.
std::string where_this_copy_is() {
  const auto table = loaded_modules();
  const auto place = find_module(*table, reinterpret_cast<std::uintptr_t>(&has_backend));
  if (!place || (*table)[*place].name.empty()) return "";
  const std::string file(base::base_name((*table)[*place].name));
  if (file.starts_with("libmorrow.so")) return "";
  return " (asked was the copy of Morrow in " + file +
         "; if the program has a session in its own copy, link both with the shared library, morrow::shared)";
}

}  // namespace

BackendInUse::BackendInUse() {
  if (forked.load(std::memory_order_relaxed)) {
    throw SessionError("this process was forked from the one that has the morrow::Session; use Morrow there only");
  }
  calls.fetch_add(1);
  ++calls_of_this_thread;
  backend_ = the_backend.load();
  if (backend_ != nullptr) return;
  leave_call();
  throw SessionError("there is no open morrow::Session; make one in the first line of main" + where_this_copy_is());
}

BackendInUse::~BackendInUse() { leave_call(); }

bool has_backend() {
  return !forked.load(std::memory_order_relaxed) && the_backend.load(std::memory_order_acquire) != nullptr;
}

void set_backend(Backend* new_backend) {
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] {
    if (the_backend.load(std::memory_order_relaxed) != nullptr) forked.store(true, std::memory_order_relaxed);
  });
  the_backend.store(new_backend);
  if (new_backend != nullptr) return;
  // A program may end within a call (exit in a function of the user's): that one does not return.
  while (const std::uint32_t others = calls.load() - calls_of_this_thread) calls.wait(others + calls_of_this_thread);
}

bool forked_from_backend() { return forked.load(std::memory_order_relaxed); }

}  // namespace morrow::runtime
