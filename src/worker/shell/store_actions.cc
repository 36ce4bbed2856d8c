// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "control/cluster.h"
#include "worker/brain/worker_failure.h"
#include "worker/shell/convert.h"
#include "worker/shell/failure_messages.h"
#include "worker/shell/shell.h"

namespace morrow::worker {

// ---- executors ----

void Shell::carry_out(action::StartExecutor& start) {
  auto executor = std::make_unique<Executor>();
  executor->number = start.executor;
  executor->program = start.program;
  executor->process = pool_.start(start.program, start.devices);
  processes_[executor->process] = executor.get();
  executors_[start.executor] = std::move(executor);
  objects_.came(start.executor);
}

void Shell::carry_out(action::CollectResults& collect) {
  if (const Executor* executor = by_number(collect.executor)) pool_.collect_results(executor->process);
}

void Shell::carry_out(action::KillExecutor& kill) {
  if (const Executor* executor = by_number(kill.executor)) pool_.kill(executor->process);
}

void Shell::carry_out(action::RetireProgram& retire) {
  pool_.retire(retire.program);
  starting_.erase(retire.program);
}

// ---- answers ----

void Shell::carry_out(action::Ack& ack) {
  ack_.set_number(ack.number);
  if (ack.to.client == 0) {
    if (const Executor* executor = by_number(ack.to.executor)) pool_.send(executor->process, wire::ACK, ack_);
    return;
  }
  if (const auto driver = drivers_.find(ack.to.client); driver != drivers_.end()) {
    driver->second.acked = std::max(driver->second.acked, ack.number);
    clients_.send(ack.to.client, wire::ACK, ack_);
  }
}

void Shell::carry_out(action::Welcome& welcome) {
  const auto found = drivers_.find(welcome.client);
  if (found == drivers_.end()) return;
  Driver& driver = found->second;
  driver.attachment = welcome.attachment;
  driver.acked = welcome.applied;
  driver.welcome = true;
  wire::Welcome message;
  message.set_worker(options_.info.name);
  message.set_attachment(welcome.attachment);
  message.set_applied(welcome.applied);
  if (!driver.maps_objects) message.mutable_addresses()->Add(addresses_.begin(), addresses_.end());
  message.set_with_memory(driver.maps_objects);
  clients_.send(welcome.client, wire::WELCOME, message, driver.maps_objects ? objects_.memory_fd() : -1);
  send_need(driver);
}

void Shell::carry_out(action::Refuse& refused) { refuse(refused.client, refused.sentence); }

void Shell::carry_out(action::SessionEnded& ended) {
  const auto found = drivers_.find(ended.client);
  if (found == drivers_.end()) return;
  Driver& driver = found->second;
  wire::SessionEnded message;
  message.set_failed(driver.failed.count);
  if (driver.failed.outcome) message.set_first(failure_bytes(*driver.failed.outcome, options_.info.name));
  clients_.send(ended.client, wire::SESSION_ENDED, message);
  sessions_.erase(driver.session);
  driver.session = 0;  // nothing of it is left to be orphaned
}

void Shell::carry_out(action::Notice& notice) {
  const Driver* driver = driver_of(notice.session);
  if (driver == nullptr) return;
  wire::Notice message;
  message.set_text(notice.text);
  clients_.send(driver->id, wire::NOTICE, message);
}

// ---- the store ----

void Shell::carry_out(action::CommitRound& commit) {
  struct Work {
    std::shared_ptr<const control::Round> round;
    control::RoundResult result;
    std::vector<std::pair<control::SessionId, std::uint64_t>> opened;
  };
  auto work = std::make_shared<Work>();
  work->round = std::move(commit.round);
  for (const control::Op& op : work->round->ops) {
    if (const auto* open = std::get_if<control::op::OpenSession>(&op))
      work->opened.emplace_back(open->session, open->attachment);
  }
  round_in_flight_ = true;
  ++rounds_;
  store_.post(
      StoreLane::kRound, [work, committer = committer_](store::Store&) { work->result = committer->run(*work->round); },
      [this, work] {
        round_in_flight_ = false;
        if (work->result.fanouts) maintenance_.fan_out();
        brain_.round_done(now(), std::move(work->result));
        for (const auto& [session, attachment] : work->opened) {
          if (!sessions_.contains(session)) orphan(session, attachment);  // its driver went before it was welcome
        }
      });
}

void Shell::carry_out(action::ClaimWork& claim) {
  struct Work {
    control::ClaimRequest request;
    control::ClaimTries tries;
    control::ClaimResult result;
  };
  auto work = std::make_shared<Work>();
  work->request = std::move(claim.request);
  store_.post(
      StoreLane::kClaim,
      [work, total = options_.info.total](store::Store& store) {
        work->result = control::claim(store, work->request, total, work->tries);
      },
      [this, work] { brain_.claim_done(now(), std::move(work->result)); });
}

void Shell::carry_out(action::FindReadyDependencies& find) {
  constexpr std::size_t kAtOnce = 100;
  auto ready = std::make_shared<std::vector<control::FutureId>>();
  store_.post(
      StoreLane::kClaim,
      [ready, id = find.id](store::Store& store) { *ready = control::ready_dependencies(store, id, kAtOnce); },
      [this, ready, id = find.id] { brain_.ready_dependencies_done(now(), id, *ready); });
}

void Shell::carry_out(action::SetIdle& idle) {
  auto more = std::make_shared<bool>(false);
  store_.post(
      StoreLane::kClaim,
      [more, incarnation = incarnation_, idle](store::Store& store) {
        *more = control::set_idle(store, incarnation, idle.idle, idle.free);
      },
      [this, more] {
        if (*more) brain_.signalled(now());
      });
}

void Shell::carry_out(action::WakeIdle& wake) {
  store_.post(
      StoreLane::kClaim,
      [incarnation = incarnation_, limit = wake.limit](store::Store& store) {
        control::wake_idle(store, incarnation, limit);
      },
      nullptr);
}

void Shell::carry_out(action::EndScopes& scopes) { maintenance_.end_scopes(scopes.scopes); }

void Shell::carry_out(action::Fenced&) {
  logs_.warn("this worker gave no sign of life for longer than the lease, so that others took over its work");
  finish(End::kFenced);
}

}  // namespace morrow::worker
