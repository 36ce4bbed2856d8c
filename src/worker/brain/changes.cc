// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "control/faults.h"
#include "worker/brain/brain.h"
#include "worker/brain/worker_failure.h"

// What clients ask for. Each change goes into the commit queue with its origin, by which the store fences it; a submit
// without dependencies goes to the backlog at once, ahead of its commit.
namespace morrow::worker {

namespace op = control::op;
using Place = HeldTask::Place;

void Brain::session_opening(Time now, ClientId client, control::SessionId session, const std::string& program,
                            bool resume, std::uint64_t grace_ms, std::uint64_t opening, Time store_patience) {
  advance(now);
  if (!resume) starting_.programs.forget(program);  // what was missing may be there by now
  starting_.idle.note(program);
  SessionState& state = sessions_.open(session, client, random_.draw(), program);
  state.store_patience = store_patience;
  state.ending = false;
  op::OpenSession open{session, state.attachment, program, grace_ms, resume, opening};
  push(std::move(open), nullptr, true, Waiter{client, 0});
}

void Brain::client_gone(Time now, ClientId client) {
  advance(now);
  drop_awaits(Waiter{client, 0});
  sessions_.drop_client(client);
}

void Brain::end_session(Time now, ClientId client, std::uint64_t number) {
  advance(now);
  const SessionState* session = sessions_.of_client(client);
  if (session == nullptr) return;
  change(Asker{Waiter{client, 0}, 0, number, false}, op::EndSession{{}, session->id, session->attachment}, true);
}

/// False: nobody may ask by this name any more.
bool Brain::origin_of(const Asker& asker, control::Origin& origin) {
  if (asker.claim == 0) {
    const SessionState* session = sessions_.of_client(asker.who.client);
    if (session == nullptr) return false;
    origin.kind = control::Origin::Kind::kSession;
    origin.session = session->id;
    origin.attachment = session->attachment;
    origin.number = asker.number;
    return true;
  }
  const HeldTaskPtr& task = tasks_.with_claim(asker.claim);
  if (!task || task->place() != Place::kHanded) return false;  // a zombie speaks
  task->ends_apart = true;
  origin.kind = control::Origin::Kind::kExecution;
  origin.future = task->run.id;
  origin.claim = asker.claim;
  return true;
}

template <class O>
void Brain::change(const Asker& asker, O change_op, bool due) {
  if (!origin_of(asker, change_op.origin)) return;
  push(std::move(change_op), nullptr, due, asker.who, asker.number);
}

HeldTaskPtr Brain::new_task(control::FutureId id, control::SpecPtr spec) {
  auto task = std::make_shared<HeldTask>();
  task->run.id = id;
  task->run.spec = std::move(spec);
  task->run.claim = random_.draw();
  task->arrived = now_;
  return task;
}

void Brain::submit(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec_ptr) {
  advance(now);
  op::Submit submit;
  if (!origin_of(asker, submit.origin)) return;
  submit.id = id;
  submit.spec = spec_ptr;
  const HeldTaskPtr task = new_task(id, std::move(spec_ptr));
  const control::Spec& spec = *task->run.spec;
  const bool could_fit = ledger_.could_fit(spec.requirements);
  if (!could_fit && !others_.view.someone_could_run(spec.requirements)) {
    if (spec.fail_if_unschedulable) {
      task->move_to(Place::kEnded);
      task->outcome =
          make_failure(control::FailureKind::kUnschedulable,
                       "it needs " + spec.requirements.text() + ", and no worker of the cluster has that much" +
                           others_.view.largest_worker() + "; ask for less, or start a larger worker",
                       &spec, setup_.info.name, 0);
    } else {
      tell_unschedulable(spec);
    }
  }
  // A resent submit may have killed the worker it ran on: it is committed first, with that try counted. One that may
  // run once alone never runs ahead: then it has not run when it is sent again. Nor does one whose name may be taken.
  const bool once = spec.max_retries == 0 && asker.claim == 0 && !control::planted(control::Fault::kOnceAhead);
  const bool resent = asker.resent && !control::planted(control::Fault::kResentAhead);
  const bool ahead = !resent && !once && !spec.detached && task->place() != Place::kEnded &&
                     spec.dependencies.empty() && !leaves() && !commits_.shortage.on() && could_fit &&
                     !left_to_others(spec);
  if (resent && !once) submit.tries = task->run.tries = 1;
  tasks_.add(task);
  task->submit = push(std::move(submit), task, !ahead, asker.who, asker.number);
  // What tasks submit goes first, the latest first: so a tree of tasks is walked depth first and few of them stand
  // open.
  if (ahead) enter_backlog(task, asker.claim != 0);
}

void Brain::put(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec,
                control::OutcomePtr outcome) {
  advance(now);
  op::Submit submit;
  submit.id = id;
  submit.spec = spec;
  const HeldTaskPtr task = new_task(id, std::move(spec));
  task->move_to(Place::kEnded);
  task->outcome = std::move(outcome);
  task->may_hold_futures = true;
  if (!origin_of(asker, submit.origin)) return free_unpublished(*task, nullptr);
  tasks_.add(task);
  task->submit = push(std::move(submit), task, false, asker.who, asker.number);
  commits_.queue.make_ended(now_, task->submit);
}

void Brain::release(Time now, const Asker& asker, control::FutureId id) {
  advance(now);
  waiting_.recent_outcomes.forget(id);
  change(asker, op::Release{{}, id}, false);
}

void Brain::cancel(Time now, const Asker& asker, control::FutureId id) {
  advance(now);
  waiting_.recent_outcomes.forget(id);
  change(asker, op::Cancel{{}, id}, true);
}

void Brain::cancel_by_order(Time now, control::FutureId id) {
  advance(now);
  waiting_.recent_outcomes.forget(id);
  push(op::Cancel{{}, id}, nullptr, true);
}

void Brain::open_scope(Time now, const Asker& asker, control::ScopeId scope, control::ScopeId parent) {
  advance(now);
  change(asker, op::OpenScope{{}, scope, parent}, false);
}

void Brain::end_scope(Time now, const Asker& asker, control::ScopeId scope) {
  advance(now);
  change(asker, op::EndScope{{}, scope}, true);
}

void Brain::flush(Time now, const Waiter&) {
  advance(now);
  commits_.queue.make_all_due();
}

}  // namespace morrow::worker
