// SPDX-License-Identifier: Apache-2.0
#include <iterator>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <variant>

#include "base/must.h"
#include "control/faults.h"
#include "worker/brain/brain.h"

// The store is full. What would free it stands in the queue behind what fills it, and a queue that is committed in
// order would wait for ever. So while there is no room, rounds are built of what may pass:
//
//   - Each change needs room of a kind (store::Room): a submit brings something new, an end completes what is there,
//     and a release, the end of a scope or of a session frees. The store keeps a reserve for the last two.
//   - A change passes when it needs less than what is left, and nothing stays behind that must stand before it: of the
//     same client, whose changes are counted and acknowledged in order; of the same execution; the submit of the future
//     that it is about.
//   - A driver's release mostly stands behind its own submits. It frees all the same: a copy of it is applied early,
//     without its number, and the release itself comes in its turn and finds nothing left to do. But not when a submit
//     stays behind that depends on the future: that one would find it gone.
//
// Nothing is run ahead of its commit meanwhile: its value would need room that its submit does not have.
//
// Every now and then an ordinary round asks whether there is room again. What waited for longer than its driver's
// patience ends as failed.
//
// To read: rounds.cc for the ordinary way, store/store.h for the kinds of room.
namespace morrow::worker {

namespace op = control::op;
using control::FailureKind;
using Place = HeldTask::Place;
using store::Room;

namespace {

const control::Origin* origin_in(const control::Op& change) {
  return std::visit(
      [](const auto& one) -> const control::Origin* {
        if constexpr (requires { one.origin; }) {
          return &one.origin;
        } else {
          return nullptr;
        }
      },
      change);
}

/// A value that adds nothing to speak of to the record of its future.
constexpr std::size_t kSmallBytes = 256;

bool gave_up(const control::OutcomePtr& outcome) { return outcome && outcome->failure == FailureKind::kStoreFull; }

/// A copy that is applied before its turn.
template <class Free>
Item early_copy(const Free& change) {
  Item copy;
  Free early = change;
  early.origin.early = true;
  copy.op = std::move(early);
  return copy;
}

}  // namespace

/// What stays behind in the queue, and so holds up what came after it.
struct Brain::LeftBehind {
  std::set<Waiter> clients;
  std::unordered_set<control::Claim> executions;
  std::set<control::FutureId> futures;  ///< that are submitted, or that a submit depends on

  void add(const Item& item) {
    if (item.number != 0) clients.insert(item.who);
    if (const control::Origin* origin = origin_in(item.op); origin != nullptr && origin->claim != 0)
      executions.insert(origin->claim);
    if (item.task && item.task->run.claim != 0) executions.insert(item.task->run.claim);
    if (const auto* submit = std::get_if<op::Submit>(&item.op)) {
      futures.insert(submit->id);
      futures.insert(submit->spec->dependencies.begin(), submit->spec->dependencies.end());
    }
  }

  bool hold_up(const Item& item) const {
    if (item.number != 0 && clients.contains(item.who)) return true;
    if (of_same_execution(item)) return true;
    const auto* await_op = std::get_if<op::Await>(&item.op);
    return await_op != nullptr && futures.contains(await_op->id);
  }

  bool of_same_execution(const Item& item) const {
    const control::Origin* origin = origin_in(item.op);
    if (origin != nullptr && executions.contains(origin->claim)) return true;
    return item.task && executions.contains(item.task->run.claim);
  }
};

Room room_of(const control::Op& change) {
  if (const auto* submit = std::get_if<op::Submit>(&change)) {
    return submit->how == op::Submit::How::kEnded && gave_up(submit->outcome) ? Room::kEnd : Room::kNew;
  }
  if (const auto* end = std::get_if<op::End>(&change)) {
    if (gave_up(end->outcome)) return Room::kFree;
    return end->outcome->bytes.size() > kSmallBytes ? Room::kNew : Room::kEnd;
  }
  const bool adds = std::holds_alternative<op::OpenScope>(change) || std::holds_alternative<op::AddReplica>(change) ||
                    std::holds_alternative<op::Lost>(change);
  return adds ? Room::kEnd : Room::kFree;
}

Room Brain::room_of(const Item& item) {
  if (const auto* submit = std::get_if<op::Submit>(&item.op)) {
    const control::Origin& origin = submit->origin;
    const bool stale =
        origin.kind == control::Origin::Kind::kSession && sessions_.find(origin.session, origin.attachment) == nullptr;
    if (stale) return Room::kFree;  // the store drops it
    const HeldTask& task = base::not_null(item.task, "a submit has a task");
    if (!is_overdue(item)) return Room::kNew;
    // It was given up, or is written as claimed, since it runs or has submitted something itself.
    const bool ended = task.place() == Place::kEnded;
    const bool small = task.place() == Place::kHanded || (ended && (task.ends_apart || gave_up(task.outcome)));
    return small || task.place() == Place::kDropped ? Room::kEnd : Room::kNew;
  }
  return worker::room_of(item.op);
}

/// Takes what may pass with so much room.
std::vector<Item> Brain::take_passing(Room room) {
  LeftBehind left;
  std::vector<Item> copies;
  std::vector<Item> taken =
      commits_.queue.take_if(setup_.knobs.max_round_ops, setup_.knobs.max_round_bytes, [&](Item& item) {
        if (room_of(item) >= room && !left.hold_up(item)) return true;
        const bool may_pass = room == Room::kFree && !control::planted(control::Fault::kHeldDeletions);
        if (may_pass && !item.passed && !left.of_same_execution(item)) {
          std::optional<Item> copy;
          if (const auto* release = std::get_if<op::Release>(&item.op)) {
            if (!left.futures.contains(release->id)) copy = early_copy(*release);
          } else if (const auto* cancel = std::get_if<op::Cancel>(&item.op)) {
            if (!left.futures.contains(cancel->id)) copy = early_copy(*cancel);
          } else if (const auto* end = std::get_if<op::EndScope>(&item.op)) {
            copy = early_copy(*end);
          }
          if (copy && copies.size() < setup_.knobs.max_round_ops) {
            item.passed = true;
            copies.push_back(std::move(*copy));
          }
        }
        left.add(item);
        return false;
      });
  std::move(copies.begin(), copies.end(), std::back_inserter(taken));
  return taken;
}

void Brain::build_round_while_full() {
  if (commits_.shortage.take_look(now_)) {
    give_up_overdue();
    commits_.queue.make_all_due();
    push_heartbeat();  // it passes as the next round; by the time between rounds it would never be due
    return start_round(commits_.queue.take(setup_.knobs.max_round_ops, setup_.knobs.max_round_bytes), Room::kNew);
  }
  for (const Room room : {Room::kFree, Room::kEnd}) {
    if (room == Room::kEnd && commits_.shortage.ends_wait()) continue;
    std::vector<Item> passing = take_passing(room);
    if (!passing.empty()) return start_round(std::move(passing), room);
  }
}

/// The store had no room for all of a round: `items` are those that were not committed.
void Brain::refused_by_store(std::vector<Item> items, Room room, std::string sentence) {
  if (room == Room::kEnd) commits_.shortage.ends_refused();
  commits_.queue.give_back(std::move(items));
  if (!commits_.shortage.refused(now_, std::move(sentence))) {
    // A look may take longer than the time between two: what passes has its turn first.
    if (room == Room::kNew) commits_.shortage.look_at(now_ + Shortage::kLookEvery);
    return;
  }
  backlog_.remove_uncommitted(Place::kStored);  // what runs now would fill the reserve with its value
  for (const auto& [id, session] : sessions_) tell_shortage(session);
}

void Brain::store_has_room() {
  commits_.shortage.is_over();
  for (const auto& [id, session] : sessions_) tell_shortage(session);
}

void Brain::tell_shortage(const SessionState& session) {
  if (session.client == 0) return;
  act(action::StoreRoom{session.client, commits_.shortage.on(),
                        commits_.shortage.on() ? commits_.shortage.sentence() : std::string()});
}

/// It waited for longer than its driver's patience, or that ends its session. What tasks submit may be of a detached
/// future, which goes on.
bool Brain::is_overdue(const Item& item) {
  const SessionState* session = sessions_.find(item.task->run.spec->session);
  const Time patience = session == nullptr ? kStorePatience : session->store_patience;
  const Time since = std::max(item.arrived, commits_.shortage.since());
  const control::Origin* origin = origin_in(item.op);
  const bool of_driver = origin != nullptr && origin->kind == control::Origin::Kind::kSession;
  const bool ending = of_driver && session != nullptr && session->ending;
  return ending || now_ - since >= patience;
}

void Brain::give_up_overdue() {
  commits_.queue.for_each([this](Item& item) {
    if (item.task && is_overdue(item)) give_up(item);
  });
}

void Brain::give_up(Item& item) {
  HeldTask& task = base::not_null(item.task, "only what has a task is given up");
  const auto* submit = std::get_if<op::Submit>(&item.op);
  auto* end = std::get_if<op::End>(&item.op);
  if (end != nullptr) {
    if (!end->outcome->ok()) return;
  } else if (submit == nullptr || task.ends_apart || task.place() == Place::kHanded ||
             task.place() == Place::kDropped || gave_up(task.outcome)) {
    return;
  }
  free_unpublished(task, nullptr);
  if (task.place() == Place::kBacklog) {
    backlog_.leave(task, Place::kEnded);
  } else if (task.place() != Place::kEnded) {
    task.move_to(Place::kEnded);
  }
  // With no words: it takes room itself, and the driver was told.
  task.outcome = std::make_shared<const control::Outcome>(control::Outcome{FailureKind::kStoreFull, {}, {}});
  task.may_hold_futures = false;
  if (end != nullptr) {
    end->outcome = task.outcome;
    end->may_hold_futures = false;
    return;
  }
  item.settled = true;
  if (waiting_.awaits.blocked_for(task.run.id)) waiting_.awaits.note_ended(task.run.id, now_);
}

void Brain::session_ending(Time now, ClientId client) {
  advance(now);
  commits_.queue.make_all_due();
  const SessionState* known = sessions_.of_client(client);
  if (known == nullptr) return;
  if (SessionState* session = sessions_.find(known->id)) session->ending = true;
  commits_.shortage.look_at(now_);
}

}  // namespace morrow::worker
