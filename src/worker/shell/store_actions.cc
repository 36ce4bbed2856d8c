// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/store_actions.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "base/invariant.h"
#include "worker/brain/worker_failure.h"

// The store may be slow, or away for a while, and the worker's main thread must never wait for it. So whatever the
// brain wants of the store is a job for the store's thread and a word for the brain when that is done:
//
//   brain: CommitRound --> post(lane, job, done) --> the store's thread: job --> main thread: done --> brain:
//   round_done
//
// - A job may run several times, since the store fails and is back: what it writes to is kept beside it, shared with
//   `done`, and a round or a claim remembers what it tried (control/round.h, control::ClaimTries).
// - Rounds go before all else (StoreLane::kRound); claims and what else competes with other workers come next.
// - One round and one claim are under way at a time: the brain gathers the next one meanwhile. That is checked here,
//   since two rounds in flight would commit in an order that nobody chose.
// - The brain may have given up a session by the time the store has it: so each round tells which sessions it opened.
//
// To read next: worker/cluster/store_thread.h for the lanes, worker/brain/rounds.cc for what a round is.
namespace morrow::worker {

namespace {

/// Dependencies that are looked up at once; the brain asks again.
constexpr std::size_t kReadyAtOnce = 100;
/// Dependents of a deadlock that are looked at; the upkeep finds the others.
constexpr std::size_t kChecksAtOnce = 1'000;

/// A round on its way through the store's thread.
struct RoundWork {
  std::shared_ptr<const control::Round> round;
  control::RoundResult result;
  std::vector<std::pair<control::SessionId, std::uint64_t>> opened;  ///< sessions and their attachments
};

/// A look for deadlocks on its way through the store's thread.
struct DeadlockLook {
  control::EndedDeadlocks ended;
  std::vector<control::FutureId> checks;
};

/// A claim on its way through the store's thread.
struct ClaimAttempt {
  control::ClaimRequest request;
  control::ClaimTries tries;
  control::ClaimResult result;
};

}  // namespace

StoreActions::StoreActions(PostToStore post, control::WorkerInfo self, Events events)
    : post_(std::move(post)), self_(std::move(self)), events_(std::move(events)) {}

void StoreActions::join(store::Store& store) {
  control::join(store, self_);
  committer_ = std::make_shared<control::Committer>(store, self_.incarnation);
}

void StoreActions::leave(std::function<void()> left) {
  post_(
      StoreLane::kUpkeep,
      [incarnation = self_.incarnation](store::Store& store) { control::leave(store, incarnation); }, std::move(left));
}

void StoreActions::carry_out(action::CommitRound& commit) {
  MORROW_INVARIANT(committer_ != nullptr, "a worker has joined before it commits a round");
  MORROW_INVARIANT(!rounds_.in_flight, "one round is in flight at a time", rounds_.begun);
  auto work = std::make_shared<RoundWork>();
  work->round = std::move(commit.round);
  for (const control::Op& op : work->round->ops) {
    if (const auto* open = std::get_if<control::op::OpenSession>(&op))
      work->opened.emplace_back(open->session, open->attachment);
  }
  rounds_.in_flight = true;
  ++rounds_.begun;
  post_(
      StoreLane::kRound, [work, committer = committer_](store::Store&) { work->result = committer->run(*work->round); },
      [this, work] {
        MORROW_INVARIANT(rounds_.in_flight, "a round that ends was in flight", rounds_.begun);
        rounds_.in_flight = false;
        if (work->result.fanouts) events_.fan_out();
        events_.round_done(std::move(work->result));
        for (const auto& [session, attachment] : work->opened) events_.session_opened(session, attachment);
      });
}

void StoreActions::carry_out(action::ClaimWork& claim) {
  MORROW_INVARIANT(!claim_in_flight_, "one claim is in flight at a time");
  claim_in_flight_ = true;
  auto attempt = std::make_shared<ClaimAttempt>();
  attempt->request = std::move(claim.request);
  post_(
      StoreLane::kClaim,
      [attempt, total = self_.total](store::Store& store) {
        attempt->result = control::claim(store, attempt->request, total, attempt->tries);
      },
      [this, attempt] {
        claim_in_flight_ = false;
        events_.claim_done(std::move(attempt->result));
      });
}

void StoreActions::carry_out(action::FindReadyDependencies& find) {
  auto ready = std::make_shared<std::vector<control::FutureId>>();
  post_(
      StoreLane::kClaim,
      [ready, id = find.id](store::Store& store) { *ready = control::ready_dependencies(store, id, kReadyAtOnce); },
      [this, ready, id = find.id] { events_.ready_dependencies_done(id, *ready); });
}

void StoreActions::carry_out(action::NoteLongWaits& note) {
  auto look = std::make_shared<DeadlockLook>();
  post_(
      StoreLane::kUpkeep,
      [look, self = self_.incarnation, waits = std::move(note.waits)](store::Store& store) {
        control::note_long_waits(store, self, waits);
        control::EndedDeadlocks ended =
            control::end_deadlocks(store, self, [](const std::string& sentence, const control::Spec& spec) {
              return make_failure(control::FailureKind::kDeadlock, sentence, &spec, {}, 0);
            });
        // What an earlier run of this job ended is not found again.
        std::move(ended.sentences.begin(), ended.sentences.end(), std::back_inserter(look->ended.sentences));
        look->ended.endings.insert(look->ended.endings.end(), ended.endings.begin(), ended.endings.end());
        look->checks = control::pending_checks(store, self, kChecksAtOnce);
      },
      [this, look] { events_.deadlocks_ended(look->ended, look->checks); });
}

void StoreActions::carry_out(action::SetIdle& idle) {
  auto more = std::make_shared<bool>(false);
  post_(
      StoreLane::kClaim,
      [more, incarnation = self_.incarnation, idle](store::Store& store) {
        *more = control::set_idle(store, incarnation, idle.idle, idle.free, idle.left);
      },
      [this, more] {
        if (*more) events_.work_came();
      });
}

void StoreActions::carry_out(action::WakeIdle& wake) {
  post_(
      StoreLane::kClaim,
      [incarnation = self_.incarnation, limit = wake.limit](store::Store& store) {
        control::wake_idle(store, incarnation, limit);
      },
      nullptr);
}

}  // namespace morrow::worker
