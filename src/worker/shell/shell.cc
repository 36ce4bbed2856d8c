// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/shell.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/monotonic_clock.h"
#include "base/random_id.h"
#include "control/cluster.h"
#include "wire/claim_words.h"

// One thread does all of a worker but the store, large values and the port. What matters here is how much each turn of
// its loop costs, since a small task passes it twice:
//
//   turn:  decide --> wait for an event --> take in what else is ready --.
//            ^---------------------------------------------------------'
//   decide: brain.step --> carry out its actions --> write once to each socket
//
// - The brain decides once for all that came in together, with one look at the clock: so ten messages of a driver make
//   one round and one write. But only what is ready at once is taken in (kHandlersATurn, kBytesATurn): executors wait
//   for the decisions while a busy driver goes on to send.
// - Carrying out may bring events at once (a task taken back, a value that is here): then the brain decides again, a
// few
//   times at most.
// - While a brief task runs or a commit is on its way, the loop spins for some microseconds before it sleeps.
//
// To read next: worker/brain/brain.h for what is decided, shell_means.cc for how the parts are tied together.
namespace morrow::worker {

namespace {

constexpr std::uint64_t kStopWithinMs = 5'000;
constexpr std::uint64_t kPrivateStopWithinMs = 100;
/// A timer that fires sooner costs more than it gains.
constexpr Time kFinestTimer = 500'000;
constexpr int kPassesATurn = 4;
constexpr int kHandlersATurn = 64;
constexpr std::size_t kBytesATurn = 128 << 10;

ShellOptions with_incarnation(ShellOptions options) {
  options.info.incarnation = base::random_id();
  const ProcessIdentity process = own_process();
  options.info.pid_space = process.space;
  options.info.started_ticks = process.started_ticks;
  options.info.started_unix_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  options.knobs.claim_slots = wire::ClaimWords::kSlots;
  return options;
}

}  // namespace

Shell::Shell(boost::asio::io_context& io, ShellOptions options, Logs& logs)
    : io_(io),
      options_(with_incarnation(std::move(options))),
      logs_(logs),
      store_actions_(post_to_store(), options_.info, store_events()),
      peers_({options_.cluster, options_.info.incarnation, options_.info.address, options_.encrypt,
              options_.private_worker}),
      store_(io, [this] { return open_store(); }, {.inline_mode = options_.inline_store, .log = warn()}),
      brain_(Brain::Setup{options_.info.incarnation, options_.info, base::random_id(), options_.knobs}),
      tasks_{
          TaskStarter(
              starter_means(),
              {options_.info.name, options_.objects.room_within_ms, static_cast<std::uint32_t>(base::random_id())},
              starter_events()),
          TaskOutput(output_means(), {options_.info.name, logs_.folder(), logs_.tasks_file(), options_.private_worker}),
          LeftOutLines(post_to_store(), call_later(), options_.info.incarnation),
          ExecutorTable(executor_means(), {options_.info.name, options_.info.incarnation}, executor_events(),
                        tasks_.starter, tasks_.output),
          MemoryWatch(memory_means()),
          NestedWatch(nested_means())},
      values_{
          ValueAnswers(value_means(), {options_.info.name, options_.info.incarnation}, value_events()),
          ObjectTransfers(transfer_means(), {options_.info.incarnation, options_.lease_ms}), Copies(copies_means()),
          HandOver(hand_over_means(), {options_.info.incarnation, options_.hand_over_ms}),
          SpillNotices(
              {.has_driver = [this](control::SessionId session) { return drivers_.sessions.client_of(session) != 0; },
               .tell = [this](control::SessionId session, const std::string& sentence) { tell(session, sentence); }},
              options_.objects.memory)},
      drivers_{DriverSessions(
                   session_means(),
                   {options_.cluster, options_.info.name, options_.info.incarnation, options_.private_worker, seal_},
                   session_events()),
               DriverSigns(sign_means(), options_.lease_ms),
               NamedFutures({post_to_store(),
                             [this](const Waiter& to, wire::FrameType type,
                                    const google::protobuf::MessageLite& message) { send(to, type, message); }}),
               ChangeRequests(change_means(), brain_, values_.answers)},
      questions_{Why(why_means(), options_.info.incarnation), {}, RecentFailures(options_.info.name)},
      objects_(io, options_.objects, object_events(), std::move(options_.kept.objects)),
      pool_(
          io,
          [this](std::function<void(store::Store&)> job, std::function<void()> done) {
            store_.post(StoreLane::kClaim, std::move(job), std::move(done));
          },
          tasks_.executors, pool_options()),
      clients_(io, *this, warn(), options_.kept.last_client),
      relay_(io, store_,
             {options_.cluster, options_.info.name, logs_.tasks_file(),
              [this](control::SessionId session, std::uint64_t lines) {
                tasks_.left_out.add(session, logs_.tasks_file(), lines);
              }}),
      maintenance_(io, store_, options_.info.incarnation, options_.lease_ms, upkeep_events()),
      loop_{.alarm = {boost::asio::steady_timer(io)}},
      ending_{.timer = boost::asio::steady_timer(io), .drain_timer = boost::asio::steady_timer(io)} {
  store_.on_broken([this](const std::string& sentence) {
    logs_.warn(sentence + "; this worker ends");
    finish(End::kBroken);
  });
  store_.on_uploads_wait([this](const std::string& sentence) { drivers_.sessions.uploads_wait(sentence); });
  watch_signal();
  if (options_.port) open_port();
}

Shell::~Shell() = default;

void Shell::join() {
  const auto joined = std::make_shared<std::promise<void>>();
  store_.post(
      StoreLane::kRound,
      [this, joined](store::Store& store) {
        try {
          store_actions_.join(store);
          joined->set_value();
        } catch (...) {
          joined->set_exception(std::current_exception());
        }
      },
      nullptr);
  joined->get_future().get();
}

void Shell::adopt(wire::Fd socket, const std::string& from) {
  const pid_t peer = wire::peer_of(socket.get()).pid;
  clients_.adopt(std::move(socket), peer, from);
}

/// One time for all that is handled together.
Time Shell::now() {
  if (loop_.now == 0) loop_.now = base::monotonic_ns();
  return loop_.now;
}

void Shell::watch_signal() {
  store_.watch(control::signal_key(options_.info.incarnation), [this] {
    // Set again before the inbox is read: a change in between fires it once more.
    watch_signal();
    brain_.signalled(now());
  });
}

void Shell::look_at_door() {
  if (stopping() || !options_.look_at_door) return;
  if (wire::Fd socket = options_.look_at_door()) clients_.listen(std::move(socket));
}

// ---- the loop ----

Shell::End Shell::run() {
  maintenance_.start();
  tasks_.memory.start();
  drivers_.signs.start();
  offer_kept();
  if (options_.kept.draining) drain(0);
  while (!ending_.end) turn();
  maintenance_.stop();
  port_.reset();
  fetcher_.reset();
  clients_.flush();
  store_.stop();
  return *ending_.end;
}

void Shell::turn() {
  loop_.now = 0;
  decide();
  if (ending_.end) return;
  loop_.now = 0;
  io_.restart();
  clients_.begin_turn();
  if (loop_.decide_again) {
    io_.poll_one();
  } else if (!brain_.expects_soon() || !loop_.spin.until([this] { return io_.poll_one() != 0; })) {
    io_.run_one();
  }
  // What else is ready, but not what clients go on to send meanwhile: executors wait for the decisions.
  for (int i = 0; i < kHandlersATurn && clients_.read_this_turn() < kBytesATurn && io_.poll_one() != 0; ++i) {
  }
  if (options_.inline_store) store_.tell_finished();
}

/// Lets the brain decide on all that came in, and carries it out.
void Shell::decide() {
  // Bounded: what else there is to decide must not keep the sockets waiting.
  for (int pass = 0; pass < kPassesATurn && !ending_.end; ++pass) {
    loop_.decide_again = false;
    brain_.step(now());
    for (Action& action : brain_.take_actions()) {
      std::visit([this](auto& one) { carry_out(one); }, action);
    }
    drivers_.sessions.end_sessions();
    if (options_.inline_store) loop_.decide_again |= store_.tell_finished();
    if (!loop_.decide_again) break;
  }
  pool_.flush();
  clients_.flush();
  if (ending_.draining && !stopping() && brain_.ran_out()) {
    logs_.say("what ran here has ended");
    stop();
  }
  if (ending_.stage == Stage::kStops && brain_.drained()) hand_over(true);
  arm(now());
}

void Shell::arm(Time time) {
  const Time deadline = brain_.next_deadline();
  // A timer that fires too early costs less than setting it anew with each message.
  if (deadline == 0 || (loop_.alarm.at != 0 && loop_.alarm.at <= deadline)) return;
  // A deadline that passed and waits for something else (a commit) must not spin.
  loop_.alarm.at = std::max(deadline, time + kFinestTimer);
  loop_.alarm.timer.expires_after(std::chrono::nanoseconds(loop_.alarm.at - time));
  loop_.alarm.timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) loop_.alarm.at = 0;
  });
}

// ---- actions that no part carries out alone ----

void Shell::carry_out(action::Dispatch& dispatch) {
  const bool asks = dispatch.task.spec->requirements.memory != 0;
  if (asks && tasks_.executors.process_of(dispatch.executor))
    tasks_.memory.given(dispatch.executor, tasks_.starter.handed(dispatch.executor).empty());
  limit_memory(dispatch);
  if (dispatch.nested) tasks_.nested.begun();
  tasks_.starter.carry_out(dispatch);
}

void Shell::carry_out(action::RetireProgram& retire) {
  pool_.retire(retire.program, retire.wanted);
  tasks_.output.program_retired(retire.program);
}

void Shell::carry_out(action::Ack& ack) { values_.copies.committed(ack.to, ack.number); }

void Shell::acknowledge(const Waiter& who, std::uint64_t number) {
  action::Ack ack{who, number};
  if (who.client != 0) return drivers_.sessions.carry_out(ack);
  wire::Ack message;
  message.set_number(number);
  tasks_.executors.send(who.executor, wire::ACK, message);
}

void Shell::carry_out(action::StoreRoom& room) { drivers_.sessions.carry_out(room); }

void Shell::carry_out(action::FreeObjects& freed) {
  for (const std::uint64_t object : freed.objects) objects_.free(object);
}

void Shell::carry_out(action::Prefetch& prefetch) {
  for (const auto& [future, object] : prefetch.objects) objects_.prefetch(future, object);
}

void Shell::carry_out(action::Fenced&) {
  logs_.warn("this worker gave no sign of life for longer than the lease, so that others took over its work");
  // One that was told to stop does not join again.
  finish(stopping() ? End::kStopped : End::kFenced);
}

// ---- clients ----

void Shell::client_came(ClientId client, pid_t pid, const std::string& from) {
  drivers_.sessions.came(client, pid, from);
  values_.answers.driver_came(client, wire::Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
}

void Shell::client_frame(ClientId client, wire::FrameType type, std::string_view payload) {
  if (drivers_.sessions.frame(client, type, payload)) return;
  switch (type) {
    case wire::LOG:
      return tasks_.output.relayed(payload);
    case wire::STATUS:
      return show_status(client, payload);
    case wire::OBJECTS:
      return show_objects(client, payload);
    case wire::TOKEN:
      return show_token(client, payload);
    case wire::WHY:
      return tell_why(client, payload);
    case wire::LIST:
      return list(client, payload);
    case wire::SUMMARY:
      return summarize(client, payload);
    case wire::ORDER:
      return carry_out_order(client, payload);
    default:
      if (drivers_.changes.frame(Waiter{client, 0}, type, payload)) return;
      throw wire::ProtocolError("a driver sent a frame of type " + std::to_string(type) +
                                ", which only others may send");
  }
}

void Shell::client_gone(ClientId client, const std::string& why) {
  values_.answers.driver_gone(client);
  values_.copies.gone(Waiter{client, 0});
  tasks_.output.client_gone(client, drivers_.sessions.session_of(client));
  drivers_.signs.gone(client);
  drivers_.sessions.gone(client, why);
  if (options_.private_worker) finish(End::kPrivateEnded);
}

// ---- the end ----

void Shell::finish(End end) {
  if (!ending_.end) ending_.end = end;
}

void Shell::stop() {
  if (stopping()) return;
  ending_.stage = Stage::kStops;
  drivers_.sessions.stop();
  drivers_.signs.stop();
  values_.transfers.stop();
  clients_.stop_listening();
  clients_.stop_reading();
  brain_.stop(now());
  end_within(options_.private_worker ? kPrivateStopWithinMs : kStopWithinMs, [this] {
    if (options_.private_worker) return finish(End::kStopped);
    logs_.warn("not all could be given back in time; other workers take it over after the lease");
    hand_over(false);
  });
}

void Shell::drain(std::uint64_t limit_ms) {
  if (stopping()) return;
  if (limit_ms != 0) {
    ending_.drain_timer.expires_after(std::chrono::milliseconds(limit_ms));
    ending_.drain_timer.async_wait([this](const boost::system::error_code& error) {
      if (error || stopping()) return;
      logs_.say("what runs here has not ended within the limit: it is given back");
      stop();
    });
  }
  ending_.draining = true;
  brain_.drain(now());
}

/// `late` is called unless the worker comes further within that time.
void Shell::end_within(std::uint64_t milliseconds, std::function<void()> late) {
  ending_.timer.expires_after(std::chrono::milliseconds(milliseconds));
  ending_.timer.async_wait([late = std::move(late)](const boost::system::error_code& error) {
    if (!error) late();
  });
}

/// What it could give to others now.
std::vector<control::HeldValue> Shell::held_values() const {
  std::vector<control::HeldValue> held;
  for (const ObjectSeen& one : objects_.list()) {
    const bool is_value = (one.in_memory || one.on_disk) && *one.state == '\0';
    if (is_value) held.push_back({one.future, one.number, one.size});
  }
  return held;
}

KeptValues Shell::keep() {
  KeptValues kept;
  kept.readers = values_.answers.take_readers();
  std::vector<ProcessId> living;
  living.reserve(kept.readers.size());
  for (const auto& [process, pidfd] : kept.readers) living.push_back(process);
  kept.objects = objects_.keep(living);
  kept.last_client = clients_.last();
  kept.draining = ending_.draining;
  return kept;
}

/// What the worker before this one held counts again, where nobody has replaced it; the rest is freed.
void Shell::offer_kept() {
  for (auto& [process, pidfd] : options_.kept.readers) values_.answers.watch(process, std::move(pidfd));
  const auto held = held_values();
  for (const control::HeldValue& value : held) brain_.object_copied(now(), value.future, value.number);
  if (!held.empty())
    logs_.say(fmt::format("it has {} values still, which count again where nobody replaced them", held.size()));
}

/// What only this worker has goes to others before it leaves. Not `drained`: it ends without a farewell.
void Shell::hand_over(bool drained) {
  ending_.stage = Stage::kHandsOver;
  clients_.close_all();  // drivers go on at another worker meanwhile
  const auto then = [this, drained] {
    if (ending_.stage != Stage::kHandsOver) return;
    ending_.stage = Stage::kLeaves;
    clients_.cut_all();
    tasks_.output.stop();
    relay_.stop();
    end_within(kStopWithinMs, [this] { finish(End::kStopped); });
    tasks_.left_out.when_noted([this, drained] {
      if (!drained) return finish(End::kStopped);
      store_actions_.leave([this] { finish(End::kStopped); });
    });
  };
  const bool can = !options_.private_worker && fetcher_ != nullptr;
  end_within((can ? options_.hand_over_ms : 0) + kStopWithinMs, then);
  if (!can) return then();
  values_.hand_over.start(held_values(), then);
}

}  // namespace morrow::worker
