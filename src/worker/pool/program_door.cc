// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program_door.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "wire/worker_door.h"

namespace morrow::worker {

ProgramDoor::ProgramDoor(boost::asio::io_context& io, Take take) : socket_(io), take_(std::move(take)) {
  wire::Fd socket = wire::listen_for_descendants();
  if (!socket) return;  // programs that close what they were given are not helped then
  fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  socket_.assign(socket.release());
  listen();
}

void ProgramDoor::listen() {
  socket_.async_wait(socket_.wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    take_all();
    listen();
  });
}

void ProgramDoor::take_all() {
  for (;;) {
    wire::Fd connection(accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    const wire::Peer peer = wire::peer_of(connection.get());
    if (peer.uid == geteuid()) take_(peer.pid, std::move(connection));
  }
}

}  // namespace morrow::worker
