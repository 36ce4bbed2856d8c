// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>

#include <random>
#include <set>
#include <utility>

#include "tests/control/world.h"

// Random sequences of transitions by several workers, with transactions of others landing between any two steps,
// conflicts and lost answers. The invariants are checked after each commit; at the end everything terminates and no key
// is left.
namespace morrow::control {
namespace {

struct Held {
  FutureId id;
  Claim claim = 0;
  std::uint64_t sequence = 0;  // of what it submits
};

struct Driver {
  SessionId session = 0;
  std::uint64_t attachment = 0;
  std::uint64_t number = 0;
  std::uint64_t sequence = 0;
  std::size_t worker = 0;
  std::vector<ScopeId> scopes;
  std::vector<op::Submit> sent;  // for resending
  bool ended = false;
};

struct Worker {
  explicit Worker(std::shared_ptr<store::SimDatabase> database, Incarnation number)
      : incarnation(number), store(std::move(database)), committer(store, number) {}
  Incarnation incarnation;
  store::SimStore store;
  Committer committer;
  std::vector<Held> held;
  bool alive = true;
  bool busy = false;
};

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed)
      : random_(seed), database_(std::make_shared<store::SimDatabase>()), invariants_(*database_) {
    database_->hooks.committed = [this](const store::Commit& commit) {
      for (const std::string& sentence : invariants_.committed(commit)) violations.insert(sentence);
    };
    for (int i = 0; i < 3; ++i) add_worker();
    for (int i = 0; i < 2; ++i) open_driver();
    database_->hooks.fate = [this](const store::Commit&) { return fate(); };
    database_->hooks.step = [this] { step(); };
  }

  std::set<std::string> violations;

  void run(int actions) {
    for (int i = 0; i < actions && violations.empty(); ++i) act(true);
  }

  /// Ends all sessions, lets the dead be evicted, and works off what is left. Gives the keys that stay.
  std::vector<std::string> wind_up() {
    calm_ = true;
    while (database_->in_flight() > 0) database_->land(0);
    Worker& last = *workers_.front();
    for (Driver& driver : drivers_) {
      if (!driver.ended) end_driver(driver);
    }
    for (const char* name : {"a", "b", "c"}) {
      if (const auto detached = find_named(last.store, name)) commit(last, {op::Release{{}, detached->id}});
    }
    for (int rounds = 0; rounds < 200; ++rounds) {
      for (auto& worker : workers_) {
        if (worker->alive) work_off(*worker);
      }
      for (const WorkerSeen& seen : workers(last.store)) {
        const bool dead = std::none_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
          return worker->alive && worker->incarnation == seen.info.incarnation;
        });
        if (dead) evict(last, seen);
      }
      for (const OrphanSession& orphan : orphan_sessions(last.store)) {
        commit(last, {op::EndSession{{}, orphan.session, orphan.attachment}});
      }
    }
    for (auto& worker : workers_) {
      if (worker->alive) leave(worker->store, worker->incarnation);
    }
    std::vector<std::string> left;
    for (const std::string& key : all_keys(*database_)) {
      if (key != keys::schema()) left.push_back(readable(key));
    }
    return left;
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  bool chance(int percent) { return draw(100) < static_cast<std::uint64_t>(percent); }
  Claim fresh() { return ++next_; }

  store::Fate fate() {
    if (calm_ || !chance(15)) return store::Fate::kNormal;
    switch (draw(4)) {
      case 0:
        return store::Fate::kConflict;
      case 1:
        return store::Fate::kUnknownApplied;
      case 2:
        return store::Fate::kUnknownNotApplied;
      default:
        return store::Fate::kUnknownLater;
    }
  }

  /// Before each read and commit: late commits land, others commit.
  void step() {
    if (calm_ || depth_ > 1) return;
    if (database_->in_flight() > 0 && chance(20)) database_->land(draw(database_->in_flight()));
    if (!chance(4)) return;
    act(false);
  }

  void add_worker() {
    workers_.push_back(std::make_unique<Worker>(database_, 0x1000 + fresh()));
    WorkerInfo info;
    info.incarnation = workers_.back()->incarnation;
    join(workers_.back()->store, info);
  }

  void open_driver() {
    Driver driver;
    driver.session = fresh();
    driver.attachment = fresh();
    op::OpenSession open;
    open.session = driver.session;
    open.attachment = driver.attachment;
    commit(*workers_[0], {open});
    drivers_.push_back(driver);
  }

  RoundResult commit(Worker& worker, std::vector<Op> ops) {
    const Round round{worker.incarnation, std::move(ops)};
    const bool busy = std::exchange(worker.busy, true);
    RoundResult result = worker.committer.run(round);
    worker.busy = busy;
    if (result.fenced) {
      worker.held.clear();
      return result;
    }
    for (std::size_t i = 0; i < result.results.size(); ++i) {
      const OpResult& one = result.results[i];
      if (one.verdict == Verdict::kClaimed) worker.held.push_back({one.runnable.id, one.runnable.claim, 0});
    }
    return result;
  }

  FutureId any_future() { return known_.empty() ? FutureId{1, 1} : known_[draw(known_.size())]; }

  SpecPtr any_spec() {
    std::vector<FutureId> dependencies;
    while (chance(40)) dependencies.push_back(any_future());
    auto spec = std::make_shared<Spec>(*make_spec(dependencies, 1'000'000 * (1 + draw(2))));
    spec->max_retries = static_cast<std::uint32_t>(draw(3));
    spec->retry_exceptions = chance(50);
    return spec;
  }

  op::Submit any_submit(const Origin& origin, FutureId id) {
    op::Submit submit;
    submit.origin = origin;
    submit.id = id;
    submit.spec = any_spec();
    submit.claim = fresh();
    const std::uint64_t how = draw(5);
    submit.how = how < 2 ? op::Submit::How::kIndex : op::Submit::How::kClaim;
    if (how == 4 && submit.spec->dependencies.empty()) {
      submit.how = op::Submit::How::kEnded;
      submit.outcome = value("ahead");
    }
    known_.push_back(id);
    return submit;
  }

  /// Under one of few names, which may be taken.
  void detach(op::Submit& submit) {
    auto spec = std::make_shared<Spec>(*submit.spec);
    spec->detached = true;
    spec->name = std::string(1, static_cast<char>('a' + draw(3)));
    submit.spec = std::move(spec);
  }

  Origin numbered(Driver& driver) {
    Origin origin;
    origin.kind = Origin::Kind::kSession;
    origin.session = driver.session;
    origin.attachment = driver.attachment;
    origin.number = ++driver.number;
    return origin;
  }

  Worker* free_worker() {
    Worker& worker = *workers_[draw(workers_.size())];
    return worker.busy || !worker.alive ? nullptr : &worker;
  }

  /// One action of one worker; another's may land inside of it.
  void act(bool top) {
    Worker* worker = free_worker();
    if (worker == nullptr) return;
    worker->busy = true;
    ++depth_;
    act_as(*worker, top);
    --depth_;
    worker->busy = false;
  }

  void act_as(Worker& worker, bool top) {
    switch (draw(top ? 18 : 15)) {
      case 0:
      case 1:
      case 2:
        return drive(worker);
      case 3:
      case 4:
      case 5:
        return end_one(worker);
      case 6:
      case 7:
        return execute(worker);
      case 8:
        return take(worker);
      case 9:
        commit(worker, {op::Await{any_future()}});
        return;
      case 10:
        commit(worker, {op::Unawait{any_future()}});
        return;
      case 11:
        commit(worker, {op::Drain{static_cast<std::uint32_t>(1 + draw(5))}});
        return;
      case 12:
      case 13:
        work_off(worker);
        return;
      case 14:
        commit(worker, {op::Cancel{{}, any_future()}});
        return;
      case 15:
        return move(worker);
      case 16:
        return kill(worker);
      default:
        if (chance(20)) return end_any_driver();
    }
  }

  void drive(Worker& worker) {
    for (Driver& driver : drivers_) {
      if (driver.ended || workers_[driver.worker].get() != &worker) continue;
      std::vector<Op> ops;
      for (std::uint64_t n = 1 + draw(4); n > 0; --n) {
        const ScopeId scope =
            driver.scopes.empty() || chance(60) ? driver.session : driver.scopes[draw(driver.scopes.size())];
        switch (draw(9)) {
          case 0:
            ops.emplace_back(op::Release{numbered(driver), any_future()});
            break;
          case 1:
            driver.scopes.push_back(fresh());
            ops.emplace_back(op::OpenScope{numbered(driver), driver.scopes.back(), scope});
            break;
          case 2:
            if (driver.scopes.empty()) break;
            ops.emplace_back(op::EndScope{numbered(driver), driver.scopes.back()});
            driver.scopes.pop_back();
            break;
          case 3:
            driver.scopes.push_back(fresh());
            ops.emplace_back(op::OpenScope{numbered(driver), driver.scopes.back(), scope});
            driver.sent.push_back(any_submit(numbered(driver), {driver.scopes.back(), ++driver.sequence}));
            detach(driver.sent.back());
            ops.emplace_back(driver.sent.back());
            break;
          default:
            driver.sequence += 1 + draw(100);
            driver.sent.push_back(any_submit(numbered(driver), {scope, driver.sequence}));
            ops.emplace_back(driver.sent.back());
        }
      }
      commit(worker, std::move(ops));
      return;
    }
  }

  void end_one(Worker& worker) {
    if (worker.held.empty()) return;
    const std::size_t at = draw(worker.held.size());
    const Held held = worker.held[at];
    worker.held.erase(worker.held.begin() + static_cast<std::ptrdiff_t>(at));
    if (chance(15)) {
      commit(worker, {op::Relinquish{held.id, held.claim}});
      return;
    }
    OutcomePtr outcome = value("v" + std::to_string(held.claim));
    if (chance(30)) outcome = failure(chance(50) ? FailureKind::kCrash : FailureKind::kException);
    commit(worker, {op::End{held.id, held.claim, outcome, chance(50), chance(50) ? fresh() : 0}});
  }

  void execute(Worker& worker) {
    if (worker.held.empty()) return;
    Held& held = worker.held[draw(worker.held.size())];
    Origin origin;
    origin.kind = Origin::Kind::kExecution;
    origin.future = held.id;
    origin.claim = held.claim;
    std::vector<Op> ops;
    if (chance(20)) ops.emplace_back(op::OpenScope{origin, fresh(), held.claim});
    ops.emplace_back(any_submit(origin, {held.claim, ++held.sequence}));
    if (chance(30)) ops.emplace_back(op::Release{origin, any_future()});
    commit(worker, std::move(ops));
  }

  void take(Worker& worker) {
    ClaimRequest request;
    request.incarnation = worker.incarnation;
    request.free.cpu_micro = 1'000'000 * draw(4);
    request.limit = static_cast<std::uint32_t>(draw(3));
    request.ahead = static_cast<std::uint32_t>(draw(2));
    request.claims = {fresh(), fresh(), fresh(), fresh()};
    request.random = random_();
    if (chance(30)) request.by_id = {any_future()};
    Resources total;
    total.cpu_micro = 4'000'000;
    ClaimTries tries;
    const ClaimResult result = claim(worker.store, request, total, tries);
    for (const Runnable& one : result.taken) worker.held.push_back({one.id, one.claim, 0});
  }

  void work_off(Worker& worker) {
    fanout_step(worker.store, worker.incarnation);
    for (const ScopeId scope : endings(worker.store)) ending_step(worker.store, worker.incarnation, scope);
    for (const FutureId& id : pending_checks(worker.store, worker.incarnation, 20))
      commit(worker, {op::Check{id, chance(50) ? fresh() : 0}});
    if (calm_) commit(worker, {op::Drain{}});
  }

  /// The driver moves; its old worker, paused, then commits what it had buffered.
  void move(Worker& to) {
    Driver& driver = drivers_[draw(drivers_.size())];
    if (driver.ended) return;
    op::OpenSession open;
    open.session = driver.session;
    open.attachment = fresh();
    open.reopen = true;
    const Driver before = driver;
    commit(to, {open});
    driver.attachment = open.attachment;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i].get() == &to) driver.worker = i;
    }
    Worker& old = *workers_[before.worker];
    if (old.busy || before.sent.empty()) return;
    std::vector<Op> stale{before.sent.back()};
    for (const OpResult& one : commit(old, stale).results) {
      if (one.verdict != Verdict::kStale && &old != &to)
        violations.insert("A message of an old attachment was applied.");
    }
  }

  void evict(Worker& by, const WorkerSeen& seen) {
    bool moved = false;
    const bool busy = std::exchange(by.busy, true);
    for (int i = 0; i < 1000 && evict_step(by.store, by.incarnation, seen.info.incarnation, seen.round, moved); ++i) {
    }
    by.busy = busy;
  }

  /// The worker stops; it is evicted, and then goes on as if nothing had been.
  void kill(Worker& worker) {
    if (&worker == workers_.front().get() || workers_.front()->busy) return;
    worker.alive = false;
    for (const WorkerSeen& seen : workers(worker.store)) {
      if (seen.info.incarnation == worker.incarnation) evict(*workers_.front(), seen);
    }
    const auto round = [&] { return worker.committer.run(Round{worker.incarnation, {op::Await{any_future()}}}); };
    if (tombstones(worker.store).empty() && !round().fenced) violations.insert("A evicted worker committed.");
    add_worker();
    for (Driver& driver : drivers_) {
      if (workers_[driver.worker]->alive || driver.ended) continue;
      move_orphan(driver);
    }
  }

  void move_orphan(Driver& driver) {
    op::OpenSession open;
    open.session = driver.session;
    open.attachment = fresh();
    open.reopen = true;
    driver.attachment = open.attachment;
    driver.worker = 0;
    commit(*workers_.front(), {open});
  }

  void end_driver(Driver& driver) {
    driver.ended = true;
    Worker& worker = *workers_[driver.worker];
    if (!worker.alive) return;
    commit(worker, {op::EndSession{numbered(driver), driver.session, driver.attachment}});
  }

  void end_any_driver() {
    Driver& driver = drivers_[draw(drivers_.size())];
    if (driver.ended || workers_[driver.worker]->busy || workers_[0]->busy) return;
    end_driver(driver);
    open_driver();
  }

  std::mt19937_64 random_;
  std::shared_ptr<store::SimDatabase> database_;
  Invariants invariants_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Driver> drivers_;
  std::vector<FutureId> known_;
  std::uint64_t next_ = 100;
  int depth_ = 0;
  bool calm_ = false;
};

void play(std::uint64_t seed, int actions) {
  Cluster cluster(seed);
  cluster.run(actions);
  for (const std::string& sentence : cluster.violations) RC_LOG(sentence);
  RC_ASSERT(cluster.violations.empty());
  const auto left = cluster.wind_up();
  for (const std::string& sentence : cluster.violations) RC_LOG(sentence);
  for (const std::string& key : left) RC_LOG("left: " + key);
  RC_ASSERT(cluster.violations.empty());
  RC_ASSERT(left.empty());
}

TEST(RandomTest, TheInvariantsHoldAfterEachCommitAndAtTheEndNoKeyIsLeft) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) { play(seed, 120); }));
}

}  // namespace
}  // namespace morrow::control
