// SPDX-License-Identifier: Apache-2.0
#include "wire/remote_session.h"

#include <memory>
#include <utility>

#include "wire/pump.h"

namespace morrow::wire {

void expect_status(const HttpResponse& response, int status, const Endpoint& endpoint) {
  if (response.status == status) return;
  if (response.status == 401)
    throw WrongToken("the token is not that of the cluster; get a new line by: morrow token CLUSTER");
  if (response.status == 503)
    throw Busy("the worker at " + endpoint.host + ":" + std::to_string(endpoint.port) +
               " is busy: more want to talk to it than it takes");
  const auto upgrade = response.headers.find("upgrade");
  if (response.status == 426 && upgrade != response.headers.end() && upgrade->second.starts_with("TLS"))
    throw NotTrusted("the worker at " + endpoint.host + ":" + std::to_string(endpoint.port) +
                     " encrypts, and the line has no ca=... to know it by; get a new line by: morrow token CLUSTER");
  throw NetworkError("what listens at " + endpoint.host + ":" + std::to_string(endpoint.port) +
                     " answered with status " + std::to_string(response.status) + ": is it a worker of this release?");
}

NetStream open_remote_session(const Endpoint& endpoint, std::chrono::milliseconds patience) {
  HttpConnection connection(endpoint, patience);
  expect_status(connection.get("/session", {{"connection", "Upgrade"}, {"upgrade", "morrow-session"}}), 101, endpoint);
  return connection.take();
}

Fd RemoteSession::connect(const Endpoint& endpoint, std::chrono::milliseconds patience) {
  close();
  return carry(open_remote_session(endpoint, patience));
}

Fd RemoteSession::carry(NetStream opened) {
  close();
  auto [here, there] = socket_pair(false);
  stop_ = false;
  const auto stream = std::make_shared<NetStream>(std::move(opened));
  thread_ = std::thread([this, stream, fd = there.release()] {
    try {
      pump(*stream, Fd(fd), stop_);
    } catch (const std::exception&) {  // the end of the local socket tells
    }
  });
  return std::move(here);
}

void RemoteSession::close() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace morrow::wire
