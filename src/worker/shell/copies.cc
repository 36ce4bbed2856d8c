// SPDX-License-Identifier: Apache-2.0
// A value that was put can't be computed again, so whoever must not lose it asks for more than one holder. The put is
// committed as any other; then
//
//   committed: who holds it, and who else is there? --> ask some to get a copy --> look again ... --> acknowledge
//
// - A client's acknowledgements are in order, so one that is held back holds back those behind it. The driver keeps all
//   that is not acknowledged, and `flush` waits for it: so a flush that returned means that the copies are there.
// - The store alone counts who holds a value (see hand_over.cc, which works likewise).
// - Fewer workers than copies, and workers with no room, are no failure of the put: it is acknowledged with the copies
//   that there are, and who put it is told.
// - A driver that sends a put again at another worker, since its own died, finds there what became of the value.
#include "worker/shell/copies.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/must.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kCopiesLookAgainMs = 20;
constexpr std::uint64_t kPatienceMs = 30'000;  // then it is acknowledged as it is
constexpr std::size_t kMostTold = 1'000;       // then they may be told again

}  // namespace

/// What the store says.
struct Copies::Look {
  std::map<std::uint64_t, std::vector<control::Incarnation>> holders;  ///< by the number of the object
  std::vector<control::WorkerInfo> workers;                            ///< that are alive and stay
};

std::uint64_t Copies::key_of(const Waiter& who) { return process_of(who); }

void Copies::want(const Wanted& wanted) { clients_[key_of(wanted.who)].puts.insert_or_assign(wanted.number, wanted); }

void Copies::committed(const Waiter& who, std::uint64_t number) {
  const auto found = clients_.find(key_of(who));
  if (found == clients_.end()) return means_.acknowledge(who, number);
  Client& client = found->second;
  client.committed = std::max(client.committed, number);
  for (const auto& [put, wanted] : client.puts) {
    if (put > number) break;
    const auto [copying, is_new] = copying_.try_emplace(wanted.value.number);
    if (!is_new) continue;
    copying->second.wanted = wanted;
    copying->second.end_ms = means_.clock_ms() + kPatienceMs;
  }
  const std::uint64_t first = client.puts.empty() ? number + 1 : client.puts.begin()->first;
  const std::uint64_t acknowledged = std::min(client.committed, first - 1);
  if (client.puts.empty()) clients_.erase(found);
  means_.acknowledge(who, acknowledged);
  if (!copying_.empty() && !looking_) look();
}

void Copies::gone(const Waiter& who) { clients_.erase(key_of(who)); }

void Copies::look() {
  looking_ = true;
  auto values = std::make_shared<std::vector<control::HeldValue>>();
  for (const auto& [number, copying] : copying_) values->push_back(copying.wanted.value);
  auto found = std::make_shared<Look>();
  means_.post(
      StoreLane::kUpkeep,
      [found, values](store::Store& store) {
        *found = {};
        for (const control::HeldValue& value : *values) {
          auto& holders = found->holders[value.number];
          for (const control::WorkerInfo& holder : control::object_holders(store, value.future, value.number))
            holders.push_back(holder.incarnation);
        }
        for (control::WorkerSeen& worker : control::workers(store)) {
          if (!worker.dying && !worker.info.draining) found->workers.push_back(std::move(worker.info));
        }
      },
      [this, found] { looked(*found); });
}

void Copies::looked(const Look& found) {
  std::vector<Wanted> settled;
  for (const auto& [number, holders] : found.holders) {
    const auto at = copying_.find(number);
    if (at == copying_.end()) continue;
    Copying& copying = at->second;
    const Wanted& wanted = copying.wanted;
    const std::size_t others = std::ranges::count_if(
        found.workers, [&](const auto& one) { return std::ranges::find(holders, one.incarnation) == holders.end(); });
    std::string why;
    if (holders.size() < wanted.workers) {
      if (holders.empty()) {
        why = "it was freed, or lost with the worker that had it";
      } else if (others == 0 || !means_.have_copied) {
        why = "the cluster has no more workers";
      } else if (copying.request.is_hopeless(others)) {
        why = copying.request.refusal();
      } else if (means_.clock_ms() >= copying.end_ms) {
        why = "the others took too long";
      } else {
        ask(copying, holders, found.workers);
        continue;
      }
      if (told_.size() >= kMostTold) told_.clear();
      if (told_.emplace(wanted.session, why).second)
        means_.tell(wanted.session, fmt::format("a value that {} workers were to hold (of {} bytes) is held by {}: {}",
                                                wanted.workers, wanted.value.size, holders.size(), why));
    }
    settled.push_back(wanted);
    copying_.erase(at);
  }
  for (const Wanted& one : settled) settle(one);
  looking_ = false;
  if (!copying_.empty()) {
    looking_ = true;
    means_.after(kCopiesLookAgainMs, [this] { look(); });
  }
}

void Copies::ask(Copying& copying, const std::vector<control::Incarnation>& holders,
                 const std::vector<control::WorkerInfo>& workers) {
  if (!copying.request.is_due(means_.clock_ms())) return;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const control::WorkerInfo& worker = workers[next_++ % workers.size()];
    if (std::ranges::find(holders, worker.incarnation) != holders.end()) continue;
    const auto endpoint = means_.endpoint_of(worker.address);
    if (!endpoint) {
      copying.request.refused("worker " + worker.name + " can't be reached");
      continue;
    }
    copying.request.ask();
    return means_.have_copied(*endpoint, copying.wanted.value,
                              [this, object = copying.wanted.value.number, name = worker.name](
                                  Fetcher::Copied copied, const std::string& sentence) {
                                const auto found = copying_.find(object);
                                if (found == copying_.end()) return;
                                found->second.request.answered(means_.clock_ms(), copied,
                                                               "worker " + name + ": " + sentence);
                              });
  }
}

/// Nothing more is waited for: it may be acknowledged, and what was held back behind it.
void Copies::settle(const Wanted& wanted) {
  const auto found = clients_.find(key_of(wanted.who));
  if (found == clients_.end()) return;
  found->second.puts.erase(wanted.number);
  committed(wanted.who, found->second.committed);
}

}  // namespace morrow::worker
