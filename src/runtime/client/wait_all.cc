// SPDX-License-Identifier: Apache-2.0
// Waiting for all that was submitted. The futures of a scope are counted from 1, so they are known without being kept:
// all up to the last number but those that were released here, and those that an earlier call has waited for already.
#include <algorithm>
#include <stdexcept>

#include "runtime/client/client.h"
#include "runtime/client/scopes.h"

namespace morrow::runtime {

using detail::FutureId;

namespace {

constexpr std::size_t kMostEndedScopes = 1'000;  // of those that are forgotten it is only asked once more

}  // namespace

Client::Births Client::births(std::uint64_t scope) {
  Births all;
  const Scopes& open = scopes();
  if (scope == 0) {
    const Asker outer = outer_asker();
    all.push_back({outer.scope, *outer.sequence});
  }
  auto first = open.begin();
  if (scope != 0) {
    first = std::find_if(open.begin(), open.end(), [scope](const OpenScope& one) { return one.id == scope; });
    if (first == open.end())
      throw std::logic_error("Scope::wait: only the thread that opened the Scope can wait for it");
  }
  for (; first != open.end(); ++first) all.push_back({first->id, first->sequence});
  return all;
}

bool Client::wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) {
  Births all;
  std::vector<FutureId> ids;
  {
    const base::MutexLock lock(link_.mutex());
    check();
    all = births(scope);
    for (const auto& [born_in, last] : all) {
      const auto ended = ended_.find(born_in);
      for (std::uint64_t number = ended == ended_.end() ? 1 : ended->second + 1; number <= last; ++number) {
        if (const FutureId id{born_in, number}; !released_.contains(id)) ids.push_back(id);
      }
    }
  }
  if (!ids.empty()) {
    const bool poll = timeout && timeout->count() <= 0;
    PendingAwait call({.ids = ids, .blocks = !timeout, .poll = poll, .need = ids.size()});
    if (!await(call, timeout && !poll ? deadline_after(*timeout) : Deadline())) return false;
    const auto pending = [](const Answer& answer) { return answer.pending; };
    if (poll && std::any_of(call.answers().begin(), call.answers().end(), pending)) return false;
  }
  const base::MutexLock lock(link_.mutex());
  if (ended_.size() > kMostEndedScopes) ended_.clear();
  for (const auto& [born_in, last] : all) ended_[born_in] = std::max(ended_[born_in], last);
  return true;
}

}  // namespace morrow::runtime
