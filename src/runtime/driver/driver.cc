// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/driver.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/hash_ids.h"
#include "base/must.h"
#include "base/random_id.h"
#include "base/shown.h"
#include "runtime/backend/telling.h"
#include "runtime/client/scopes.h"
#include "runtime/image/program.h"
#include "runtime/values/values.h"

// The problem: a session outlives its worker. When the worker dies, or the network to it, what the program asked for
// must neither be lost nor be done twice, and threads that wait must go on waiting as if nothing had happened.
//
// Every change is kept until its acknowledgement (UnacknowledgedChanges). The background thread finds another worker
// (Dialer), whose WELCOME says up to which number the store has applied this session's changes; the rest is sent again,
// marked so, and then all open questions are asked again (Client::ask_again). Both go out before anything new. A store
// that has applied less than was acknowledged has lost data: the session ends with a sentence (`end_.fatal`), as it
// does when a private worker dies, whose store dies with it.
//
// What is kept is bounded: a thread that would exceed it waits for acknowledgements (throttle).
//
// The foreground is fast because it does its own reading and writing; a submit leaves with the next thing that is
// waited for, or soon after (background.cc). The background thread only sees to the rest, and gives way to every other.
//
// Session end: the worker is told which failures the program saw, and answers with those that nobody did, which are
// printed. If it does not answer, the grace period of the session ends it.
namespace morrow::runtime {

namespace {

constexpr std::size_t kWriteBytes = 32 << 10;   // the thread that submits writes more than that itself
constexpr std::size_t kMostObserved = 100'000;  // they are told in one message of at most 8 MiB
constexpr std::chrono::seconds kEndPatience{10};
constexpr std::chrono::hours kLongestPatience{24 * 365};

std::chrono::milliseconds clamped(Duration patience) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::clamp<std::chrono::nanoseconds>(patience.value(), std::chrono::nanoseconds(0), kLongestPatience));
}

}  // namespace

std::unique_ptr<Driver> Driver::open(const std::string& where, const SessionOptions& options) {
  auto dialer = std::make_unique<Dialer>(where, options);  // a private worker starts while our files are hashed
  const std::uint64_t session = base::random_id();
  dialer->introduce(session, options);
  std::unique_ptr<Driver> driver(
      new Driver(std::move(dialer), session, {clamped(options.store_patience), clamped(options.patience)}));
  Connection connection = driver->dialer_->connect_first(options);
  if (!connection.welcome.error().empty()) throw SessionError(base::shown_text(connection.welcome.error()));
  {
    const base::MutexLock lock(driver->link_.mutex());
    driver->welcome(std::move(connection));
  }
  driver->dialer_->set_resuming();
  driver->thread_ = std::thread([raw = driver.get()] { raw->run_background(); });
  driver->life_thread_ = std::thread([raw = driver.get()] { raw->run_life(); });
  return driver;
}

Driver::Driver(std::unique_ptr<Dialer> dialer, std::uint64_t session, Patience patience)
    : Client(image_key(dialer->program())), dialer_(std::move(dialer)), session_(session), patience_(patience) {
  background_.background = true;
}

Driver::~Driver() {
  {
    const base::MutexLock lock(link_.mutex());
    stop_ = true;
    background_.changed.notify_all();
    life_changed_.notify_all();
    link_.interrupt_background();
  }
  if (thread_.joinable()) thread_.join();
  if (life_thread_.joinable()) life_thread_.join();
  const base::MutexLock lock(link_.mutex());
  if (memory_ && dialer_->private_worker() == nullptr) memory_->leave(link_.take_socket());
  if (memory_) memory_->disconnect();
  link_.give_up();  // also for what was forked from this process and has the connection too
  link_.close();    // before the private worker is waited for, which ends by it
}

detail::Value Driver::fetch_object(std::uint64_t object, std::uint64_t size) {
  return dialer_->remote()->fetch(object, size);
}

std::uint64_t Driver::put_object(detail::ByteView bytes) { return dialer_->remote()->put(session_, bytes); }

void Driver::welcome(Connection connection) {
  const std::uint64_t applied = connection.welcome.applied();
  worker_name_ = connection.welcome.worker();
  store_full_.clear();  // this worker says so itself
  if (applied < changes_.acknowledged()) {
    end_.fatal = "the store of cluster " + dialer_->cluster() +
                 " lost what it had committed for this session; run the program again";
    return link_.wake_all();
  }
  acknowledged(unacknowledged_.through(applied));
  // Before the first frame that speaks of it is read.
  set_memory(std::move(connection.object_memory), [this] {
    if (!link_.mutex().try_lock()) return;  // the thread that holds the mutex tells the worker soon
    stir();
    link_.mutex().unlock();
  });
  std::string out = std::move(connection.unsent);
  out += unacknowledged_.resend_frames();
  out += ask_again();
  const std::uint64_t rounds = uploads_.round;
  uploads_ = {};
  uploads_.round = rounds + 1;
  uploads_.ahead_bytes = connection.welcome.upload_ahead_bytes();
  signs_ = wire::SignsOfLife(connection.welcome.lease_ms());
  link_.attach(std::move(connection.socket), std::move(connection.frames), std::move(out));
}

std::uint64_t Driver::task_seed() { return base::mix_bits(session_); }

// ---- changes ----

Client::Asker Driver::outer_asker() { return {0, session_, &sequence_}; }

void Driver::post(wire::FrameType type, const google::protobuf::MessageLite& message, bool) {
  link_.send(unacknowledged_.add(changes_.last(), type, message));
  ++rest_.activity;
  if (link_.unsent() >= kWriteBytes) link_.write();
  stir();
}

void Driver::throttle() {
  if (!unacknowledged_.is_full() && store_full_.empty()) return;
  link_.write();
  Waiter waiter;
  throttled_.push_back(&waiter);
  const base::Defer leaves([&] {
    link_.mutex().assert_held();
    base::must_erase(throttled_, &waiter, "a thread is throttled until it leaves");
  });
  const auto has_space = [this]() REQUIRES(link_.mutex()) { return unacknowledged_.has_space(); };
  if (unacknowledged_.is_full()) link_.wait(waiter, has_space, std::nullopt);
  if (store_full_.empty()) return;
  std::string sentence = store_full_;
  const auto has_room = [this]() REQUIRES(link_.mutex()) { return store_full_.empty(); };
  if (link_.wait(waiter, has_room, Clock::now() + patience_.store)) return;
  throw StoreFullError(base::shown_text(sentence));
}

void Driver::store_room(const wire::StoreRoom& room) {
  const bool was_full = !store_full_.empty();
  store_full_ = room.full() ? room.sentence() : std::string();
  if (room.full() && !was_full) {
    const auto seconds = std::chrono::duration<double>(patience_.store).count();
    char waits[64];
    std::snprintf(waits, sizeof waits, "%.3g s", seconds);
    say(store_full_ + " What this program submits waits for room, " + waits + " at the most.");
  } else if (!room.full() && was_full) {
    say("the store has room again");
  }
  for (Waiter* waiter : throttled_) waiter->changed.notify_one();
}

void Driver::acknowledged(std::uint64_t number) {
  acknowledge(number);
  unacknowledged_.acknowledge(changes_.acknowledged());
  for (Waiter* waiter : throttled_) waiter->changed.notify_one();
}

void Driver::failure_seen(detail::FutureId id) {
  if (observed_.size() < kMostObserved) observed_.insert(id);
}

// ---- frames of the worker ----

void Driver::check() const {
  if (!end_.fatal.empty()) throw SessionError(base::shown_text(end_.fatal));
  if (end_.over) throw SessionError("the session has ended");
}

void Driver::on_frame(wire::FrameType type, std::string_view payload) {
  switch (type) {
    case wire::ACK: {
      wire::Ack ack;
      wire::parse(ack, payload);
      return acknowledged(ack.number());
    }
    case wire::WELCOME: {
      wire::Welcome welcome;
      wire::parse(welcome, payload);
      if (!welcome.error().empty()) end_.fatal = welcome.error();
      return link_.wake_all();
    }
    case wire::NEED: {
      wire::Need need;
      wire::parse(need, payload);
      if (need.program()) link_.send(wire::PROGRAM, dialer_->program());
      uploads_.hashes.insert(uploads_.hashes.end(), need.blobs().begin(), need.blobs().end());
      uploads_.taken_bytes = std::max(uploads_.taken_bytes, need.taken_bytes());
      return stir();
    }
    case wire::BEAT:  // that it came is all that it says
      return;
    case wire::ADDRESSES: {
      wire::Addresses others;
      wire::parse(others, payload);
      if (Remote* const remote = dialer_->remote()) remote->learn(others.addresses());
      return;
    }
    case wire::LOG: {
      wire::Log log;
      wire::parse(log, payload);
      {
        // A terminal or a pipe that takes no more holds up those that wait for values, and nobody else.
        const base::MutexUnlock unlocked(link_.mutex());
        print(log);
      }
      printed_lines_ += static_cast<std::uint64_t>(log.lines_size());
      return;
    }
    case wire::NOTICE: {
      wire::Notice notice;
      wire::parse(notice, payload);
      const base::MutexUnlock unlocked(link_.mutex());
      return say(notice.text());
    }
    case wire::STORE_ROOM: {
      wire::StoreRoom room;
      wire::parse(room, payload);
      return store_room(room);
    }
    case wire::WHY_REPLY: {
      wire::WhyReply reply;
      wire::parse(reply, payload);
      return tell_why(reply);
    }
    case wire::SESSION_ENDED: {
      wire::parse(end_.told.emplace(), payload);
      if (end_.waiter != nullptr) end_.waiter->changed.notify_one();
      return;
    }
    default:
      return Client::on_frame(type, payload);
  }
}

/// What tasks print goes on as it is, byte by byte; only a terminal must not obey what several of them say at once.
void Driver::print(const wire::Log& log) {
  std::FILE* const stream = log.to_stderr() ? stderr : stdout;
  const bool terminal = isatty(fileno(stream)) == 1;
  const std::string source = base::shown_line("(" + log.task() + " @" + log.worker() + ") ");
  for (const std::string& line : log.lines()) {
    const std::string text = source + (terminal ? base::shown_output(line) : line) + "\n";
    std::fwrite(text.data(), 1, text.size(), stream);
  }
  std::fflush(stream);
}

void Driver::on_lost(const std::string& why) {
  if (end_.told) return;
  if (why == Link::kClosedByProgram) {
    end_.fatal = why + "; close them before you open it, or close only descriptors of your own";
  } else if (const PrivateWorker* const worker = dialer_->private_worker()) {
    end_.fatal = "the private worker " + worker->command() + " (process " + std::to_string(worker->pid()) +
                 ") is gone, and its store with it; run the program again";
  } else if (!why.empty()) {
    say("the connection to worker " + worker_name_ + " of cluster " + dialer_->cluster() + " broke: " + why);
  }
  stir();
}

// ---- the end ----

void Driver::end() {
  const base::MutexLock lock(link_.mutex());
  Waiter waiter;
  const base::Defer leaves([this] {
    link_.mutex().assert_held();
    end_.waiter = nullptr;
    end_.over = true;
    link_.wake_all();
  });
  try {
    if (!end_.fatal.empty()) return;
    wire::EndSession message;
    for (const detail::FutureId id : observed_) write_id(*message.add_observed(), id);
    release_spare();
    send_unpinned();
    message.set_number(changes_.next());
    post(wire::END_SESSION, message, true);
    link_.write();
    end_.waiter = &waiter;
    const auto ended = [this]() REQUIRES(link_.mutex()) { return end_.told.has_value(); };
    // Lines of its tasks come before it, and somebody may read them page by page.
    for (std::optional<std::uint64_t> printed; printed != printed_lines_;) {
      printed = printed_lines_;
      if (link_.wait(waiter, ended, Clock::now() + kEndPatience))
        return tell_ending(*end_.told, observed_.size() == kMostObserved);
    }
    say("the end of the session was not confirmed in time; what it still holds is freed after its grace period");
  } catch (const std::exception& error) {
    say(std::string("the session did not end well: ") + error.what());
  }
}

}  // namespace morrow::runtime
