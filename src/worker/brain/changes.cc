// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "worker/brain/impl.h"
#include "worker/brain/worker_failure.h"

namespace morrow::worker {

namespace op = control::op;

void Brain::Impl::session_opening(Time now, ClientId client, control::SessionId session, const std::string& program,
                                  bool resume, std::uint64_t grace_ms, std::uint64_t opening) {
  SessionState& state = sessions_[session];
  if (state.client != 0 && state.client != client) clients_.erase(state.client);
  state.id = session;
  state.attachment = draw();
  state.client = client;
  state.program = program;
  clients_[client] = session;
  op::OpenSession open{session, state.attachment, program, grace_ms, resume, opening};
  push(now, std::move(open), nullptr, true, Waiter{client, 0});
}

void Brain::Impl::client_gone(Time now, ClientId client) {
  drop_awaits(now, Waiter{client, 0});
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  if (const auto session = sessions_.find(found->second);
      session != sessions_.end() && session->second.client == client) {
    session->second.client = 0;
  }
  clients_.erase(found);
}

void Brain::Impl::end_session(Time now, ClientId client, std::uint64_t number) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  const SessionState& state = sessions_.at(found->second);
  change(now, Asker{Waiter{client, 0}, 0, number, false}, op::EndSession{{}, state.id, state.attachment}, true);
}

bool Brain::Impl::origin_of(const Asker& asker, control::Origin& origin) {
  if (asker.claim == 0) {
    const auto client = clients_.find(asker.who.client);
    if (client == clients_.end()) return false;
    const SessionState& session = sessions_.at(client->second);
    origin.kind = control::Origin::Kind::kSession;
    origin.session = session.id;
    origin.attachment = session.attachment;
    origin.number = asker.number;
    return true;
  }
  const auto found = claims_.find(asker.claim);
  if (found == claims_.end() || found->second->place != Task::Place::kHanded) return false;  // a zombie speaks
  found->second->asked = true;
  origin.kind = control::Origin::Kind::kExecution;
  origin.future = found->second->run.id;
  origin.claim = asker.claim;
  return true;
}

template <class O>
void Brain::Impl::change(Time now, const Asker& asker, O change_op, bool due) {
  if (!origin_of(asker, change_op.origin)) return;
  push(now, std::move(change_op), nullptr, due, asker.who, asker.number);
}

void Brain::Impl::submit(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec) {
  op::Submit submit;
  if (!origin_of(asker, submit.origin)) return;
  submit.id = id;
  submit.spec = spec;
  auto task = std::make_shared<Task>();
  task->run.id = id;
  task->run.spec = spec;
  task->run.claim = draw();
  task->arrived = now;
  if (nobody_could_run(spec->requirements)) {
    if (spec->fail_if_unschedulable) {
      task->place = Task::Place::kEnded;
      task->outcome =
          make_failure(control::FailureKind::kUnschedulable,
                       "it needs " + spec->requirements.text() + ", and no worker of the cluster has that much" +
                           largest_worker() + "; ask for less, or start a larger worker",
                       spec.get(), setup_.info.name, 0);
    } else {
      tell_unschedulable(spec->session, *spec);
    }
  }
  // A resent submit may have killed the worker it ran on: it is committed first, with that try counted.
  const bool ahead = !asker.resent && task->place != Task::Place::kEnded && spec->dependencies.empty() && !stopping_ &&
                     ledger_.could_fit(spec->requirements);
  if (asker.resent) submit.tries = task->run.tries = 1;
  tasks_[id] = task;
  task->submit = push(now, std::move(submit), task, !ahead, asker.who, asker.number);
  // What tasks submit goes first, the latest first: so a tree of tasks is walked depth first and few of them stand
  // open.
  if (ahead) enter_backlog(now, task, asker.claim != 0);
}

void Brain::Impl::put(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec,
                      control::OutcomePtr outcome) {
  auto task = std::make_shared<Task>();
  task->run.id = id;
  task->run.spec = spec;
  task->run.claim = draw();
  task->arrived = now;
  task->place = Task::Place::kEnded;
  task->outcome = std::move(outcome);
  task->may_hold_futures = true;
  op::Submit submit;
  if (!origin_of(asker, submit.origin)) return free_unpublished(*task, nullptr);
  submit.id = id;
  submit.spec = std::move(spec);
  tasks_[id] = task;
  task->submit = push(now, std::move(submit), task, false, asker.who, asker.number);
  commit_queue_.make_ended(now, task->submit);
}

void Brain::Impl::flush(Time now, const Waiter& who) {
  (void)now;
  (void)who;
  commit_queue_.make_all_due();
}

// ---- the thin ones of Brain ----

void Brain::session_opening(Time now, ClientId client, control::SessionId session, const std::string& program,
                            bool resume, std::uint64_t grace_ms, std::uint64_t opening) {
  impl_->session_opening(now, client, session, program, resume, grace_ms, opening);
}
void Brain::client_gone(Time now, ClientId client) { impl_->client_gone(now, client); }
void Brain::end_session(Time now, ClientId client, std::uint64_t number) { impl_->end_session(now, client, number); }

void Brain::submit(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec) {
  impl_->submit(now, asker, id, std::move(spec));
}

void Brain::put(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec,
                control::OutcomePtr outcome) {
  impl_->put(now, asker, id, std::move(spec), std::move(outcome));
}

void Brain::release(Time now, const Asker& asker, control::FutureId id) {
  impl_->recent_outcomes_.forget(id);
  impl_->change(now, asker, op::Release{{}, id}, false);
}

void Brain::cancel(Time now, const Asker& asker, control::FutureId id) {
  impl_->recent_outcomes_.forget(id);
  impl_->change(now, asker, op::Cancel{{}, id}, true);
}

void Brain::open_scope(Time now, const Asker& asker, control::ScopeId scope, control::ScopeId parent) {
  impl_->change(now, asker, op::OpenScope{{}, scope, parent}, false);
}

void Brain::end_scope(Time now, const Asker& asker, control::ScopeId scope) {
  impl_->change(now, asker, op::EndScope{{}, scope}, true);
}

void Brain::flush(Time now, const Waiter& who) { impl_->flush(now, who); }

}  // namespace morrow::worker
