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
namespace morrow::runtime {

namespace {

std::atomic<Backend*> the_backend = nullptr;
std::atomic<bool> forked = false;

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

Backend& backend() {
  if (forked.load(std::memory_order_relaxed)) {
    throw SessionError("this process was forked from the one that has the morrow::Session; use Morrow there only");
  }
  Backend* const found = the_backend.load(std::memory_order_acquire);
  if (found == nullptr) {
    throw SessionError("there is no open morrow::Session; make one in the first line of main" + where_this_copy_is());
  }
  return *found;
}

bool has_backend() {
  return !forked.load(std::memory_order_relaxed) && the_backend.load(std::memory_order_acquire) != nullptr;
}

void set_backend(Backend* new_backend) {
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] {
    if (the_backend.load(std::memory_order_relaxed) != nullptr) forked.store(true, std::memory_order_relaxed);
  });
  the_backend.store(new_backend, std::memory_order_release);
}

bool forked_from_backend() { return forked.load(std::memory_order_relaxed); }

}  // namespace morrow::runtime
