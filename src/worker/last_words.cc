// SPDX-License-Identifier: Apache-2.0
#include "worker/last_words.h"

#include <atomic>
#include <string>
#include <string_view>

#include "base/invariant.h"

namespace morrow::worker {

namespace {

std::atomic<Logs*> heard_by{nullptr};

/// No invariant is broken while a lock of the log is held: there is none inside of the log.
void say_in_log(std::string_view part) noexcept {
  if (Logs* const logs = heard_by.load()) logs->warn(std::string(part));
}

}  // namespace

LastWords::LastWords(Logs& logs) {
  MORROW_INVARIANT(heard_by.exchange(&logs) == nullptr, "a process has one log for its last words");
  base::set_invariant_report(&say_in_log);
}

LastWords::~LastWords() {
  base::set_invariant_report(nullptr);
  heard_by.store(nullptr);
}

}  // namespace morrow::worker
