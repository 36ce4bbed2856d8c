// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/random_id.h"
#include "runtime/backend/refusals.h"
#include "runtime/in_process/in_process.h"

// Detached futures: each has a scope of its own, which ends with its release, or with the session. A task that is tried
// again gets the one that its last attempt has submitted.
namespace morrow::runtime {

using detail::FutureId;

FutureId InProcess::submit_detached(const FuturePtr& future, std::span<const FutureId> dependencies) {
  const std::string& name = future->call->name();
  const RunningTask* const me = running_here_;
  const std::string submitter = me == nullptr ? std::string() : futures_.lineage(me->future->id);
  const std::uint64_t claim = me == nullptr ? 0 : me->claim;
  if (const auto taken = names_.find(name); taken != names_.end()) {
    Named& named = taken->second;
    if (submitter.empty() || named.submitter != submitter || named.claim == claim) throw_name_taken(name);
    named.claim = claim;
    return named.id;
  }
  future->id = {base::random_id(), 1};
  names_.emplace(name, Named{future->id, submitter, claim});
  futures_.open_scope(future->id.scope, session_);
  add_task(future, dependencies);
  return future->id;
}

std::optional<FutureId> InProcess::find(const std::string& name) {
  check_name(name);
  const base::MutexLock lock(mutex_);
  check();
  const auto named = names_.find(name);
  return named == names_.end() ? std::nullopt : std::optional(named->second.id);
}

void InProcess::release(FutureId id) {
  const base::MutexLock lock(mutex_);
  if (is_dropped()) return;
  const auto named =
      std::find_if(names_.begin(), names_.end(), [id](const auto& entry) { return entry.second.id == id; });
  if (named == names_.end()) return futures_.release(id);
  names_.erase(named);
  futures_.end_scope(id.scope);
}

}  // namespace morrow::runtime
