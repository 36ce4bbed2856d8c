// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/cluster.h"
#include "control/round.h"
#include "store/sim/sim_store.h"
#include "tests/control/invariants.h"

namespace morrow::control {

inline SpecPtr make_spec(std::vector<FutureId> dependencies = {}, std::uint64_t cpu_micro = 1'000'000) {
  auto spec = std::make_shared<Spec>();
  spec->requirements.cpu_micro = cpu_micro;
  spec->dependencies = std::move(dependencies);
  spec->name = "task";
  spec->payload = "payload";
  return spec;
}

inline OutcomePtr value(std::string bytes) {
  return std::make_shared<Outcome>(Outcome{FailureKind::kNone, std::move(bytes), {}});
}
inline OutcomePtr failure(FailureKind kind, std::string bytes = "why") {
  return std::make_shared<Outcome>(Outcome{kind, std::move(bytes), {}});
}

/// A store in memory that checks the invariants after each commit.
class ControlTest : public ::testing::Test {
 protected:
  ControlTest() : database(std::make_shared<store::SimDatabase>()), store(database), invariants(*database) {
    database->hooks.committed = [this](const store::Commit& commit) {
      for (const std::string& sentence : invariants.committed(commit)) ADD_FAILURE() << sentence;
    };
  }

  void join_worker(Incarnation incarnation) {
    WorkerInfo info;
    info.incarnation = incarnation;
    info.name = "w" + std::to_string(incarnation);
    info.total.cpu_micro = 2'000'000;
    join(store, info);
  }

  RoundResult run(Incarnation incarnation, std::vector<Op> ops) {
    return Committer(store, incarnation).run(Round{incarnation, std::move(ops)});
  }
  OpResult one(Incarnation incarnation, Op op) {
    const RoundResult result = run(incarnation, {std::move(op)});
    EXPECT_FALSE(result.fenced);
    return result.results.empty() ? OpResult{} : result.results.front();
  }

  void open_session(Incarnation incarnation, SessionId session, std::uint64_t attachment = 1, bool reopen = false) {
    op::OpenSession open;
    open.session = session;
    open.attachment = attachment;
    open.reopen = reopen;
    EXPECT_EQ(one(incarnation, open).verdict, Verdict::kDone);
  }

  Origin driver(SessionId session, std::uint64_t attachment = 1) {
    Origin origin;
    origin.kind = Origin::Kind::kSession;
    origin.session = session;
    origin.attachment = attachment;
    origin.number = ++numbers[session];
    return origin;
  }

  static Origin execution(FutureId future, Claim claim) {
    Origin origin;
    origin.kind = Origin::Kind::kExecution;
    origin.future = future;
    origin.claim = claim;
    return origin;
  }

  static op::Submit submit(Origin origin, FutureId id, Claim claim = 0, SpecPtr spec = make_spec()) {
    op::Submit submit;
    submit.origin = origin;
    submit.id = id;
    submit.spec = std::move(spec);
    submit.how = claim != 0 ? op::Submit::How::kClaim : op::Submit::How::kIndex;
    submit.claim = claim;
    return submit;
  }

  static op::End end(FutureId id, Claim claim, OutcomePtr outcome, bool may_hold_futures = false,
                     Claim next_claim = 0) {
    return op::End{id, claim, std::move(outcome), may_hold_futures, next_claim};
  }

  op::EndSession end_session(SessionId session) { return op::EndSession{driver(session), session, 1}; }

  /// Does all that waits to be done by `incarnation`: checks, fan-outs, ends of scopes, its inbox.
  std::vector<OpResult> work_off(Incarnation incarnation) {
    std::vector<OpResult> results;
    for (bool more = true; more;) {
      more = fanout_step(store, incarnation);
      for (const ScopeId scope : endings(store)) {
        while (ending_step(store, incarnation, scope)) {
        }
        more = true;
      }
      for (const FutureId& id : pending_checks(store, incarnation, 100)) {
        results.push_back(one(incarnation, op::Check{id, 0}));
        more = true;
      }
    }
    return results;
  }

  OpResult::Drained drain(Incarnation incarnation) { return *one(incarnation, op::Drain{}).drained; }

  static ClaimResult claim_once(store::Store& store, const ClaimRequest& request, const Resources& total) {
    ClaimTries tries;
    return claim(store, request, total, tries);
  }

  ClaimResult claim_some(Incarnation incarnation, std::vector<Claim> claims, std::uint64_t cpu_micro = 2'000'000) {
    ClaimRequest request;
    request.incarnation = incarnation;
    request.free.cpu_micro = cpu_micro;
    request.limit = static_cast<std::uint32_t>(claims.size());
    request.claims = std::move(claims);
    Resources total;
    total.cpu_micro = 2'000'000;
    return claim_once(store, request, total);
  }

  Verdict look(Incarnation incarnation, FutureId id) { return one(incarnation, op::Await{id}).verdict; }

  std::vector<std::string> keys_now() const { return all_keys(*database); }

  /// Keys but those of living workers and the schema.
  std::vector<std::string> left_keys() const {
    std::vector<std::string> left;
    for (const std::string& key : keys_now()) {
      if (key[0] != 'w' && key[0] != 'v') left.push_back(readable(key));
    }
    return left;
  }

  std::shared_ptr<store::SimDatabase> database;
  store::SimStore store;
  Invariants invariants;
  std::map<SessionId, std::uint64_t> numbers;
};

}  // namespace morrow::control
