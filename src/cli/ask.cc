// SPDX-License-Identifier: Apache-2.0
#include "cli/ask.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "wire/frame.h"
#include "wire/join_url.h"
#include "wire/no_worker.h"
#include "wire/paths.h"
#include "wire/remote_session.h"
#include "wire/socket.h"

namespace morrow::cli {

namespace {

constexpr int kPatienceSeconds = 10;

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

std::string silent;  // the sentence about a worker that did not answer

}  // namespace

int nobody_answered(const std::string& cluster) {
  const std::string name = name_of(cluster);
  if (!silent.empty()) {
    std::fprintf(stderr, "morrow: %s\n", silent.c_str());
  } else if (wire::is_join_url(cluster)) {
    std::fprintf(stderr, "morrow: the worker of cluster %s closed the connection\n", name.c_str());
  } else {
    std::fprintf(stderr, "morrow: %s\n", wire::no_worker(name).c_str());
  }
  return 1;
}

std::vector<std::string> places_to_ask(const std::string& cluster) {
  if (wire::is_join_url(cluster)) return {cluster};
  wire::check_name("cluster", cluster);
  return wire::worker_sockets(cluster);
}

std::string name_of(const std::string& cluster) {
  return wire::is_join_url(cluster) ? wire::parse_join_url(cluster).cluster : cluster;
}

bool ask_worker(const std::string& path, const std::string& cluster, wire::FrameType type,
                const google::protobuf::MessageLite& request, wire::FrameType reply_type,
                google::protobuf::MessageLite& reply) {
  wire::RemoteSession remote;
  wire::Fd socket;  // closed before `remote` waits for its thread
  if (wire::is_join_url(path)) {
    const wire::JoinUrl url = wire::parse_join_url(path);
    socket =
        remote.connect({url.host, url.port, url.token, url.ca_fingerprint}, std::chrono::seconds(kPatienceSeconds));
  } else {
    socket = wire::connect_unix(path);
  }
  if (!socket) return false;
  const timeval patience{kPatienceSeconds, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  wire::Hello hello;
  hello.set_version(wire::kProtocolVersion);
  hello.set_kind(wire::Hello::COMMAND);
  hello.set_cluster(name_of(cluster));
  hello.set_pid(getpid());
  std::string out;
  wire::append_frame(out, wire::HELLO, hello);
  wire::append_frame(out, type, request);
  if (!send_all(socket.get(), out)) return false;
  wire::FrameReader reader;
  for (;;) {
    while (const auto frame = reader.next()) {
      if (frame->type == wire::WELCOME) {
        wire::Welcome welcome;
        wire::parse(welcome, frame->payload);
        if (!welcome.error().empty()) throw std::runtime_error(welcome.error());
      } else if (frame->type == reply_type) {
        wire::parse(reply, frame->payload);
        return true;
      }
    }
    constexpr std::size_t kRoom = 64 << 10;
    const ssize_t got = recv(socket.get(), reader.room(kRoom), kRoom, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      silent = wire::is_join_url(path) ? "the worker does not answer"
                                       : wire::silent_worker(path, wire::peer_of(socket.get()).pid);
    }
    if (got <= 0) return false;
    reader.filled(static_cast<std::size_t>(got));
  }
}

}  // namespace morrow::cli
