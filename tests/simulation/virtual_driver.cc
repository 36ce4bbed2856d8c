// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/virtual_driver.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/driver_connection.h"

namespace morrow::simulation {

namespace {

constexpr Time kRefusedFor = 5 * kSecond;
constexpr std::uint64_t kGraceMs = 60'000;  ///< longer than all that keeps a driver from its workers
constexpr Time kReleased = 5 * kSecond;     ///< within so long a release is committed

}  // namespace

VirtualDriver::VirtualDriver(World world, PlanPtr plan)
    : world_(std::move(world)),
      plan_(std::move(plan)),
      session_(world_.fresh()),
      afar_(session_ % 2 != 0),
      signs_(world_.config.lease_ms) {}

VirtualDriver::~VirtualDriver() = default;

VirtualWorker* VirtualDriver::worker() const { return connection_ ? &connection_->worker() : nullptr; }

// ---- the connection ----

void VirtualDriver::connect() {
  if (over_) return;
  VirtualWorker* const worker = world_.pick_worker();
  if (worker == nullptr) return connect_soon();
  if (!was_welcome_) session_ = world_.fresh();  // one whose first open was never answered draws a new id
  connection_ = std::make_shared<Connection>(*this, *worker);
  connection_->open({session_, was_welcome_, kGraceMs, ++connections_, !afar_});
  world_.timeline.after(world_.config.welcome_patience, [this, number = connections_] {
    if (number != connections_ || welcome_ || over_) return;
    drop_connection();
    connect();
  });
}

void VirtualDriver::connect_after(Time time) {
  world_.timeline.after(time, [this, number = connections_] {
    if (number == connections_ && !connection_) connect();
  });
}

void VirtualDriver::drop_connection() {
  welcome_ = store_full_ = false;
  ++connections_;
  if (connection_) std::exchange(connection_, nullptr)->drop();
}

void VirtualDriver::move() {
  if (!connection_ || over_) return;
  drop_connection();
  connect_soon();
}

void VirtualDriver::nap() {
  if (!welcome_ || over_) return;
  napped_ = true;
  drop_connection();
  // Its grace is counted from heartbeat to heartbeat.
  connect_after(kGraceMs * kMillisecond + world_.random.below(2 * kSecond));
}

/// Just when a worker is about to end its session.
void VirtualDriver::wake() {
  if (napped_ && !connection_ && !over_) connect_after(world_.random.delay(kMillisecond));
}

void VirtualDriver::vanish() {
  over_ = true;
  drop_connection();
}

/// As Driver::run_life: turn by turn, as long as this connection lasts.
void VirtualDriver::prove_life() {
  world_.timeline.after(static_cast<Time>(signs_.period().count()) * kMillisecond, [this, connection = connections_] {
    if (connection == connections_ && !over_) look_at_signs();
  });
}

void VirtualDriver::look_at_signs() {
  if (signs_.turn(connection_->heard(), connection_->said())) {
    connection_->beat();
    signs_.beat_sent(connection_->said());
  }
  if (!signs_.is_silent()) return prove_life();
  if (worker()->open() &&
      worker()->was_mute() - connection_->mute_when_heard() < world_.config.lease_ms * kMillisecond / 6)
    wrong("It leaves a worker that spoke.");
  drop_connection();
  connect();
}

void VirtualDriver::lost() {
  if (over_) return;
  drop_connection();
  connect_soon();
}

void VirtualDriver::welcomed(std::uint64_t applied, const std::string& refused) {
  if (over_) return;
  if (!refused.empty()) {
    if (ending_ || napped_) {
      // Its end was committed, and the answer lost with the connection; or it was away for too long.
      over_ = true;
      return drop_connection();
    }
    // One that is about to stop refuses too; another one may take us.
    const Time now = world_.timeline.now();
    if (refused_since_ == 0) refused_since_ = now;
    if (now - refused_since_ >= kRefusedFor) {
      wrong("It was refused: " + refused);
      over_ = true;
    }
    drop_connection();
    return connect_soon();
  }
  refused_since_ = 0;
  welcome_ = true;
  signs_ = wire::SignsOfLife(world_.config.lease_ms);
  prove_life();
  if (applied < acknowledged_) {
    return wrong("Acknowledged were " + std::to_string(acknowledged_) + " changes, committed " +
                 std::to_string(applied));
  }
  acknowledged(applied);
  if (!std::exchange(was_welcome_, true)) {
    script_ = std::make_unique<Script>(*this, *plan_, std::vector<control::OutcomePtr>{}, std::vector<FutureId>{},
                                       world_.random);
    return go_on();
  }
  for (const Kept& kept : kept_) send(kept, true);
  for (const auto& [token, question] : questions_) send_question(question);
  if (flushing_ != 0) send_flush();
  if (find_token_ != 0) connection_->find(find_token_, find_name_);
}

// ---- changes ----

void VirtualDriver::keep(Change change, std::vector<FutureId> submitted) {
  kept_.push_back({++number_, std::move(change), std::move(submitted)});
  if (welcome_) send(kept_.back(), false);
}

void VirtualDriver::send(const Kept& kept, bool resent) {
  if (!kept.change) return connection_->end_session(kept.number);
  const Brain::Asker asker{connection_->who(), 0, kept.number, resent};
  connection_->request([change = kept.change, asker](Brain& brain, Time now) { change(brain, now, asker); });
}

void VirtualDriver::submit(FutureId id, const ChildPlan& child, std::vector<FutureId> dependencies,
                           std::vector<FutureId> given) {
  std::vector<FutureId> submitted = dependencies;
  submitted.push_back(id);
  keep([id, spec = make_spec(child, std::move(dependencies), given, session_)](
           Brain& brain, Time now, const Brain::Asker& asker) { brain.submit(now, asker, id, spec); },
       std::move(submitted));
}

void VirtualDriver::release(FutureId id) {
  keep([id](Brain& brain, Time now, const Brain::Asker& asker) { brain.release(now, asker, id); });
  look_for_release(id);
}

/// While the store is full a release passes what waits there for room, but no submit that needs the future.
void VirtualDriver::look_for_release(FutureId id) {
  const bool needed = std::any_of(kept_.begin(), kept_.end(), [id](const Kept& kept) {
    return std::find(kept.submitted.begin(), kept.submitted.end(), id) != kept.submitted.end();
  });
  if (!store_full_ || !worker()->open() || needed || world_.config.outages + world_.config.silences != 0) return;
  world_.timeline.after(kReleased, [this, id, connection = connections_, was_away = worker()->was_away()] {
    const bool undisturbed =
        connection == connections_ && store_full_ && worker()->open() && worker()->was_away() == was_away;
    if (undisturbed && !over_ && !world_.is_released(id)) wrong("A release waits since the store is full.");
  });
}

void VirtualDriver::cancel(FutureId id) {
  keep([id](Brain& brain, Time now, const Brain::Asker& asker) { brain.cancel(now, asker, id); });
}

void VirtualDriver::open_scope(ScopeId scope, ScopeId parent) {
  keep([scope, parent](Brain& brain, Time now, const Brain::Asker& asker) {
    brain.open_scope(now, asker, scope, parent);
  });
}

void VirtualDriver::end_scope(ScopeId scope) {
  keep([scope](Brain& brain, Time now, const Brain::Asker& asker) { brain.end_scope(now, asker, scope); });
}

/// Its process ends, and the kernel closes the connection.
void VirtualDriver::ended() {
  over_ = true;
  drop_connection();
}

void VirtualDriver::acknowledged(std::uint64_t number) {
  while (!kept_.empty() && kept_.front().number <= number) kept_.pop_front();
  acknowledged_ = std::max(acknowledged_, number);
  if (flushing_ == 0 || acknowledged_ < flushing_) return;
  flushing_ = 0;
  go_on();
}

void VirtualDriver::flush() {
  if (acknowledged_ >= number_) return work(1);
  flushing_ = number_;
  if (welcome_) send_flush();
}

void VirtualDriver::send_flush() {
  connection_->request([who = connection_->who()](Brain& brain, Time now) { brain.flush(now, who); });
}

// ---- waiting ----

std::uint64_t VirtualDriver::ask(std::vector<FutureId> ids, std::uint32_t need, bool poll, bool) {
  Brain::AwaitRequest question;
  question.token = world_.fresh();
  question.ids = std::move(ids);
  question.need = need;
  question.poll = poll;
  questions_[question.token] = question;
  if (welcome_) send_question(question);
  return question.token;
}

void VirtualDriver::send_question(const Brain::AwaitRequest& question) {
  connection_->request(
      [who = connection_->who(), question](Brain& brain, Time now) { brain.await(now, who, question); });
}

void VirtualDriver::unask(std::uint64_t token) {
  if (!welcome_) return;
  connection_->request([who = connection_->who(), token](Brain& brain, Time now) { brain.unawait(now, who, token); });
}

void VirtualDriver::answered(const worker::action::Ready& ready) {
  if (over_ || !script_ || !script_->answered(ready.token, ready.index, ready.outcome, ready.pending)) return;
  questions_.erase(ready.token);
  go_on();
}

void VirtualDriver::find(const std::string& name) {
  find_token_ = world_.fresh();
  find_name_ = name;
  if (welcome_) connection_->find(find_token_, find_name_);
}

void VirtualDriver::found(std::uint64_t token, FutureId id, bool complete) {
  if (over_ || token != find_token_) return;
  find_token_ = 0;
  if (complete) world_.kept(find_name_);
  script_->found(id, complete);
  after_step();
}

// ---- the program ----

void VirtualDriver::work(Time time) {
  world_.timeline.after(time, [this] {
    if (!over_) go_on();
  });
}

void VirtualDriver::go_on() {
  script_->advance();
  after_step();
}

void VirtualDriver::after_step() {
  if (script_->state() == Script::State::kEnded && !std::exchange(ending_, true)) end();
}

void VirtualDriver::end() { keep(nullptr); }

void VirtualDriver::wrong(const std::string& sentence) {
  world_.wrong("Driver " + std::to_string(session_) + ": " + sentence);
}

std::string VirtualDriver::text() const {
  std::string out = "driver " + std::to_string(session_) + (welcome_ ? "" : " (not connected)");
  if (ending_) return out + " waits for the end of its session";
  if (flushing_ != 0) return out + " waits for a flush";
  return out + " waits for " + (script_ ? script_->waits_for() : "its session");
}

}  // namespace morrow::simulation
