// SPDX-License-Identifier: Apache-2.0
#include "runtime/in_process/failures.h"

#include <utility>

#include "runtime/values/values.h"
#include "wire/failed_task.h"

namespace morrow::runtime {

using detail::FailureKind;

namespace {

std::string bytes_of(FailureKind kind, const std::string& sentence, const wire::Submit* call, std::uint32_t attempt) {
  wire::Failure failure;
  failure.set_kind(static_cast<std::uint32_t>(kind));
  failure.set_message(sentence);
  failure.set_attempt(attempt);
  if (call != nullptr) wire::tell_task(failure, call->name(), call->payload());
  return failure.SerializeAsString();
}

}  // namespace

Outcome failed(FailureKind kind, const std::string& sentence, const wire::Submit& call, std::uint32_t attempt) {
  return {.failure = kind, .value = {}, .failure_bytes = bytes_of(kind, sentence, &call, attempt), .root = {}};
}

Outcome released(detail::FutureId root) {
  return {.failure = FailureKind::kReleased, .value = {}, .failure_bytes = {}, .root = root};
}

Outcome dependency_failed(const FutureRecord& dependency) {
  const Outcome& outcome = dependency.outcome;
  std::string bytes = outcome.failure_bytes;
  if (bytes.empty()) bytes = bytes_of(FailureKind::kReleased, "it was released, or its scope has ended", nullptr, 0);
  return {.failure = FailureKind::kDependency,
          .value = {},
          .failure_bytes = std::move(bytes),
          .root = outcome.root == detail::FutureId{} ? dependency.id : outcome.root};
}

bool was_cancelled(const Outcome& outcome) {
  return outcome.failure == FailureKind::kCancelled ||
         (outcome.failure == FailureKind::kReleased && outcome.root == detail::FutureId{});
}

void throw_outcome(const Outcome& outcome) {
  detail::Failure failure = read_failure(outcome.failure, outcome.failure_bytes);
  if (outcome.root != detail::FutureId{}) failure.root = outcome.root;
  detail::throw_failure(failure);
}

}  // namespace morrow::runtime
