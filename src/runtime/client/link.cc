// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/defer.h"
#include "base/invariant.h"
#include "base/must.h"

// The problem: many threads wait for answers on one socket. A thread of its own that reads it would cost two changes of
// thread for each answer.
//
// So the threads take turns (leader and followers): the first one that waits reads for all, with the mutex let go while
// it polls; it hands each frame to the Handler, which wakes the thread that the frame is for. When the reader has its
// own answer it leaves and wakes the next one. A thread that hosts tasks leaves too while such a task runs on top of
// it.
//
// The background thread of a driver reads only while nobody else wants to: a thread that waits takes the socket away
// from it (reader_ changes, background_wake_ is raised). pump looks for that when it has the mutex again.
//
// Bytes that do not go out at once are written by the next thread that polls: wake_ has a reader that polls for input
// alone begin again.
namespace morrow::runtime {

namespace {

// Then it looks again whether it is wanted: it can't be woken when the program has closed what it is woken by.
constexpr std::chrono::seconds kBackgroundReadsFor{1};
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kCompactBytes = 256 << 10;
constexpr std::size_t kKeepBytes = 1 << 20;

void raise_event(const wire::Fd& event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event.get(), &one, sizeof(one));
}

void clear_event(const wire::Fd& event) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event.get(), &count, sizeof(count));
}

}  // namespace

Link::Link(Handler& handler) : handler_(handler), wake_(wire::make_event()), background_wake_(wire::make_event()) {}

void Link::attach(wire::Fd socket, wire::FrameReader frames, std::string out) {
  socket_ = std::move(socket);
  frames_ = std::move(frames);
  out_ = std::move(out);
  sent_ = 0;
  write();
  deliver();
  wake_all();
}

wire::Fd Link::take_socket() {
  write();
  wire::Fd socket = std::move(socket_);
  if (unsent() != 0) socket.reset();
  return socket;
}

void Link::send(wire::FrameType type, const google::protobuf::MessageLite& message) {
  if (connected()) wire::append_frame(out_, type, message);
}

void Link::send(std::string_view frame) {
  if (connected()) out_.append(frame);
}

void Link::write() {
  if (!connected()) return;
  MORROW_INVARIANT(sent_ <= out_.size(), "no more is sent than was to be", sent_, out_.size());
  while (sent_ < out_.size()) {
    const ssize_t put = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put >= 0) {
      sent_ += static_cast<std::size_t>(put);
      ++said_;
      continue;
    }
    if (errno == EINTR) continue;
    const bool full = errno == EAGAIN || errno == EWOULDBLOCK;
    if (!full) sent_ = out_.size();  // the reader finds the end, after the last frames of the other side
    if (full && sent_ > kCompactBytes) {
      out_.erase(0, sent_);
      sent_ = 0;
    }
    if (reader_ != nullptr && polling_ && !polls_output_) {
      if (reader_->background) {
        interrupt_background();
      } else {
        raise_event(wake_);
      }
    }
    handler_.on_stuck();
    if (full) return;
  }
  out_.clear();
  sent_ = 0;
  if (out_.capacity() > kKeepBytes) out_.shrink_to_fit();
}

bool Link::may_read(const Waiter& me) {
  if (!connected() || delivering_) return false;
  if (reader_ == nullptr || reader_ == &me) return true;
  if (!reader_->background || me.background) return false;
  interrupt_background();
  return true;
}

void Link::leave(Waiter& me) {
  if (reader_ != &me) return;
  reader_ = nullptr;
  if (!me.background || !followers_.empty()) call_reader();
}

/// Nobody reads now.
void Link::call_reader() {
  if (followers_.empty()) return handler_.on_reader_left();
  followers_.front()->changed.notify_one();
}

bool Link::wait(Waiter& me, const std::function<bool()>& done, const Deadline& deadline) {
  const base::Defer leaves([&] {
    mutex_.assert_held();
    leave(me);
  });
  for (;;) {
    if (done()) return true;
    handler_.check();
    if (me.hosts && handler_.has_guest()) {
      leave(me);  // somebody else must read while the guest runs
      handler_.run_guest();
      continue;
    }
    if (deadline && Clock::now() >= *deadline) return false;
    if (may_read(me)) {
      reader_ = &me;
      pump(me, deadline);
      continue;
    }
    if (reader_ == &me) reader_ = nullptr;
    follow(me, deadline);
  }
}

/// Until somebody has news for this thread, or the deadline.
void Link::follow(Waiter& me, const Deadline& deadline) {
  MORROW_INVARIANT(reader_ != &me, "a thread either reads or follows the one that does");
  followers_.push_back(&me);
  if (deadline) {
    me.changed.wait_until(mutex_, *deadline);
  } else {
    me.changed.wait(mutex_);
  }
  base::must_erase(followers_, &me, "a thread follows the reader until it leaves");
}

void Link::read_in_background(Waiter& me) {
  if (!may_read(me)) return;
  reader_ = &me;
  pump(me, Clock::now() + kBackgroundReadsFor);
  leave(me);
}

void Link::read_now() {
  if (connected() && reader_ == nullptr && !delivering_) read_once();
}

void Link::give_up() {
  // Not closed: a thread may just poll it, and its number would be given to another file.
  if (connected()) shutdown(socket_.get(), SHUT_RDWR);
}

void Link::interrupt_background() { raise_event(background_wake_); }

void Link::wake_all() {
  for (Waiter* waiter : followers_) waiter->changed.notify_one();
  if (polling_ && has_foreground_reader()) raise_event(wake_);
}

void Link::pump(Waiter& me, const Deadline& deadline) {
  const wire::Fd& wake = me.background ? background_wake_ : wake_;
  polls_output_ = unsent() > 0;
  pollfd polled[2] = {{socket_.get(), static_cast<short>(polls_output_ ? POLLIN | POLLOUT : POLLIN), 0},
                      {wake.get(), POLLIN, 0}};
  timespec limit{};
  if (deadline) {
    const auto left = std::max<std::chrono::nanoseconds>(*deadline - Clock::now(), std::chrono::nanoseconds(0));
    limit.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
    limit.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
  }
  polling_ = true;
  const bool soon = !me.background && handler_.expects_soon();
  int count = 0;
  {
    const base::MutexUnlock unlocked(mutex_);
    const timespec no_time{};
    if (!soon || !spin_.until([&] { return (count = ppoll(polled, 2, &no_time, nullptr)) != 0; }))
      count = ppoll(polled, 2, deadline ? &limit : nullptr, nullptr);
  }
  if (count > 0 && polled[1].revents != 0) clear_event(wake);
  if (reader_ != &me) return;
  polling_ = false;
  if (count <= 0) return;
  if ((polled[0].revents & POLLOUT) != 0) write();
  if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0) read_once();
}

void Link::read_once() {
  const ssize_t got = recv(socket_.get(), frames_.room(kReadBytes), kReadBytes, MSG_DONTWAIT);
  if (got > 0) {
    ++heard_;
    frames_.filled(static_cast<std::size_t>(got));
    deliver();
  } else if (got == 0) {
    lose("");
  } else if (errno == EBADF || errno == ENOTSOCK) {
    socket_.release();  // not ours any more
    lose(kClosedByProgram);
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    lose(errno == ECONNRESET ? "" : std::strerror(errno));
  }
}

void Link::deliver() {
  delivering_ = true;
  const base::Defer delivered([this] {
    mutex_.assert_held();
    delivering_ = false;
    if (reader_ == nullptr) call_reader();  // those who wanted to read meanwhile sleep
  });
  try {
    while (connected()) {
      const auto frame = frames_.next();
      if (!frame) return;
      handler_.on_frame(frame->type, frame->payload);
    }
  } catch (const wire::ProtocolError& error) {
    lose(error.what());
  }
}

void Link::lose(const std::string& why) {
  socket_.reset();
  lost_at_ = Clock::now();
  frames_ = wire::FrameReader();
  out_.clear();
  sent_ = 0;
  handler_.on_lost(why);
  wake_all();
}

}  // namespace morrow::runtime
