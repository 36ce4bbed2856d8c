// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/values.h"

#include <cstdint>
#include <cstring>
#include <memory>

namespace morrow::runtime {

detail::Value make_value(std::string_view bytes) {
  if (bytes.empty()) return {};
  const detail::Room room = detail::heap_room(bytes.size());
  std::memcpy(room.bytes.data(), bytes.data(), bytes.size());
  return {room.bytes, room.owner};
}

namespace {

/// All but the kinds.
void take_fields(wire::Failure& message, detail::Failure& failure) {
  failure.type = std::move(*message.mutable_type());
  failure.message = std::move(*message.mutable_message());
  failure.frames.reserve(static_cast<std::size_t>(message.frames_size()));
  for (const wire::Frame& frame : message.frames()) failure.frames.push_back({frame.module(), frame.offset()});
  failure.worker = std::move(*message.mutable_worker());
  failure.attempt = message.attempt();
  failure.task = std::move(*message.mutable_task());
  failure.where = std::move(*message.mutable_where());
  failure.signal = message.signal();
  failure.exit_status = message.exit_status();
  failure.asked_bytes = message.asked_bytes();
  failure.used_bytes = message.used_bytes();
  failure.root = read_id(message.root());
  if (!message.has_standard()) return;
  wire::StandardError& standard = *message.mutable_standard();
  failure.standard.name = std::move(*standard.mutable_name());
  failure.standard.code = standard.code();
  failure.standard.category = std::move(*standard.mutable_category());
  failure.standard.path1 = std::move(*standard.mutable_path1());
  failure.standard.path2 = std::move(*standard.mutable_path2());
}

void take_with_earlier(wire::Failure& message, detail::Failure& failure) {
  take_fields(message, failure);
  for (wire::Failure& earlier : *message.mutable_earlier()) take_fields(earlier, failure.earlier.emplace_back());
}

}  // namespace

detail::Failure read_failure(detail::FailureKind kind, std::string_view bytes) {
  detail::Failure failure;
  failure.kind = kind;
  wire::Failure message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    failure.message = "why it failed was damaged on its way";
    return failure;
  }
  if (kind == detail::FailureKind::kDependency) {
    failure.root_kind =
        bytes.empty() ? detail::FailureKind::kReleased : static_cast<detail::FailureKind>(message.kind());
  }
  take_with_earlier(message, failure);
  if (message.has_passed()) {
    detail::Failure& passed = failure.passed.emplace_back();
    passed.kind = static_cast<detail::FailureKind>(message.passed().kind());
    take_with_earlier(*message.mutable_passed(), passed);
  }
  return failure;
}

wire::Failure write_failure(const detail::Failure& failure) {
  wire::Failure message;
  message.set_kind(static_cast<std::uint32_t>(failure.kind));
  message.set_type(failure.type);
  message.set_message(failure.message);
  for (const detail::StackFrame& frame : failure.frames) {
    wire::Frame* out = message.add_frames();
    out->set_module(frame.module);
    out->set_offset(frame.offset);
  }
  message.set_worker(failure.worker);
  message.set_attempt(failure.attempt);
  message.set_task(failure.task);
  message.set_where(failure.where);
  message.set_signal(failure.signal);
  message.set_exit_status(failure.exit_status);
  message.set_asked_bytes(failure.asked_bytes);
  message.set_used_bytes(failure.used_bytes);
  write_id(*message.mutable_root(), failure.root);
  for (const detail::Failure& earlier : failure.earlier) *message.add_earlier() = write_failure(earlier);
  for (const detail::Failure& passed : failure.passed) *message.mutable_passed() = write_failure(passed);
  if (failure.standard.name.empty()) return message;
  wire::StandardError& standard = *message.mutable_standard();
  standard.set_name(failure.standard.name);
  standard.set_code(failure.standard.code);
  standard.set_category(failure.standard.category);
  standard.set_path1(failure.standard.path1);
  standard.set_path2(failure.standard.path2);
  return message;
}

}  // namespace morrow::runtime
