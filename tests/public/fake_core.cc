// SPDX-License-Identifier: Apache-2.0
#include "tests/public/fake_core.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <morrow/detail/failure.h>
#include <morrow/error.h>

namespace fake {
namespace {

using morrow::detail::Bytes;
using morrow::detail::ByteView;
using morrow::detail::Failure;
using morrow::detail::FailureKind;
using morrow::detail::FutureId;
using morrow::detail::Result;
using morrow::detail::Value;

struct Task {
  FutureId id;
  morrow::detail::Invoker invoker;
  Bytes closure;
  Bytes arguments;
  std::vector<FutureId> dependencies;
};

struct Entry {
  bool finished = false;
  std::shared_ptr<const Bytes> bytes;
  Failure failure;
};

struct State {
  LastSubmit last;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Entry> entries;
  std::deque<Task> waiting;
  std::uint64_t next_sequence = 1;
  std::uint64_t next_scope = 100;
  std::vector<std::uint64_t> open_scopes;
  std::vector<std::uint64_t> ended_scopes;
  bool hold = false;
  bool may_hold_futures = true;
};
State state;

std::pair<std::uint64_t, std::uint64_t> key(FutureId id) { return {id.scope, id.sequence}; }

Entry& entry_of(FutureId id) {
  const auto found = state.entries.find(key(id));
  if (found == state.entries.end()) throw morrow::ReleasedError("the future was released");
  return found->second;
}

std::string demangled(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : type.name();
}

void run(Task task) {
  std::vector<Value> values;
  Failure failure{
      .kind = FailureKind::kException, .worker = "fake", .attempt = 1, .task = "task", .where = "here.cc:1"};
  Result result;
  try {
    for (const FutureId dependency : task.dependencies) {
      const Entry& entry = entry_of(dependency);
      if (entry.bytes == nullptr) {
        failure = entry.failure;
        failure.root_kind = std::exchange(failure.kind, FailureKind::kDependency);
        entry_of(task.id) = {.finished = true, .bytes = nullptr, .failure = failure};
        return;
      }
      values.push_back({*entry.bytes, entry.bytes});
    }
    task.invoker({.closure = task.closure, .arguments = {task.arguments, nullptr}, .dependencies = values}, result);
    state.may_hold_futures = result.may_hold_futures;
    entry_of(task.id) = {.finished = true, .bytes = std::make_shared<Bytes>(std::move(result.bytes)), .failure = {}};
    return;
  } catch (const std::exception& error) {
    failure.type = demangled(typeid(error));
    failure.message = error.what();
  } catch (...) {
    failure.type = demangled(*abi::__cxa_current_exception_type());
  }
  failure.frames = {{.module = 0, .offset = 42}};
  entry_of(task.id) = {.finished = true, .bytes = nullptr, .failure = failure};
}

}  // namespace

void reset() { state = State{}; }
const LastSubmit& last() { return state.last; }
std::size_t held() { return state.entries.size(); }
bool last_result_may_hold_futures() { return state.may_hold_futures; }
void hold(bool on) { state.hold = on; }
void run_one() {
  if (state.waiting.empty()) throw std::logic_error("no task waits");
  Task task = std::move(state.waiting.front());
  state.waiting.pop_front();
  run(std::move(task));
}
const std::vector<std::uint64_t>& open_scopes() { return state.open_scopes; }
const std::vector<std::uint64_t>& ended_scopes() { return state.ended_scopes; }

}  // namespace fake

namespace morrow::detail {

using fake::entry_of;
using fake::state;

namespace {

Bytes flat(const Packed& packed) {
  Bytes bytes(packed.size());
  packed.copy_to(bytes.data());
  return bytes;
}

}  // namespace

Room make_room(std::size_t size) { return heap_room(size); }
Room make_copy(std::span<const ByteView> pieces) {
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  Room room = heap_room(size);
  std::byte* to = room.bytes.data();
  for (const ByteView piece : pieces) to = std::copy(piece.begin(), piece.end(), to);
  return room;
}
void seal(const Room&) {}
void store(const Packed& packed, Result& result) { result.bytes = flat(packed); }
bool store(const Room&, Result&) { return false; }

FutureId find(const std::string&) { throw NotFoundError("there is none"); }

FutureId put(Result&& result, const char*, std::int64_t) {
  const FutureId id{1, state.next_sequence++};
  state.entries[fake::key(id)] = {
      .finished = true, .bytes = std::make_shared<Bytes>(std::move(result.bytes)), .failure = {}};
  return id;
}

FutureId submit(Call&& call, const Options& options, std::source_location where) {
  const std::uint64_t scope = state.open_scopes.empty() ? 1 : state.open_scopes.back();
  const FutureId id{scope, state.next_sequence++};
  fake::Task task{id, call.invoker, Bytes(call.closure.begin(), call.closure.end()), flat(call.arguments),
                  std::vector<FutureId>(call.dependencies.begin(), call.dependencies.end())};
  state.last = {.options = options,
                .where = where,
                .dependencies = task.dependencies,
                .handles = {call.handles.begin(), call.handles.end()},
                .code_pointers = {call.code_pointers.begin(), call.code_pointers.end()},
                .closure = task.closure,
                .function_name = call.function_name,
                .scope = scope};
  state.entries[fake::key(id)] = {};
  if (state.hold)
    state.waiting.push_back(std::move(task));
  else
    fake::run(std::move(task));
  return id;
}

Value get(FutureId id) {
  while (!entry_of(id).finished) fake::run_one();
  const fake::Entry& entry = entry_of(id);
  if (entry.bytes == nullptr) throw_failure(entry.failure);
  return {*entry.bytes, entry.bytes};
}

std::optional<Value> get_for(FutureId id, std::chrono::nanoseconds) {
  if (!entry_of(id).finished) return std::nullopt;
  return get(id);
}

void get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  std::vector<Value> values;
  for (const FutureId id : ids) values.push_back(get(id));
  for (const Value& value : values) take(value);
}

std::uint64_t size_of(FutureId id) { return get(id).bytes.size(); }

bool ready(FutureId id) { return entry_of(id).finished; }

std::vector<bool> wait(std::span<const FutureId> ids, std::size_t count,
                       std::optional<std::chrono::nanoseconds> timeout) {
  const auto finished = [](FutureId id) { return entry_of(id).finished; };
  while (!timeout && static_cast<std::size_t>(std::ranges::count_if(ids, finished)) < count) fake::run_one();
  std::vector<bool> result;
  for (const FutureId id : ids) result.push_back(finished(id));
  return result;
}

bool wait_all(std::uint64_t, std::optional<std::chrono::nanoseconds>) {
  while (!state.waiting.empty()) fake::run_one();
  return true;
}

void release(FutureId id) { state.entries.erase(fake::key(id)); }

void cancel(FutureId id) {
  fake::Entry& entry = entry_of(id);
  if (!entry.finished) entry = {.finished = true, .bytes = nullptr, .failure = {.kind = FailureKind::kCancelled}};
}

void flush() {}

std::uint64_t open_scope() {
  state.open_scopes.push_back(state.next_scope++);
  return state.open_scopes.back();
}

void end_scope(std::uint64_t scope) {
  if (state.open_scopes.empty() || state.open_scopes.back() != scope)
    throw std::logic_error("scopes must end inside out");
  state.open_scopes.pop_back();
  state.ended_scopes.push_back(scope);
}

std::string symbolize(std::span<const StackFrame> frames) {
  std::string text;
  for (const StackFrame& frame : frames) text += "frame at " + std::to_string(frame.offset) + "\n";
  return text;
}

}  // namespace morrow::detail
