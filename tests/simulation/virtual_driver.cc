// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/virtual_driver.h"

#include <algorithm>
#include <utility>

namespace morrow::simulation {

using worker::Brain;
using worker::Waiter;

namespace {

constexpr Time kTryAgain = 50 * kMillisecond;
constexpr Time kRefusedFor = 5 * kSecond;
constexpr std::uint64_t kGraceMs = 60'000;

}  // namespace

/// A connection to one worker: both directions in order, each message with its own delay. What is said while nothing
/// gets through comes when something does again.
class VirtualDriver::Connection : public WorkerVoice, public std::enable_shared_from_this<Connection> {
 public:
  Connection(VirtualDriver& driver, VirtualWorker& worker) : driver_(&driver), world_(driver.world_), worker_(worker) {}

  void open(const VirtualWorker::Hello& hello) {
    client_ = worker_.connect(shared_from_this());
    up([this, hello] { worker_.hello(client_, hello); });
  }
  /// The driver hears nothing more; what it has said still arrives.
  void drop() {
    driver_ = nullptr;
    up([this] { worker_.client_gone(client_); });
  }
  void up(std::function<void()> event) {
    last_up_ =
        std::max({last_up_, world_.timeline.now() + world_.random.delay(world_.config.hop), worker_.hears_again()});
    world_.timeline.at(last_up_, [self = shared_from_this(), event = std::move(event)] { event(); });
  }
  void request(std::function<void(Brain&, Time)> request) {
    up([this, request = std::move(request)]() mutable { worker_.hear(client_, std::move(request)); });
  }
  void end_session(std::uint64_t number) {
    up([this, number] { worker_.end_session(client_, number); });
  }
  Waiter who() const { return Waiter{client_, 0}; }
  VirtualWorker& worker() { return worker_; }

  // WorkerVoice
  void welcome(std::uint64_t applied, const std::string& refused) override {
    down([applied, refused](VirtualDriver& driver) { driver.welcomed(applied, refused); });
  }
  void ready(const worker::action::Ready& ready) override {
    down([ready](VirtualDriver& driver) { driver.answered(ready); });
  }
  void ack(std::uint64_t number) override {
    down([number](VirtualDriver& driver) { driver.acknowledged(number); });
  }
  void session_ended() override {
    down([](VirtualDriver& driver) { driver.ended(); });
  }
  void lost() override {
    down([](VirtualDriver& driver) { driver.lost(); });
  }

 private:
  void down(std::function<void(VirtualDriver&)> event) {
    last_down_ =
        std::max({last_down_, world_.timeline.now() + world_.random.delay(world_.config.hop), worker_.speaks_again()});
    world_.timeline.at(last_down_, [self = shared_from_this(), event = std::move(event)] {
      if (self->driver_ != nullptr) event(*self->driver_);
    });
  }

  VirtualDriver* driver_;
  World world_;
  VirtualWorker& worker_;
  ClientId client_ = 0;
  Time last_up_ = 0;
  Time last_down_ = 0;
};

VirtualDriver::VirtualDriver(World world, PlanPtr plan)
    : world_(std::move(world)), plan_(std::move(plan)), session_(world_.fresh()) {}

VirtualDriver::~VirtualDriver() = default;

VirtualWorker* VirtualDriver::worker() const { return connection_ ? &connection_->worker() : nullptr; }

// ---- the connection ----

void VirtualDriver::connect() {
  if (over_) return;
  VirtualWorker* const worker = world_.pick_worker();
  if (worker == nullptr) return connect_soon();
  if (!was_welcome_) session_ = world_.fresh();  // one whose first open was never answered draws a new id
  connection_ = std::make_shared<Connection>(*this, *worker);
  connection_->open({session_, was_welcome_, kGraceMs, ++connections_});
  world_.timeline.after(world_.config.welcome_patience, [this, number = connections_] {
    if (number != connections_ || welcome_ || over_) return;
    drop_connection();
    connect();
  });
}

void VirtualDriver::connect_soon() {
  world_.timeline.after(kTryAgain, [this, number = connections_] {
    if (number == connections_ && !connection_) connect();
  });
}

void VirtualDriver::drop_connection() {
  welcome_ = false;
  ++connections_;
  if (connection_) std::exchange(connection_, nullptr)->drop();
}

void VirtualDriver::move() {
  if (!connection_ || over_) return;
  drop_connection();
  connect_soon();
}

void VirtualDriver::vanish() {
  over_ = true;
  drop_connection();
}

void VirtualDriver::lost() {
  if (over_) return;
  drop_connection();
  connect_soon();
}

void VirtualDriver::welcomed(std::uint64_t applied, const std::string& refused) {
  if (over_) return;
  if (!refused.empty()) {
    if (ending_) {
      // Its end was committed, and the answer lost with the connection.
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
}

// ---- changes ----

void VirtualDriver::keep(Change change) {
  kept_.push_back({++number_, std::move(change)});
  if (welcome_) send(kept_.back(), false);
}

void VirtualDriver::send(const Kept& kept, bool resent) {
  if (!kept.change) return connection_->end_session(kept.number);
  const Brain::Asker asker{connection_->who(), 0, kept.number, resent};
  connection_->request([change = kept.change, asker](Brain& brain, Time now) { change(brain, now, asker); });
}

void VirtualDriver::submit(FutureId id, const ChildPlan& child, std::vector<FutureId> dependencies,
                           std::vector<FutureId> given) {
  keep([id, spec = make_spec(child, std::move(dependencies), given, session_)](
           Brain& brain, Time now, const Brain::Asker& asker) { brain.submit(now, asker, id, spec); });
}

void VirtualDriver::release(FutureId id) {
  keep([id](Brain& brain, Time now, const Brain::Asker& asker) { brain.release(now, asker, id); });
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

// ---- the program ----

void VirtualDriver::work(Time time) {
  world_.timeline.after(time, [this] {
    if (!over_) go_on();
  });
}

void VirtualDriver::go_on() {
  script_->advance();
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
