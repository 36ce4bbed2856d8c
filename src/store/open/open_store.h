// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "store/store.h"

namespace morrow::store {

/// Choices of the program that opens a store.
struct StoreOptions {
  /// Gets each thing a person should know, as one sentence without a line end. It may run on any thread. Empty:
  /// standard error.
  std::function<void(std::string_view)> log;
};

/// Opens the store named by `url`:
/// - `lmdb:DIR` shares the directory DIR (made when absent) with all processes of this machine that open it.
/// Parameters:
///   `sync=full` (each commit is on disk before it returns), `max_bytes=N` (the most the store may hold),
///   `lease_ms=N` (how long a process may hold up all writers before it is killed; default 10,000). Its keys are at
///   most 511 bytes.
/// - `sim:` is a new empty store in this process's memory, for tests.
/// \throws StoreError
std::unique_ptr<Store> open_store(std::string_view url, StoreOptions options = {});

}  // namespace morrow::store
