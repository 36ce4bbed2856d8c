// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "wire/socket.h"

namespace morrow::worker {

/// A new pipe: its reading and its writing end, both close-on-exec. \throws std::system_error
std::pair<wire::Fd, wire::Fd> make_pipe();

/// The reading end of a process's standard output or error. Owned by a shared_ptr; not thread-safe.
class OutputPipe : public std::enable_shared_from_this<OutputPipe> {
 public:
  using Take = std::function<void(std::string_view)>;

  /// `take` gets each piece that was read, never after `close`.
  OutputPipe(boost::asio::io_context& io, wire::Fd end, Take take);

  /// Reads whenever something comes, until the end.
  void start();
  /// Reads the bytes that stand in it now and no more: somebody may write for ever.
  void drain();
  void close();

 private:
  bool read_some(std::size_t limit, std::size_t& got);

  boost::asio::posix::stream_descriptor end_;
  Take take_;
};

}  // namespace morrow::worker
