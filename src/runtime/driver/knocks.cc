// SPDX-License-Identifier: Apache-2.0
//
// A worker that is stopped takes connections all the same: the kernel does it in its name. So a connection proves
// nothing, and a driver that waited for one worker before it tried the next would be held up by each that stands still.
//
// To say HELLO to several at once and take the first WELCOME would not do: each HELLO is a wish for the session, and
// the one that comes last takes it away from the one that answered first. So a driver knocks first, which wishes
// nothing, and only who answered is asked for the session.
//
// What is knocked at stays open until it answers, over many tries: a worker that goes on after a while finds one
// connection and not hundreds, and is found at once.
#include "runtime/driver/knocks.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>
#include <utility>

#include "base/random_id.h"
#include "wire/messages.pb.h"
#include "wire/paths.h"

namespace morrow::runtime {

namespace {

constexpr std::chrono::milliseconds kNextKnockAfter{100};  // one that lives answers sooner
constexpr std::size_t kReadBytes = 4 << 10;

}  // namespace

std::optional<Knocks::Answer> Knocks::first(const std::set<std::string>& except, Clock::time_point deadline) {
  trouble_.clear();
  std::vector<std::string> left = fresh(except);
  for (;;) {
    if (!left.empty()) {
      knock(left.back());
      left.pop_back();
    }
    const bool may_answer =
        std::any_of(knocks_.begin(), knocks_.end(), [&](const Knock& one) { return !except.contains(one.path); });
    if (!may_answer && left.empty()) return std::nullopt;
    if (may_answer) listen(left.empty() ? deadline : std::min(deadline, Clock::now() + kNextKnockAfter));
    std::erase_if(knocks_, [](const Knock& one) { return one.gone; });
    const auto answered = std::find_if(knocks_.begin(), knocks_.end(), [](const Knock& one) { return one.answered; });
    if (answered != knocks_.end()) {
      Answer answer{std::move(answered->socket), std::move(answered->path), std::move(answered->error)};
      knocks_.erase(answered);
      if (!except.contains(answer.path)) return answer;
    }
    if (left.empty() && Clock::now() >= deadline) return std::nullopt;
  }
}

/// The sockets that were not knocked at, in random order.
std::vector<std::string> Knocks::fresh(const std::set<std::string>& except) const {
  std::vector<std::string> sockets = wire::worker_sockets(cluster_);
  std::erase_if(sockets, [&](const std::string& path) {
    return except.contains(path) ||
           std::any_of(knocks_.begin(), knocks_.end(), [&](const Knock& one) { return one.path == path; });
  });
  std::shuffle(sockets.begin(), sockets.end(), std::minstd_rand(static_cast<unsigned>(base::random_id())));
  return sockets;
}

void Knocks::knock(const std::string& path) {
  try {
    wire::Fd socket = wire::connect_unix(path, false);
    if (!socket) return;
    wire::Hello hello;
    hello.set_version(wire::kProtocolVersion);
    hello.set_kind(wire::Hello::KNOCK);
    hello.set_cluster(cluster_);
    std::string out;
    wire::append_frame(out, wire::HELLO, hello);
    if (send(socket.get(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(out.size()))
      return;
    Knock& one = knocks_.emplace_back();
    one.path = path;
    one.socket = std::move(socket);
  } catch (const std::system_error& error) {
    trouble_ = error.what();  // no descriptor left, or not one of ours
  }
}

/// Until one has something to say.
void Knocks::listen(Clock::time_point until) {
  std::vector<pollfd> polled;
  polled.reserve(knocks_.size());
  for (const Knock& one : knocks_) polled.push_back({one.socket.get(), POLLIN, 0});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  if (poll(polled.data(), polled.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000))) <= 0) return;
  for (std::size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents != 0) hear(knocks_[i]);
  }
}

void Knocks::hear(Knock& knock) {
  const ssize_t got = recv(knock.socket.get(), knock.frames.room(kReadBytes), kReadBytes, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  knock.gone = got <= 0;
  if (knock.gone) return;
  knock.frames.filled(static_cast<std::size_t>(got));
  try {
    const auto frame = knock.frames.next();
    if (!frame) return;
    if (frame->type != wire::WELCOME) throw wire::ProtocolError("the worker did not answer HELLO with WELCOME");
    wire::Welcome welcome;
    wire::parse(welcome, frame->payload);
    knock.error = welcome.error();
  } catch (const wire::ProtocolError& error) {
    knock.error = error.what();
  }
  knock.answered = true;
}

std::string Knocks::silent() const {
  if (knocks_.empty()) return trouble_;
  try {
    return wire::silent_worker(knocks_.front().path, wire::peer_of(knocks_.front().socket.get()).pid);
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace morrow::runtime
