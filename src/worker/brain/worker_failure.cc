// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/worker_failure.h"

#include <memory>
#include <utility>

#include "wire/failed_task.h"
#include "wire/messages.pb.h"

namespace morrow::worker {

control::OutcomePtr make_failure(control::FailureKind kind, std::string message, const control::Spec* spec,
                                 const std::string& worker, std::uint32_t attempt) {
  wire::Failure failure;
  failure.set_kind(static_cast<std::uint32_t>(kind));
  failure.set_message(std::move(message));
  failure.set_worker(worker);
  failure.set_attempt(attempt);
  if (spec != nullptr) wire::tell_task(failure, spec->name, spec->payload);
  auto outcome = std::make_shared<control::Outcome>();
  outcome->failure = kind;
  outcome->bytes = failure.SerializeAsString();
  return outcome;
}

control::OutcomePtr make_poisoned(const std::vector<std::string>& earlier, const control::Outcome& last) {
  wire::Failure failure;
  failure.ParseFromString(last.bytes);
  failure.set_kind(static_cast<std::uint32_t>(control::FailureKind::kPoisoned));
  for (const std::string& bytes : earlier) failure.add_earlier()->ParseFromString(bytes);
  auto outcome = std::make_shared<control::Outcome>();
  outcome->failure = control::FailureKind::kPoisoned;
  outcome->bytes = failure.SerializeAsString();
  return outcome;
}

}  // namespace morrow::worker
