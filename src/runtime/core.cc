// SPDX-License-Identifier: Apache-2.0
#include <morrow/detail/core.h>
#include <morrow/executor.h>

#include "runtime/client/client.h"

// The seam to the templates: everything goes to the client of this process, a driver's or an executor's. Rooms for
// values are in client/rooms.cc.
namespace morrow {

std::uint64_t task_seed() { return runtime::client().task_seed(); }

namespace detail {

FutureId submit(Call&& call, const Options& options, std::source_location where) {
  return runtime::client().submit(call, options, where);
}

std::optional<FutureId> find(const std::string& name) { return runtime::client().find(name); }

Value get(FutureId id) { return runtime::client().get(id); }

std::optional<Value> get_for(FutureId id, std::chrono::nanoseconds timeout) {
  return runtime::client().get_for(id, timeout);
}

void get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  runtime::client().get_all(ids, take);
}

FutureId put(Result&& result, const char* type_name, std::int64_t copies) {
  return runtime::client().put(std::move(result), type_name, copies);
}
std::uint64_t size_of(FutureId id) { return runtime::client().size_of(id); }

bool ready(FutureId id) { return runtime::client().ready(id); }

std::vector<bool> wait(std::span<const FutureId> ids, std::size_t count,
                       std::optional<std::chrono::nanoseconds> timeout) {
  return runtime::client().wait(ids, count, timeout);
}

bool wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) {
  return runtime::client().wait_all(scope, timeout);
}

void release(FutureId id) { runtime::client().release(id); }
void cancel(FutureId id) { runtime::client().cancel(id); }
void flush() { runtime::client().flush(); }
std::uint64_t open_scope() { return runtime::client().open_scope(); }
void end_scope(std::uint64_t scope) { runtime::client().end_scope(scope); }

}  // namespace detail

}  // namespace morrow
