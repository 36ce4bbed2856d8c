// SPDX-License-Identifier: Apache-2.0

// Taking work from the index that all workers share.
//
// Hard: many workers look for work at the same moment, and all see the same head of the same queue. If each took the
// first entry, one would commit and all others would conflict, again and again. And the index must not become a list
// that every submit writes to.
//
// Solved by reading without a conflict and taking with one. The scan of the index is a snapshot, so that a submit never
// disturbs a worker that looks; only the state of the future that is taken is read with a conflict, so that two
// workers collide exactly when they take the same future. To make that rare, the entries of a shape are sharded by the
// worker that wrote them: a worker takes from its own shard in order, and from the shards of others at random among the
// first 64. Order within a shard is fairness, nothing depends on it.
//
// A claim whose answer was lost may have committed: its work would be claimed by a worker that does not know. So each
// claim leaves a mark under the worker's own key (its lane), by which the next try finds what the last one took.
//
// An idle worker must not miss work that came just before it registered as idle: it registers, commits, and looks once
// more. A worker that leaves work in the index looks for idle ones after its commit. One of the two sees the other.
//
// A program may not start at one worker, for want of a library, say. That worker leaves its futures to those that may
// be able to start it, but for one now and then to try: else it would take work from them and give it back, again and
// again. Which program a future needs stands in its specification; it is read, without a conflict, only while something
// is left.
//
// To read: docs/design.md, "Local first"; docs/store.md, "Work". FoundationDB's QuiCK (Apple, SIGMOD 2021) is a queue
// over a transactional store with the same conflicts and the same random choice.

#include <algorithm>
#include <unordered_set>

#include "base/hash_ids.h"
#include "base/invariant.h"
#include "control/cluster.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/sources.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr std::size_t kShapes = 64;
constexpr std::size_t kHead = 64;
constexpr std::size_t kPassedAtMost = 1'000;  // futures that one look passes by, since they are left to others

/// The distinct shapes in the index: found by seeking past each one's entries.
std::vector<std::string> shapes(store::Transaction& tx, std::size_t limit) {
  std::vector<std::string> found;
  store::Range rest = keys::index();
  while (found.size() < limit) {
    const auto first = tx.scan(rest, store::Read::kSnapshot, 1);
    if (first.empty()) break;
    found.push_back(keys::read_index(first.front().key).shape);
    rest.begin = keys::index_shape(found.back()).end;
  }
  return found;
}

/// What this worker passes by in one look, since it is left to others.
class Passing {
 public:
  Passing(Transition& t, const std::vector<LeftToOthers>& left) : t_(t), left_(left), taken_(left.size(), 0) {}

  bool anything_left() const { return !left_.empty(); }
  /// Whether the future is to be passed by.
  bool passes(FutureId id) {
    if (left_.empty()) return false;
    const auto value = t_.tx.get(keys::state(id), store::Read::kSnapshot);
    if (!value) return false;
    const SpecPtr spec = t_.spec(id, parse_record<record::State>(*value));
    const std::size_t which = find(*spec);
    if (which == left_.size() || taken_[which] < left_[which].at_most) return false;
    coverage_mark<"a future was left to others since its program does not start here">();
    ++passed_;
    return true;
  }
  /// So many are enough for one look.
  bool enough() const { return passed_ >= kPassedAtMost; }
  void note_taken(const Spec& spec) {
    if (const std::size_t which = find(spec); which < left_.size()) ++taken_[which];
  }

 private:
  /// Its place in `left_`; its size: it is not left.
  std::size_t find(const Spec& spec) const {
    for (std::size_t i = 0; i < left_.size(); ++i) {
      const LeftToOthers& one = left_[i];
      const bool someone = std::any_of(one.others.begin(), one.others.end(),
                                       [&](const Resources& total) { return spec.requirements.fits_in(total); });
      if (one.program == spec.program && someone) return i;
    }
    return left_.size();
  }

  Transition& t_;
  const std::vector<LeftToOthers>& left_;
  std::vector<std::uint32_t> taken_;
  std::size_t passed_ = 0;
};

/// Something of the shape that this worker may take now.
bool has_work(Transition& t, std::string_view shape, std::uint64_t now, Passing& passing) {
  const auto may_take = [&](const store::KeyValue& item) {
    const keys::IndexEntry entry = keys::read_index(item.key);
    const bool mine = entry.shard == keys::shard_of(t.self) || !keys::is_kept(entry, now);
    return mine && !passing.enough() && !passing.passes(entry.id);
  };
  const std::size_t most = passing.anything_left() ? kPassedAtMost : kHead;
  for (const std::size_t limit : {std::size_t{1}, most}) {
    const auto entries = t.tx.scan(keys::index_shape(shape), store::Read::kSnapshot, limit);
    if (std::any_of(entries.begin(), entries.end(), may_take)) return true;
    if (entries.size() < limit) return false;
  }
  const auto own = t.tx.scan(keys::index_shard(shape, keys::shard_of(t.self)), store::Read::kSnapshot, 1);
  return std::any_of(own.begin(), own.end(), may_take);
}

/// One transaction that takes work from the index.
class IndexTaker {
 public:
  IndexTaker(Transition& t, const ClaimRequest& request, const Resources& total, std::uint64_t random)
      : t_(t), request_(request), total_(total), random_(random), free_(request.free), passing_(t, request.left) {}

  ClaimResult run() {
    for (const FutureId& id : request_.by_id) take_by_id(id);
    std::vector<std::string> all = shapes(t_.tx, kShapes);
    // No shape always comes first.
    if (!all.empty())
      std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(random_ % all.size()), all.end());
    for (const std::string& shape : all) {
      const Resources need = Resources::decode(shape);
      const std::size_t before = taken_;
      take_shape(shape, need, request_.limit, false);
      if (taken_ > before) ahead_.push_back(shape);
    }
    const std::size_t ahead = taken_ + request_.ahead;
    for (const std::string& shape : ahead_) take_shape(shape, Resources::decode(shape), ahead, true);
    for (const std::string& shape : all) {
      if (Resources::decode(shape).fits_in(free_) && has_work(t_, shape, now_, passing_)) result_.more = true;
    }
    MORROW_INVARIANT(result_.taken.size() == next_claim_ && next_claim_ <= request_.claims.size(),
                     "each claim is used for one future", result_.taken.size(), next_claim_, request_.claims.size());
    MORROW_INVARIANT(taken_ <= std::size_t{request_.limit} + request_.ahead, "no more is taken than was asked for",
                     taken_, request_.limit, request_.ahead);
    return std::move(result_);
  }

 private:
  bool claims_left() const { return next_claim_ < request_.claims.size(); }

  void take_by_id(FutureId id) {
    Entry& entry = t_.load(id);
    Resources room = total_;
    room -= request_.kept;
    const bool takeable = entry.exists && entry.status() == Status::kReady && claims_left() &&
                          Resources::decode(entry.state.shape()).fits_in(room) && !passing_.passes(id);
    if (!takeable || !take(id, entry)) result_.failed.push_back(id);
  }

  bool take(FutureId id, Entry& entry) {
    MORROW_INVARIANT(claims_left(), "a future that is taken has a claim", id, next_claim_);
    t_.leave_index(entry);
    const SpecPtr spec = t_.spec(id, entry.state);
    OpResult result = t_.make_ready(id, entry, spec, request_.claims[next_claim_], true);
    if (result.verdict != Verdict::kClaimed) return false;  // a dependency is gone, or lost: it failed, or waits
    ++next_claim_;
    passing_.note_taken(*spec);
    result_.taken.push_back(std::move(result.runnable));
    return true;
  }

  void take_shape(const std::string& shape, const Resources& need, std::size_t limit, bool ahead) {
    const auto wanted = [&] { return taken_ < limit && claims_left() && (ahead || need.fits_in(free_)); };
    const std::uint8_t own = keys::shard_of(t_.self);
    while (wanted()) {
      if (!take_from(keys::index_shard(shape, own), wanted, need, false)) break;
    }
    // Others' shards, from the next one round: many take from there at once, so take at random.
    const store::Range all = keys::index_shape(shape);
    const store::Range mine = keys::index_shard(shape, own);
    for (const store::Range& range : {store::Range{mine.end, all.end}, store::Range{all.begin, mine.begin}}) {
      while (wanted()) {
        if (!take_from(range, wanted, need, true)) break;
      }
    }
  }

  /// Takes from the head of `range`. False when nothing of it can be taken.
  template <typename Wanted>
  bool take_from(const store::Range& range, const Wanted& wanted, const Resources& need, bool at_random) {
    auto head = untried(range, at_random);
    const bool any = !head.empty();
    while (!head.empty() && wanted()) {
      random_ = base::mix_bits(random_ + 1);
      const std::size_t pick = at_random ? random_ % head.size() : 0;
      const std::string key = head[pick].key;
      head.erase(head.begin() + static_cast<std::ptrdiff_t>(pick));
      tried_.insert(key);
      const FutureId id = keys::read_index(key).id;
      if (passing_.passes(id)) continue;
      Entry& entry = t_.load(id);  // the only read that conflicts
      // No transaction leaves such an entry; if the store has one all the same, it is no work.
      if (!entry.exists || entry.status() != Status::kReady || entry.state.index_key() != key) continue;
      if (!take(id, entry)) continue;
      ++taken_;
      free_ -= need;
    }
    return any;
  }

  /// The first entries of `range` that were not looked at yet: what is passed by may fill a whole head.
  std::vector<store::KeyValue> untried(store::Range range, bool at_random) {
    while (!passing_.enough()) {
      auto head = t_.tx.scan(range, store::Read::kSnapshot, kHead);
      const bool last = head.size() < kHead || !passing_.anything_left();
      if (!last) range.begin = head.back().key + '\0';
      std::erase_if(head, [&](const auto& item) {
        return tried_.contains(item.key) || (at_random && keys::is_kept(keys::read_index(item.key), now_));
      });
      if (last || !head.empty()) return head;
    }
    return {};
  }

  Transition& t_;
  const ClaimRequest& request_;
  const Resources& total_;
  std::uint64_t random_;
  const std::uint64_t now_ = sources::microseconds();
  Resources free_;
  Passing passing_;
  ClaimResult result_;
  std::unordered_set<std::string> tried_;
  std::vector<std::string> ahead_;
  std::size_t taken_ = 0;
  std::size_t next_claim_ = 0;
};

}  // namespace

ClaimResult claim(store::Store& store, const ClaimRequest& request, const Resources& total, ClaimTries& tries) {
  if (request.claims.empty()) return {};
  // The lane's key tells whether a try whose answer was lost has committed, and keeps a late one from committing after
  // another.
  const std::uint64_t number = base::mix_bits(request.claims.front()) ^ request.random;
  std::size_t committed = 0;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, request.incarnation);
    ClaimResult result;
    if (!t.alive(request.incarnation)) {
      coverage_mark<"a claim from the index was fenced">();
      result.fenced = true;
      tries.push_back(std::move(result));
      committed = tries.size();
      return;
    }
    const std::string lane = keys::claim_round(request.incarnation);
    if (const auto last = transaction.get(lane, store::Read::kConflict)) {
      const auto seen = parse_record<record::Round>(*last);
      if (!planted(Fault::kForgottenClaim) && seen.number() == number && seen.attempt() != 0 &&
          seen.attempt() <= tries.size()) {
        coverage_mark<"a claim from the index found that it had committed">();
        committed = seen.attempt();
        return;
      }
    }
    result = IndexTaker(t, request, total, base::mix_bits(request.random + tries.size())).run();
    t.settle();
    tries.push_back(std::move(result));
    committed = tries.size();
    if (t.records == 0) return;  // nothing was taken: nothing to write
    record::Round mark;
    mark.set_number(number);
    mark.set_attempt(tries.size());
    transaction.set(lane, serialize(mark));
  });
  MORROW_INVARIANT(committed != 0 && committed <= tries.size(), "what committed is one of the tries", committed,
                   tries.size());
  return std::move(tries[committed - 1]);
}

std::vector<FutureId> ready_dependencies(store::Store& store, FutureId id, std::size_t limit) {
  const auto transaction = store.begin_read();
  std::vector<FutureId> found;
  std::vector<FutureId> open{id};
  std::unordered_set<FutureId> seen{id};
  constexpr std::size_t kVisits = 10'000;
  while (!open.empty() && found.size() < limit && seen.size() < kVisits) {
    const FutureId next = open.back();
    open.pop_back();
    const auto value = transaction->get(keys::state(next), store::Read::kSnapshot);
    if (!value) continue;
    const auto state = parse_record<record::State>(*value);
    if (status_of(state) == Status::kReady) found.push_back(next);
    if (status_of(state) != Status::kWaiting) continue;
    for (const auto& [key, unused] : transaction->scan(keys::needs(next), store::Read::kSnapshot, 1000)) {
      const FutureId dependency = keys::other_future(key);
      if (seen.insert(dependency).second) open.push_back(dependency);
    }
  }
  return found;
}

bool set_idle(store::Store& store, Incarnation incarnation, bool idle, const Resources& free,
              const std::vector<LeftToOthers>& left) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, incarnation);
    if (!t.alive(incarnation)) return;
    if (idle) {
      transaction.set(keys::idle(incarnation), free.encode());
    } else {
      transaction.clear(keys::idle(incarnation));
    }
  });
  if (planted(Fault::kIdleWithoutLook)) return false;
  // After the registration committed: what was left in the index before did not see this worker idle.
  const auto transaction = store.begin_read();
  Transition t(*transaction, incarnation);
  Passing passing(t, left);
  for (const std::string& shape : shapes(*transaction, kShapes)) {
    if (!Resources::decode(shape).fits_in(free) || !has_work(t, shape, sources::microseconds(), passing)) continue;
    coverage_mark<"a worker that registered as idle found work">();
    return true;
  }
  return false;
}

void wake_idle(store::Store& store, Incarnation self, std::size_t limit) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, self);
    auto idle = transaction.scan(keys::idles(), store::Read::kSnapshot, 1000);
    if (idle.empty()) return;
    // Each worker begins with its successor in the ring, so that not all wake the same one.
    const auto next =
        std::find_if(idle.begin(), idle.end(), [&](const auto& item) { return keys::number_of(item.key) > self; });
    std::rotate(idle.begin(), next, idle.end());
    std::size_t woken = 0;
    for (const std::string& shape : shapes(transaction, kShapes)) {
      const Resources need = Resources::decode(shape);
      std::size_t work = transaction.scan(keys::index_shape(shape), store::Read::kSnapshot, limit).size();
      for (auto& [key, free] : idle) {
        if (work == 0 || woken == limit) break;
        if (key.empty()) continue;  // it is awake already
        const Incarnation incarnation = keys::number_of(key);
        if (incarnation == self || !need.fits_in(Resources::decode(free)) || !t.alive(incarnation)) continue;
        t.touch(incarnation);
        key.clear();
        --work;
        ++woken;
      }
    }
  });
}

std::string signal_key(Incarnation incarnation) { return keys::signal(incarnation); }

std::vector<ShapeWaiting> index_shapes(store::Store& store) {
  constexpr std::size_t kCounted = 10'000;
  const auto transaction = store.begin_read();
  std::vector<ShapeWaiting> found;
  for (const std::string& shape : shapes(*transaction, 1000)) {
    const auto entries = transaction->scan(keys::index_shape(shape), store::Read::kSnapshot, kCounted);
    if (entries.empty()) continue;
    ShapeWaiting waiting;
    waiting.requirements = Resources::decode(shape);
    waiting.count = entries.size();
    waiting.first = keys::read_index(entries.front().key).id;
    Transition t(*transaction, 0);
    if (const Entry& entry = t.load(waiting.first); entry.exists)
      waiting.first_spec = t.spec(waiting.first, entry.state);
    found.push_back(std::move(waiting));
  }
  return found;
}

}  // namespace morrow::control
