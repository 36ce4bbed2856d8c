// SPDX-License-Identifier: Apache-2.0
#include "control/types.h"

#include <ostream>

#include "base/hex.h"

namespace morrow::control {

std::string text_of(const FutureId& id) { return base::hex_of(id.scope) + "/" + std::to_string(id.sequence); }

std::ostream& operator<<(std::ostream& out, const FutureId& id) { return out << text_of(id); }

bool retried(const Outcome& outcome, const Spec& spec, std::uint32_t failed) {
  if (failed > spec.max_retries) return false;
  return outcome.failure == FailureKind::kCrash || outcome.contended ||
         (outcome.failure == FailureKind::kException && spec.retry_exceptions) ||
         (outcome.failure == FailureKind::kTimeout && spec.retry_timeouts);
}

}  // namespace morrow::control
