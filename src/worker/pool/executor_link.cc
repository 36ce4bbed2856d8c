// SPDX-License-Identifier: Apache-2.0
//
// The last word about an executor, and that nothing comes after it.
//
// An executor ends in one of many ways: it exits or crashes (its parent reports that), its parent dies (its pidfd
// tells), it closes its socket or writes rubbish (it is killed), somebody wants it dead before it has a process. All of
// them lead to `finish`, which gives all that is left in the order in which it was written, and then executor_exited,
// exactly once:
//
//     kWaiting --running()--> kRunning --finish()--> kGone
//         \-----------------finish(), drop()-----------^
//
// 1. Frames that stand in the socket: results that it sent before it died.
// 2. Results that it had not sent yet, in the memory that it shares with us (wire/held_results.h). Those that it sent
//    just before come twice, and are known by their numbers the second time.
// 3. Output that stands in its pipes, and no more: a process that it left behind may write to them for ever.
// 4. The record of its crash handler, from the file of the claim words.
//
// Each step calls out, and a call may come back, even with `kill`: so each looks at the state again. Callbacks of the
// loop hold a weak pointer, since the link may be forgotten while they wait. Everything the process sends or writes
// into the shared memory is the user's, and checked as such. Read next: program_runner.cc for how it gets a process.
#include "worker/pool/executor_link.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/post.hpp>

#include "base/invariant.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kKeepQueueBytes = 1u << 20;  // a larger queue is given back to the heap once it is written
constexpr int kReadsAtOnce = 4;                    // of a full buffer each: one that writes much keeps no other waiting
constexpr int kReadsAtEnd = 256;  // a death's last frames: a grandchild with the socket could write for ever
constexpr std::chrono::seconds kEndAfterSilence{1};  // its exit is usually heard of long before
constexpr std::chrono::seconds kReportedWithin{1};   // its death, by its parent
constexpr std::chrono::seconds kKilledWithin{1};     // what it has left, so that its control group can be removed

void end_group(PoolContext& pool, ExecutorProcess id) {
  ExecutorGroups* const groups = pool.options.groups;
  if (groups == nullptr || !groups->active()) return;
  const auto number = static_cast<std::uint32_t>(id);
  groups->end(number);
  const auto timer = std::make_shared<boost::asio::steady_timer>(pool.io, kKilledWithin);
  timer->async_wait([timer, groups, number](const boost::system::error_code& stopped) {
    if (!stopped) groups->end(number);
  });
}

}  // namespace

ExecutorLink::ExecutorLink(PoolContext& pool, ExecutorProcess id, std::vector<unsigned> devices)
    : pool_(pool),
      id_(id),
      devices_(std::move(devices)),
      file_(wire::ClaimWords::create_file()),
      words_(file_.get()),
      results_(words_),
      stream_(pool.io),
      pidfd_(pool.io),
      timer_(pool.io),
      death_timer_(pool.io) {}

wire::Fork ExecutorLink::fork_message(bool in_place) const {
  wire::Fork message;
  message.set_executor(static_cast<std::uint32_t>(id_));
  for (const auto& [name, value] : pool_.options.devices.settings(devices_)) {
    wire::EnvironmentSetting& setting = *message.add_environment();
    setting.set_name(name);
    if (value) setting.set_value(*value);
  }
  message.set_in_place(in_place);
  return message;
}

std::array<wire::Fd, 4> ExecutorLink::open() {
  close();
  auto [stream_here, stream_there] = wire::socket_pair(false);
  auto [output_here, output_there] = make_pipe();
  auto [errors_here, errors_there] = make_pipe();
  wire::Fd file(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  if (!file) throw std::system_error(errno, std::generic_category(), "no descriptor for an executor");
  stream_.assign(stream_here.get());
  stream_here.release();
  const auto take = [this](bool to_stderr) {
    return [this, to_stderr](std::string_view text) { pool_.events.executor_output(id_, to_stderr, text); };
  };
  output_ = std::make_shared<OutputPipe>(pool_.io, std::move(output_here), take(false));
  errors_ = std::make_shared<OutputPipe>(pool_.io, std::move(errors_here), take(true));
  return {std::move(stream_there), std::move(output_there), std::move(errors_there), std::move(file)};
}

void ExecutorLink::running(pid_t pid, wire::Fd pidfd) {
  MORROW_INVARIANT(state_ == State::kWaiting, "an executor gets a process once", id_, state_);
  pid_ = pid;
  state_ = State::kRunning;
  if (pool_.options.groups != nullptr) pool_.options.groups->add(static_cast<std::uint32_t>(id_), pid);
  if (pidfd) pidfd_.assign(pidfd.release());
  watch_death();
  if (kill_wanted_) return kill();  // asked for while it was on its way
  output_->start();
  errors_->start();
  listen();
  flush();
  pool_.events.executor_ready(id_);
}

bool ExecutorLink::send(wire::FrameType type, const google::protobuf::MessageLite& message) {
  const bool first = queue_.empty();
  if (state_ != State::kGone) wire::append_frame(queue_, type, message);
  return first;
}

void ExecutorLink::flush() {
  if (state_ != State::kRunning || writing_ || queue_.empty() || !stream_.is_open()) return;
  MORROW_INVARIANT(written_ < queue_.size(), "what is queued is not all written", id_, written_, queue_.size());
  while (written_ < queue_.size()) {
    const ssize_t size = ::send(stream_.native_handle(), queue_.data() + written_, queue_.size() - written_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size >= 0) {
      written_ += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN) {
      return await_writable();
    } else if (errno != EINTR) {
      break;  // it closed the socket; its death is heard of elsewhere
    }
  }
  queue_.clear();
  if (queue_.capacity() > kKeepQueueBytes) std::string().swap(queue_);
  written_ = 0;
}

void ExecutorLink::await_writable() {
  writing_ = true;
  stream_.async_wait(stream_.wait_write, [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->state_ != State::kRunning) return;
    self->writing_ = false;
    self->flush();
  });
}

void ExecutorLink::listen() {
  stream_.async_wait(stream_.wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->state_ == State::kRunning) self->on_readable();
  });
}

void ExecutorLink::on_readable() {
  std::size_t got = pool_.buffer.size();
  bool open = true;
  for (int i = 0; i < kReadsAtOnce && open && got == pool_.buffer.size(); ++i) {
    open = read_frames(got);
  }
  if (state_ != State::kRunning || !reason_.empty()) return;
  open ? listen() : on_stream_end();
}

// False at the end of the stream, after rubbish, or when the executor is gone.
bool ExecutorLink::read_frames(std::size_t& got) {
  got = 0;
  const ssize_t size = recv(stream_.native_handle(), pool_.buffer.data(), pool_.buffer.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  got = static_cast<std::size_t>(size);
  reader_.append(std::string_view(pool_.buffer.data(), got));
  return give_frames(reader_);
}

bool ExecutorLink::give_frames(wire::FrameReader& reader) {
  try {
    while (const auto frame = reader.next()) {
      MORROW_INVARIANT(state_ == State::kRunning, "frames come of running executors", id_, state_);
      pool_.events.executor_frame(id_, frame->type, frame->payload);
      if (state_ == State::kGone) return false;
    }
  } catch (const wire::ProtocolError& error) {
    reason_ = fmt::format("the executor sent what is not of the protocol: {}", error.what());
    kill();
    return false;
  }
  return true;
}

// A living process without its socket (user code closed it, or executed something else) would be waited for in vain.
void ExecutorLink::on_stream_end() {
  timer_.expires_after(kEndAfterSilence);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->state_ == State::kRunning) self->kill();
  });
}

// Its parent reports its death with the status, unless it stands still itself: stopped, say. Then nobody else would.
void ExecutorLink::watch_death() {
  if (!pidfd_.is_open()) return;
  pidfd_.async_wait(pidfd_.wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto dead = weak.lock();
    if (error || !dead || dead->state_ != State::kRunning) return;
    dead->death_timer_.expires_after(kReportedWithin);
    dead->death_timer_.async_wait([weak](const boost::system::error_code& stopped) {
      const auto self = weak.lock();
      if (stopped || !self || self->state_ != State::kRunning) return;
      self->finish({.status = SIGKILL,
                    .known = false,
                    .crash_record = {},
                    .reason = "its process died, and the first process of its program does not say how"});
    });
  });
}

void ExecutorLink::collect_results() {
  const auto self = shared_from_this();
  const auto held = results_.read();
  if (!held || state_ != State::kRunning || !reason_.empty()) return;
  // What it sent before it held these comes first. If it sends them too meanwhile, they are known the second time.
  std::size_t got = 1;
  for (int i = 0; i < kReadsAtEnd && got > 0 && read_frames(got); ++i) {
  }
  if (state_ == State::kGone || !reason_.empty() || !results_.holds(*held)) return;
  wire::FrameReader reader;
  reader.append(held->frames);
  give_frames(reader);
}

void ExecutorLink::drain_output() {
  if (state_ != State::kRunning) return;
  const auto output = output_;
  const auto errors = errors_;
  output->drain();
  errors->drain();
}

void ExecutorLink::kill() {
  const bool wanted = std::exchange(kill_wanted_, true);
  if (state_ == State::kRunning) return kill_now();
  if (state_ == State::kGone || wanted || stream_.is_open()) return;  // with an open stream its process is on its way
  boost::asio::post(pool_.io, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->state_ == State::kWaiting)
      self->finish({.status = SIGKILL, .known = true, .crash_record = {}, .reason = {}});
  });
}

void ExecutorLink::kill_now() {
  if (pool_.options.groups != nullptr) pool_.options.groups->kill(static_cast<std::uint32_t>(id_));
  if (!pidfd_.is_open()) return;
  // Its group first, which can be named while it lives. What else it has started is killed by those who reap it.
  pollfd ended{pidfd_.native_handle(), POLLIN, 0};
  if (poll(&ended, 1, 0) == 0) ::kill(-pid_, SIGKILL);
  syscall(SYS_pidfd_send_signal, pidfd_.native_handle(), SIGKILL, nullptr, 0);
}

void ExecutorLink::wait_now() {
  if (pid_ <= 0) return;
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void ExecutorLink::orphaned() {
  kill();
  if (!pidfd_.is_open()) return finish({.status = SIGKILL, .known = false, .crash_record = {}, .reason = {}});
  pidfd_.async_wait(pidfd_.wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) self->finish({.status = SIGKILL, .known = false, .crash_record = {}, .reason = {}});
  });
}

void ExecutorLink::finish(ExecutorExit exit) {
  if (state_ == State::kGone) return;
  const auto self = shared_from_this();
  const bool ran = state_ == State::kRunning;
  if (ran) {
    read_rest();
    collect_results();
    drain_output();
  }
  MORROW_INVARIANT(state_ == (ran ? State::kRunning : State::kWaiting), "an executor exits once", id_, state_);
  exit.crash_record = crash_record();
  if (!reason_.empty()) exit.reason = reason_;
  state_ = State::kGone;
  close();
  pool_.events.executor_exited(id_, exit);
  end_group(pool_, id_);
  pool_.forget(id_);
}

void ExecutorLink::read_rest() {
  std::size_t got = 1;
  for (int i = 0; i < kReadsAtEnd && got > 0 && reason_.empty() && read_frames(got); ++i) {
  }
}

std::string ExecutorLink::crash_record() const {
  std::string record(wire::ClaimWords::kResultsOffset - wire::ClaimWords::kCrashOffset, '\0');
  const ssize_t size = pread(file_.get(), record.data(), record.size(), wire::ClaimWords::kCrashOffset);
  record.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  const bool blank = std::all_of(record.begin(), record.end(), [](char byte) { return byte == '\0'; });
  return blank ? std::string() : record;
}

void ExecutorLink::drop() {
  end_group(pool_, id_);
  state_ = State::kGone;
  close();
}

void ExecutorLink::close() {
  boost::system::error_code ignored;
  stream_.close(ignored);
  pidfd_.close(ignored);
  if (output_) output_->close();
  if (errors_) errors_->close();
  timer_.cancel();
  death_timer_.cancel();
}

}  // namespace morrow::worker
