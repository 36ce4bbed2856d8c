// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program_door.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "wire/worker_door.h"

namespace morrow::worker {

namespace {

constexpr std::chrono::milliseconds kAgain{200};  // when no descriptor is free

}  // namespace

ProgramDoor::ProgramDoor(boost::asio::io_context& io, Take take) : socket_(io), again_(io), take_(std::move(take)) {
  wire::Fd socket = wire::listen_for_descendants();
  if (!socket) return;  // programs that close what they were given are not helped then
  fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  socket_.assign(socket.release());
  listen();
}

void ProgramDoor::listen() {
  socket_.async_wait(socket_.wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    if (take_all()) return listen();
    again_.expires_after(kAgain);
    again_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) listen();
    });
  });
}

bool ProgramDoor::take_all() {
  for (;;) {
    wire::Fd connection(accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (!connection) return errno == EAGAIN || errno == EWOULDBLOCK;
    const wire::Peer peer = wire::peer_of(connection.get());
    if (peer.uid == geteuid()) take_(peer.pid, std::move(connection));
  }
}

}  // namespace morrow::worker
