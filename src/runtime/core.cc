// SPDX-License-Identifier: Apache-2.0
#include <morrow/detail/core.h>
#include <morrow/error.h>
#include <morrow/executor.h>

#include "base/shown.h"
#include "runtime/backend/backend.h"

// The seam to the templates: everything goes to the backend of this process: a driver, an executor, or a
// session in one process. Rooms for values are in client/rooms.cc.
namespace morrow {

std::uint64_t task_seed() { return runtime::backend()->task_seed(); }

namespace detail {

FutureId submit(Call&& call, const Options& options, std::source_location where) {
  return runtime::backend()->submit(call, options, where);
}

FutureId find(const std::string& name) {
  if (const auto id = runtime::backend()->find(name)) return *id;
  throw NotFoundError("the cluster has no detached future of the name " + base::shown_line(name) +
                      ": it was never submitted, or was released");
}

Value get(FutureId id) { return runtime::backend()->get(id); }

std::optional<Value> get_for(FutureId id, std::chrono::nanoseconds timeout) {
  return runtime::backend()->get_for(id, timeout);
}

void get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  runtime::backend()->get_all(ids, take);
}

FutureId put(Result&& result, const char* type_name, std::int64_t copies) {
  return runtime::backend()->put(std::move(result), type_name, copies);
}
std::uint64_t size_of(FutureId id) { return runtime::backend()->size_of(id); }

bool ready(FutureId id) { return runtime::backend()->ready(id); }

std::vector<bool> wait(std::span<const FutureId> ids, std::size_t count,
                       std::optional<std::chrono::nanoseconds> timeout) {
  return runtime::backend()->wait(ids, count, timeout);
}

bool wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) {
  return runtime::backend()->wait_all(scope, timeout);
}

void release(FutureId id) { runtime::backend()->release(id); }
void cancel(FutureId id) { runtime::backend()->cancel(id); }
void flush() { runtime::backend()->flush(); }
std::uint64_t open_scope() { return runtime::backend()->open_scope(); }
void end_scope(std::uint64_t scope) { runtime::backend()->end_scope(scope); }

}  // namespace detail

}  // namespace morrow
