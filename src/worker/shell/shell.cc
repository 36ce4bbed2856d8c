// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/shell.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>
#include <variant>

#include "control/cluster.h"
#include "store/open/open_store.h"
#include "wire/claim_words.h"

namespace morrow::worker {

namespace {

constexpr std::chrono::seconds kStopWithin{5};
constexpr Time kFinestTimer = 500'000;
constexpr int kPassesATurn = 4;
constexpr int kHandlersATurn = 64;
constexpr std::size_t kBytesATurn = 128 << 10;
constexpr std::chrono::milliseconds kPrivateWithin{100};

std::uint64_t draw() {
  std::random_device device;
  std::uint64_t drawn = 0;
  while (drawn == 0) drawn = static_cast<std::uint64_t>(device()) << 32 | device();
  return drawn;
}

ShellOptions with_incarnation(ShellOptions options, control::Incarnation incarnation) {
  options.info.incarnation = incarnation;
  options.knobs.claim_slots = wire::ClaimWords::kSlots;
  return options;
}

}  // namespace

Shell::Shell(boost::asio::io_context& io, ShellOptions options, Logs& logs)
    : io_(io),
      options_(with_incarnation(std::move(options), draw())),
      logs_(logs),
      incarnation_(options_.info.incarnation),
      store_(
          io,
          [this] {
            store::StoreOptions open;
            open.log = [this](std::string_view sentence) { logs_.warn(std::string(sentence)); };
            auto store = store::open_store(options_.store_url, std::move(open));
            control::join(*store, options_.info);
            if (!options_.private_worker) {
              const wire::Certificate authority = wire::make_authority(options_.cluster);
              secrets_ = control::cluster_secrets(*store, {wire::make_token(), authority.key, authority.certificate});
            }
            committer_ = std::make_shared<control::Committer>(*store, incarnation_);
            return store;
          },
          [this] {
            StoreThread::Options store;
            store.inline_mode = options_.inline_store;
            store.log = [this](const std::string& sentence) { logs_.warn(sentence); };
            return store;
          }()),
      brain_(Brain::Setup{incarnation_, options_.info, draw(), options_.knobs}),
      objects_(
          io, options_.objects,
          {
              [this](control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into,
                     std::function<void(bool, std::string)> done) {
                fetch_object(future, object, into, std::move(done));
              },
              [this](control::FutureId future, std::uint64_t object) { brain_.object_copied(now(), future, object); },
              [this](control::FutureId future) { brain_.object_dropped(now(), future); },
              [this](const std::string& sentence) { logs_.warn(sentence); },
          }),
      pool_(
          io,
          [this](std::function<void(store::Store&)> job, std::function<void()> done) {
            store_.post(StoreLane::kClaim, std::move(job), std::move(done));
          },
          *this,
          [this] {
            PoolOptions pool;
            pool.cache_folder = options_.cache_folder;
            pool.object_memory = objects_.memory_fd();
            pool.program_output = [this](const std::string& program, std::string_view text) {
              program_output(program, text);
            };
            return pool;
          }()),
      clients_(io, *this, [this](const std::string& sentence) { logs_.warn(sentence); }),
      relay_(io, store_, {options_.cluster, options_.info.name}),
      maintenance_(io, store_, incarnation_, options_.lease_ms,
                   {
                       [this](const auto& workers) { workers_seen(workers); },
                       [this](const auto& checks) { brain_.checks_found(now(), checks); },
                       [this](control::SessionId session, std::uint64_t attachment) {
                         brain_.session_abandoned(now(), session, attachment);
                       },
                       [this](const std::string& sentence) { logs_.say(sentence); },
                       [this] { logs_.flush(); },
                       [this] { brain_.signalled(now()); },
                   }),
      timer_(io),
      stop_timer_(io) {
  store_.on_broken([this](const std::string& sentence) {
    logs_.warn(sentence + "; this worker ends");
    finish(End::kBroken);
  });
  watch_signal();
  if (options_.port) open_port();
}

Shell::~Shell() = default;

void Shell::adopt(wire::Fd socket) {
  const pid_t peer = wire::peer_of(socket.get()).pid;
  clients_.adopt(std::move(socket), peer);
}

/// One time for all that is handled together.
Time Shell::now() {
  if (now_ == 0) {
    now_ = static_cast<Time>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
  }
  return now_;
}

void Shell::watch_signal() {
  store_.watch(control::signal_key(incarnation_), [this] {
    // Set again before the inbox is read: a change in between fires it once more.
    watch_signal();
    brain_.signalled(now());
  });
}

Shell::End Shell::run() {
  maintenance_.start();
  while (!end_) turn();
  maintenance_.stop();
  port_.reset();
  fetcher_.reset();
  clients_.flush();
  store_.stop();
  return *end_;
}

void Shell::turn() {
  now_ = 0;
  decide();
  if (end_) return;
  now_ = 0;
  io_.restart();
  clients_.begin_turn();
  if (decide_again_) {
    io_.poll_one();
  } else if (!brain_.expects_soon() || !spin_.until([this] { return io_.poll_one() != 0; })) {
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
  for (int pass = 0; pass < kPassesATurn && !end_; ++pass) {
    decide_again_ = false;
    brain_.step(now());
    for (Action& action : brain_.take_actions()) {
      std::visit([this](auto& one) { carry_out(one); }, action);
    }
    if (ending_drivers_ != 0) end_sessions();
    if (options_.inline_store) decide_again_ |= store_.tell_finished();
    if (!decide_again_) break;
  }
  pool_.flush();
  clients_.flush();
  if (stopping_ && !leaving_) drain_or_leave();
  arm(now());
}

void Shell::arm(Time time) {
  const Time deadline = brain_.next_deadline();
  // A timer that fires too early costs less than setting it anew with each message.
  if (deadline == 0 || (armed_ != 0 && armed_ <= deadline)) return;
  // A deadline that passed and waits for something else (a commit) must not spin.
  armed_ = std::max(deadline, time + kFinestTimer);
  timer_.expires_after(std::chrono::nanoseconds(armed_ - time));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) armed_ = 0;
  });
}

void Shell::finish(End end) {
  if (!end_) end_ = end;
}

void Shell::stop() {
  if (stopping_) return;
  stopping_ = true;
  clients_.stop_listening();
  clients_.stop_reading();
  brain_.stop(now());
  stop_timer_.expires_after(options_.private_worker
                                ? std::chrono::duration_cast<std::chrono::milliseconds>(kPrivateWithin)
                                : std::chrono::duration_cast<std::chrono::milliseconds>(kStopWithin));
  stop_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (!options_.private_worker)
      logs_.warn("not all could be given back in time; other workers take it over after the lease");
    finish(End::kStopped);
  });
}

void Shell::drain_or_leave() {
  if (!brain_.drained()) return;
  leaving_ = true;
  store_.post(
      StoreLane::kUpkeep, [incarnation = incarnation_](store::Store& store) { control::leave(store, incarnation); },
      [this] { finish(End::kStopped); });
}

}  // namespace morrow::worker
