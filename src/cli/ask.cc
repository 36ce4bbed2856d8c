// SPDX-License-Identifier: Apache-2.0
//
// A command that asks all workers must not wait for the one that stands still, and can't know beforehand which one that
// is. A worker answers a greeting from memory at once, also when its store is away; so all are greeted together, and
// who has not answered after a moment is named and not asked. The questions then may take as long as they need: who was
// just heard of is at work on them.
#include "cli/ask.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/random_id.h"
#include "cli/exit_status.h"
#include "cli/view.h"
#include "wire/join_url.h"
#include "wire/no_worker.h"
#include "wire/paths.h"

namespace morrow::cli {

namespace {

/// A worker that runs answers from memory, also on a busy machine.
constexpr std::chrono::seconds kGreetWithin{2};
/// A host is farther away.
constexpr std::chrono::seconds kReachWithin{10};
constexpr std::chrono::milliseconds kAskAgain{100};
constexpr int kReadsWhenLate = 256;  // as much as a frame may have, twice

/// One that is busy is asked again until it is time.
wire::Fd reach(wire::RemoteSession& session, const wire::Endpoint& worker) {
  const Deadline deadline = after(kReachWithin);
  for (;;) {
    try {
      return session.connect(worker, kReachWithin);
    } catch (const wire::Busy&) {
      const auto pause = kAskAgain / 2 + std::chrono::milliseconds(base::random_id() % kAskAgain.count());
      if (std::chrono::steady_clock::now() + pause >= deadline) throw;
      std::this_thread::sleep_for(pause);
    }
  }
}

std::vector<std::string> places_of(const std::string& cluster) {
  if (wire::is_join_url(cluster)) return {cluster};
  wire::check_name("cluster", cluster);
  return wire::worker_sockets(cluster);
}

}  // namespace

Deadline after(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

std::string name_of(const std::string& cluster) {
  return wire::is_join_url(cluster) ? wire::parse_join_url(cluster).cluster : cluster;
}

Talk::Talk(const std::string& place, const std::string& cluster) : place_(place) {
  if (wire::is_join_url(place)) {
    const wire::JoinUrl url = wire::parse_join_url(place);
    remote_ = std::make_unique<wire::RemoteSession>();
    socket_ = reach(*remote_, {url.host, url.port, url.token, url.ca_fingerprint});
  } else {
    worker_ = wire::worker_of_socket(place);
    errno = 0;
    socket_ = wire::connect_unix(place, false);
    silent_ = !socket_ && errno == EAGAIN;
  }
  if (!socket_) return;
  wire::Hello hello;
  hello.set_version(wire::kProtocolVersion);
  hello.set_kind(wire::Hello::COMMAND);
  hello.set_cluster(name_of(cluster));
  hello.set_pid(getpid());
  say(wire::HELLO, hello);
}

void Talk::say(wire::FrameType type, const google::protobuf::MessageLite& message) {
  std::string frame;
  wire::append_frame(frame, type, message);
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t put = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // it went away, or reads nothing: no answer will come
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
}

/// False: nothing more came in time.
bool Talk::fill(Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd readable{socket_.get(), POLLIN, 0};
    const int ready = poll(&readable, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) silent_ = true;
    if (ready <= 0) return false;
    constexpr std::size_t kRoom = 64 << 10;
    const ssize_t got = recv(socket_.get(), reader_.room(kRoom), kRoom, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return false;
    reader_.filled(static_cast<std::size_t>(got));
    return true;
  }
}

bool Talk::hear(wire::FrameType type, google::protobuf::MessageLite& reply, Deadline deadline) {
  // What came in time is read. Whatever else a program says that has put its socket there, and however much: without an
  // answer it is silent.
  for (int late = 0; late < kReadsWhenLate;) {
    while (const auto frame = reader_.next()) {
      if (frame->type == wire::WELCOME) {
        wire::Welcome welcome;
        wire::parse(welcome, frame->payload);
        if (!welcome.error().empty()) throw std::runtime_error(welcome.error());
        worker_ = welcome.worker();
      }
      if (frame->type != type) continue;
      wire::parse(reply, frame->payload);
      return true;
    }
    if (std::chrono::steady_clock::now() >= deadline) ++late;
    if (!fill(deadline)) return false;
  }
  silent_ = true;
  return false;
}

bool hears_answer(Talk& worker, Workers& workers, wire::FrameType type, google::protobuf::MessageLite& reply,
                  Deadline deadline) {
  std::string trouble;
  try {
    if (worker.hear(type, reply, deadline)) return true;
    trouble = worker.silence();
  } catch (const std::runtime_error& error) {
    trouble = "what listens as worker " + worker.worker() + " does not answer as a worker does: " + error.what();
  }
  workers.troubles.push_back(std::move(trouble));
  return false;
}

std::string Talk::silence() const {
  const std::string who = worker_.empty() ? "the worker of cluster " + name_of(place_) : "worker " + worker_;
  if (!silent_) return who + " closed the connection";
  if (!socket_) return who + " does not answer: it takes no more connections";
  return remote_ ? who + " does not answer" : wire::silent_worker(place_, wire::peer_of(socket_.get()).pid);
}

Workers greet(const std::string& cluster) {
  Workers workers;
  const auto or_trouble = [&workers](const auto& attempt) {
    try {
      attempt();
    } catch (const std::runtime_error& error) {
      workers.troubles.emplace_back(error.what());
    }
  };
  std::vector<Talk> greeted;
  for (const std::string& place : places_of(cluster)) {
    or_trouble([&] {
      Talk talk(place, cluster);
      if (talk.connected()) {
        greeted.push_back(std::move(talk));
      } else if (talk.silent()) {
        workers.troubles.push_back(talk.silence());
      }
    });
  }
  const Deadline deadline = after(wire::is_join_url(cluster) ? kReachWithin : kGreetWithin);
  for (Talk& talk : greeted) {
    or_trouble([&] {
      wire::Welcome welcome;
      if (talk.hear(wire::WELCOME, welcome, deadline)) {
        workers.there.push_back(std::move(talk));
      } else {
        workers.troubles.push_back(talk.silence());
      }
    });
  }
  return workers;
}

void say_troubles(const Workers& workers) {
  for (const std::string& trouble : workers.troubles) complain(trouble);
}

int nobody_answered(const std::string& cluster, const Workers& workers) {
  const std::string name = name_of(cluster);
  say_troubles(workers);
  if (!workers.troubles.empty()) return kFailed;
  if (wire::is_join_url(cluster)) {
    complain("the worker of cluster " + name + " closed the connection");
  } else {
    complain(wire::no_worker(name));
  }
  return kFailed;
}

}  // namespace morrow::cli
