// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/object_transfers.h"

#include <algorithm>
#include <utility>

// A value that lies with other workers is asked for at the store, which knows its holders, and then got from one of
// them (worker/port/fetcher.h). There is no plan for it:
//
// - A holder gives a value to two at a time and sends others away for a moment. By then those two hold it too, so the
//   next look-up finds more holders: a value that many want spreads as a tree.
// - A holder that does not answer is dead, stands still, or can't be reached. The store tells when it was evicted,
// after
//   its lease; so it is asked again for a few leases, ever more slowly, before the reader gets a failure. A value
//   whose holders are all evicted is lost, and is computed again.
// - A holder that is busy lives. It is asked again for as long as it does, ever more slowly while its port hears
// nobody.
// - A holder that says that it has it not may only be behind: what it dropped is still to be committed. When all of
// them
//   say so for a whole lease, the store is wrong about them, and is mended: then the value is lost as well.
// - Pauses differ from value to value, so that workers that were sent away together do not come back together.
namespace morrow::worker {

namespace {

constexpr std::uint64_t kFetchAgainMs = 20;
constexpr std::uint64_t kFetchSlowestMs = 500;
/// A holder that does not answer is dead, and soon evicted, or comes back: leases that this is waited for.
constexpr std::uint64_t kLeasesForHolder = 3;

}  // namespace

/// An object on its way here.
struct ObjectTransfers::Transfer {
  control::FutureId future;
  std::uint64_t number = 0;
  std::span<std::byte> into;
  Done done;
  std::vector<control::WorkerInfo> holders;
  std::uint64_t refused_since_ms = 0;  ///< the first time that no holder gave it; 0: none refused yet
  std::uint64_t denied_since_ms = 0;   ///< since then all holders say that they don't have it; 0: they don't
  std::uint64_t pause_ms = kFetchAgainMs;
  bool told_busy = false;  ///< the log has a line about it
};

void ObjectTransfers::fetch(control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into,
                            Done done) {
  auto transfer = std::make_shared<Transfer>();
  transfer->future = future;
  transfer->number = object.number;
  transfer->into = into;
  transfer->done = std::move(done);
  look_up(transfer);
}

void ObjectTransfers::look_up(const TransferPtr& transfer) {
  means_.post(
      StoreLane::kClaim,
      [transfer](store::Store& store) {
        transfer->holders = control::object_holders(store, transfer->future, transfer->number);
      },
      [this, transfer] { fetch_from_holders(transfer); });
}

void ObjectTransfers::fetch_from_holders(const TransferPtr& transfer) {
  std::vector<wire::Endpoint> reachable;
  bool others = false;
  for (const control::WorkerInfo& holder : transfer->holders) {
    if (holder.incarnation == options_.incarnation) continue;
    others = true;
    if (auto endpoint = means_.endpoint_of(holder.address)) reachable.push_back(std::move(*endpoint));
  }
  if (!others) return transfer->done(true, "no worker that is alive has it any more");
  if (!means_.fetch || reachable.empty()) return transfer->done(false, "the worker that has it has no port");
  means_.fetch(std::move(reachable), transfer->number, transfer->into,
               [this, transfer](Fetcher::End end, const std::string& sentence) { ended(transfer, end, sentence); });
}

/// Whether all holders have said for long enough that they don't have it.
bool ObjectTransfers::denied(Transfer& transfer) const {
  const std::uint64_t now_ms = means_.clock_ms();
  if (transfer.denied_since_ms == 0) transfer.denied_since_ms = now_ms;
  return now_ms - transfer.denied_since_ms >= options_.lease_ms;
}

void ObjectTransfers::forget_holders(const TransferPtr& transfer) {
  std::vector<control::Incarnation> holders;
  for (const control::WorkerInfo& one : transfer->holders) {
    if (one.incarnation != options_.incarnation) holders.push_back(one.incarnation);
  }
  transfer->denied_since_ms = 0;
  means_.warn("the workers that are said to have a value don't have it: it is looked for elsewhere, or computed again");
  means_.post(
      StoreLane::kClaim,
      [transfer, holders = std::move(holders), self = options_.incarnation](store::Store& store) {
        control::forget_holders(store, self, transfer->future, transfer->number, holders);
      },
      [this, transfer] { look_up(transfer); });
}

void ObjectTransfers::ended(const TransferPtr& transfer, Fetcher::End end, const std::string& sentence) {
  if (end == Fetcher::End::kWhole) return transfer->done(false, "");
  if (end != Fetcher::End::kAbsent) transfer->denied_since_ms = 0;
  std::uint64_t pause_ms = kFetchAgainMs;
  if (end != Fetcher::End::kBusy) {
    // The store says that living workers have it. One that died is evicted soon, and what it alone had is lost then.
    if (transfer->refused_since_ms == 0) {
      transfer->refused_since_ms = means_.clock_ms();
      means_.warn("a value can't be fetched yet: " + sentence);
    }
    if (end == Fetcher::End::kAbsent && !stopping_ && denied(*transfer)) return forget_holders(transfer);
    const bool patient = means_.clock_ms() - transfer->refused_since_ms < kLeasesForHolder * options_.lease_ms;
    if (!patient || stopping_) return transfer->done(false, sentence);
    pause_ms = transfer->pause_ms;
    transfer->pause_ms = std::min(2 * pause_ms, kFetchSlowestMs);
  } else {
    if (stopping_) return transfer->done(false, "this worker stops");
    transfer->refused_since_ms = 0;
    if (sentence.empty()) {
      transfer->pause_ms = kFetchAgainMs;
    } else {
      if (!std::exchange(transfer->told_busy, true)) means_.warn("a value has to wait: " + sentence);
      pause_ms = transfer->pause_ms;
      transfer->pause_ms = std::min(2 * pause_ms, kFetchSlowestMs);
    }
  }
  // Not all at once, and not for nothing: by then others may have it.
  means_.after(pause_ms + transfer->number % kFetchAgainMs, [this, transfer] { look_up(transfer); });
}

}  // namespace morrow::worker
