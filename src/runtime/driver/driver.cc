// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/driver.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/must.h"
#include "base/random_id.h"
#include "runtime/client/scopes.h"
#include "runtime/driver/resend.h"
#include "runtime/values/values.h"
#include "wire/paths.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kMaxKept = 50'000;
constexpr std::size_t kMaxKeptBytes = 8 << 20;
constexpr std::size_t kWriteBytes = 32 << 10;  // more than that is written by who submits
constexpr std::size_t kMaxObserved = 1'000;
constexpr std::chrono::seconds kEndPatience{10};
constexpr std::chrono::seconds kSayWaitingAfter{1};
constexpr std::chrono::milliseconds kLookAgain{50};
constexpr std::chrono::seconds kGreetPatience{5};

}  // namespace

void Driver::say(const std::string& line) { std::fprintf(stderr, "morrow: %s\n", line.c_str()); }

std::unique_ptr<Driver> Driver::open(const std::string& where, const SessionOptions& options) {
  std::unique_ptr<PrivateWorker> worker;
  std::unique_ptr<Remote> remote;
  std::string cluster = where;
  std::string token;
  if (cluster.empty()) {
    worker = std::make_unique<PrivateWorker>(options);  // it starts while we hash our files
  } else {
    try {
      if (wire::is_join_url(where)) {
        const wire::JoinUrl url = wire::parse_join_url(where);
        cluster = url.cluster;
        token = url.token;
        remote = std::make_unique<Remote>(url);
      }
      wire::check_name("cluster", cluster);
    } catch (const std::invalid_argument& error) {
      throw SessionError(error.what());
    }
  }
  std::unique_ptr<Driver> driver(
      new Driver(cluster, options, make_program(options.fork_server, token), std::move(worker), std::move(remote)));
  auto connection = driver->greet_first(options);
  if (!connection->welcome.error().empty()) throw SessionError(connection->welcome.error());
  {
    const Lock lock(driver->link_.mutex());
    driver->welcome(std::move(*connection));
  }
  driver->hello_.set_resume(true);
  driver->thread_ = std::thread([raw = driver.get()] { raw->run_background(); });
  return driver;
}

Driver::Driver(std::string cluster, const SessionOptions& options, wire::Program program,
               std::unique_ptr<PrivateWorker> worker, std::unique_ptr<Remote> remote)
    : Client(program.key()),
      cluster_(std::move(cluster)),
      session_(base::random_id()),
      program_(std::move(program)),
      worker_(std::move(worker)),
      remote_(std::move(remote)) {
  background_.background = true;
  hello_.set_version(wire::kProtocolVersion);
  hello_.set_kind(wire::Hello::DRIVER);
  hello_.set_cluster(cluster_);
  hello_.set_session(session_);
  hello_.set_program(program_.key());
  hello_.set_log_to_driver(options.log_to_driver);
  hello_.set_pid(getpid());
  hello_.set_maps_objects(remote_ == nullptr);
  const auto grace = std::chrono::duration_cast<std::chrono::milliseconds>(options.grace.value());
  hello_.set_grace_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(grace.count(), 0)));
}

Driver::~Driver() {
  {
    const Lock lock(link_.mutex());
    stop_ = true;
    background_.changed.notify_all();
    link_.interrupt_background();
  }
  if (thread_.joinable()) thread_.join();
  const Lock lock(link_.mutex());
  if (memory_ && !worker_) memory_->leave(link_.take_socket());
  if (memory_) memory_->disconnect();
  link_.close();  // before the private worker is waited for, which ends by it
}

std::optional<Connection> Driver::greet_first(const SessionOptions& options) {
  const auto start = Clock::now();
  const auto timeout = std::clamp<std::chrono::nanoseconds>(options.connect_timeout.value(),
                                                            std::chrono::nanoseconds(0), std::chrono::hours(24 * 365));
  const auto deadline = start + timeout;
  if (worker_) {
    std::optional<Connection> connection;
    try {
      connection = greet(worker_->take_socket(), hello_, program_, deadline);
    } catch (const wire::ProtocolError& error) {
      throw SessionError("the private worker " + worker_->command() + ": " + error.what());
    }
    if (connection) return connection;
    if (Clock::now() >= deadline) {
      throw SessionError("the private worker " + worker_->command() +
                         " did not answer in time; raise connect_timeout, or "
                         "look for what keeps this machine busy");
    }
    throw SessionError("the private worker " + worker_->command() + " " + worker_->ending() +
                       " before it answered; what it said stands above");
  }
  bool said = false;
  for (;;) {
    std::optional<Connection> connection;
    try {
      connection = connect(std::max(deadline, Clock::now() + kLookAgain));
    } catch (const std::runtime_error& error) {
      throw SessionError(error.what());
    }
    if (connection) return connection;
    const auto now = Clock::now();
    if (now >= deadline && remote_)
      throw SessionError("the cluster " + cluster_ + " can't be reached: " + remote_->why());
    if (now >= deadline && !silent_.empty())
      throw SessionError("no worker of cluster " + cluster_ + " answers: " + silent_);
    if (now >= deadline) {
      throw SessionError("No worker of cluster " + cluster_ + " runs on this machine; start one with: morrow worker " +
                         cluster_);
    }
    if (!said && !remote_ && now - start >= kSayWaitingAfter) {
      said = true;
      say("waiting for a worker of cluster " + cluster_ + " on this machine; " +
          (silent_.empty() ? "start one with: morrow worker " + cluster_ : silent_));
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kLookAgain, deadline - now));
  }
}

std::optional<Connection> Driver::connect(Clock::time_point deadline) {
  if (!remote_) return connect_local(hello_, program_, deadline, silent_);
  auto socket = remote_->connect(deadline);
  if (!socket) return std::nullopt;
  auto connection = greet(std::move(*socket), hello_, program_, std::max(deadline, Clock::now() + kGreetPatience));
  if (connection) remote_->learn(connection->welcome);
  return connection;
}

detail::Value Driver::fetch_object(std::uint64_t object, std::uint64_t size) { return remote_->fetch(object, size); }

std::uint64_t Driver::put_object(detail::ByteView bytes) { return remote_->put(session_, bytes); }

void Driver::welcome(Connection connection) {
  const std::uint64_t applied = connection.welcome.applied();
  worker_name_ = connection.welcome.worker();
  if (applied < acknowledged_) {
    fatal_ = "the store of cluster " + cluster_ + " lost what it had committed for this session; run the program again";
    return link_.wake_all();
  }
  acknowledged(applied);
  // Before the first frame that speaks of it is read.
  set_memory(std::move(connection.object_memory), [this] {
    // Whoever holds the mutex tells the worker soon.
    if (const Lock lock(link_.mutex(), std::try_to_lock); lock) stir();
  });
  std::string out;
  std::string_view frames = std::string_view(kept_frames_).substr(kept_begin_);
  for (const Kept& kept : kept_) {
    out += marked_as_resent(kept.type, frames.substr(0, kept.bytes));
    frames.remove_prefix(kept.bytes);
  }
  out += ask_again();
  uploads_.clear();
  ++upload_round_;
  link_.attach(std::move(connection.socket), std::move(connection.frames), std::move(out));
}

// ---- changes ----

Client::Asker Driver::asker() {
  if (!scopes().empty()) return {0, scopes().back().id, &scopes().back().sequence};
  return {0, session_, &sequence_};
}

void Driver::post(Lock&, wire::FrameType type, const google::protobuf::MessageLite& message, bool) {
  const std::size_t begin = kept_frames_.size();
  wire::append_frame(kept_frames_, type, message);
  const auto frame = std::string_view(kept_frames_).substr(begin);
  link_.send(frame);
  kept_.push_back({last_number_, type, frame.size()});
  ++activity_;
  if (link_.unsent() >= kWriteBytes) link_.write();
  stir();
}

void Driver::make_room(Lock& lock) {
  const auto fits = [this](std::size_t part) {
    return kept_.size() < kMaxKept / 4 * part && kept_frames_.size() - kept_begin_ < kMaxKeptBytes / 4 * part;
  };
  if (fits(4)) return;
  link_.write();
  Waiting waiting;
  wants_room_.push_back(&waiting);
  const base::Defer leaves([&] { base::must_erase(wants_room_, &waiting, "a thread wants room until it leaves"); });
  link_.wait(
      lock, waiting, [&] { return fits(3); }, std::nullopt);
}

void Driver::acknowledged(std::uint64_t number) {
  while (!kept_.empty() && kept_.front().number <= number) {
    kept_begin_ += kept_.front().bytes;
    kept_.pop_front();
  }
  // Moved to the front only when that frees more than it moves.
  if (kept_begin_ > kept_frames_.size() / 2) {
    kept_frames_.erase(0, kept_begin_);
    kept_begin_ = 0;
  }
  acknowledge(number);
  for (Waiting* waiting : wants_room_) waiting->changed.notify_one();
}

void Driver::failure_seen(detail::FutureId id) {
  if (observed_.size() < kMaxObserved && std::find(observed_.begin(), observed_.end(), id) == observed_.end()) {
    observed_.push_back(id);
  }
}

// ---- what the worker says ----

void Driver::check() const {
  if (!fatal_.empty()) throw SessionError(fatal_);
}

void Driver::on_frame(wire::FrameType type, std::string_view payload) {
  switch (type) {
    case wire::ACK: {
      wire::Ack ack;
      wire::parse(ack, payload);
      return acknowledged(std::min(ack.number(), last_number_));
    }
    case wire::WELCOME: {
      wire::Welcome welcome;
      wire::parse(welcome, payload);
      if (!welcome.error().empty()) fatal_ = welcome.error();
      return link_.wake_all();
    }
    case wire::NEED: {
      wire::Need need;
      wire::parse(need, payload);
      if (need.program()) link_.send(wire::PROGRAM, program_);
      uploads_.insert(uploads_.end(), need.blobs().begin(), need.blobs().end());
      return stir();
    }
    case wire::LOG: {
      wire::Log log;
      wire::parse(log, payload);
      return print(log);
    }
    case wire::NOTICE: {
      wire::Notice notice;
      wire::parse(notice, payload);
      return say(notice.text());
    }
    case wire::SESSION_ENDED: {
      wire::parse(ending_, payload);
      ended_ = true;
      if (waits_end_ != nullptr) waits_end_->changed.notify_one();
      return;
    }
    default:
      return Client::on_frame(type, payload);
  }
}

void Driver::print(const wire::Log& log) {
  std::FILE* const stream = log.to_stderr() ? stderr : stdout;
  for (const std::string& line : log.lines()) {
    std::fprintf(stream, "(%s @%s) ", log.task().c_str(), log.worker().c_str());
    std::fwrite(line.data(), 1, line.size(), stream);
    std::fputc('\n', stream);
  }
  std::fflush(stream);
}

void Driver::on_lost(const std::string& why) {
  if (ended_) return;
  if (worker_) {
    fatal_ = "the private worker " + worker_->command() + " (process " + std::to_string(worker_->pid()) +
             ") is gone, and its store with it; run the program again";
  } else if (!why.empty()) {
    say("the connection to worker " + worker_name_ + " of cluster " + cluster_ + " broke: " + why);
  }
  stir();
}

// ---- the end ----

void Driver::end() {
  try {
    Lock lock(link_.mutex());
    if (!fatal_.empty()) return;
    wire::EndSession message;
    for (const detail::FutureId id : observed_) write_id(*message.add_observed(), id);
    let_spare_go();
    send_let_go();
    message.set_number(++last_number_);
    post(lock, wire::END_SESSION, message, true);
    link_.write();
    Waiting waiting;
    waits_end_ = &waiting;
    const bool done = link_.wait(
        lock, waiting, [this] { return ended_; }, Clock::now() + kEndPatience);
    waits_end_ = nullptr;
    if (done) return tell_ending(ending_);
    say("the end of the session was not confirmed in time; what it still holds is freed after its grace period");
  } catch (const std::exception& error) {
    waits_end_ = nullptr;
    say(std::string("the session did not end well: ") + error.what());
  }
}

void Driver::tell_ending(const wire::SessionEnded& ended) {
  if (ended.failed() == 0) return;
  wire::Failure first;
  first.ParseFromString(ended.first());
  std::string line = ended.failed() == 1
                         ? "a future failed and nobody looked at it: "
                         : std::to_string(ended.failed()) + " futures failed and nobody looked at them; the first: ";
  if (!first.type().empty()) line += first.type() + ": ";
  line += first.message().empty() ? "it is not known why" : first.message();
  std::string source = first.task();
  if (!first.where().empty()) source += (source.empty() ? "" : ", ") + first.where();
  if (!source.empty()) line += " (" + source + ")";
  say(line);
}

}  // namespace morrow::runtime
