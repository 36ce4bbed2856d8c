// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "worker/logs/logs.h"

namespace morrow::worker {

/// While it lives, a broken invariant of this process is said in the worker's log, and so on its standard error, before
/// the process ends. One at a time. Made and ended on the main thread; the invariant may break on any.
class LastWords {
 public:
  explicit LastWords(Logs& logs);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace morrow::worker
