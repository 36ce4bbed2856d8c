// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/output_pipe.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace morrow::worker {

namespace {
constexpr std::size_t kPieceBytes = 32 << 10;  // half of what a pipe holds; it lies on the stack
}  // namespace

std::pair<wire::Fd, wire::Fd> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "no pipe for it");
  return {wire::Fd(ends[0]), wire::Fd(ends[1])};
}

OutputPipe::OutputPipe(boost::asio::io_context& io, wire::Fd end, Take take) : end_(io), take_(std::move(take)) {
  fcntl(end.get(), F_SETFL, O_NONBLOCK);
  end_.assign(end.get());
  end.release();
}

void OutputPipe::start() {
  if (!end_.is_open()) return;
  end_.async_wait(end_.wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || !self->end_.is_open()) return;
    std::size_t got = 0;
    if (self->read_some(kPieceBytes, got)) self->start();
  });
}

void OutputPipe::drain() {
  int standing = 0;
  if (!end_.is_open() || ioctl(end_.native_handle(), FIONREAD, &standing) != 0) return;
  auto left = static_cast<std::size_t>(std::max(standing, 0));
  for (std::size_t got = 0; left > 0 && read_some(left, got) && got > 0;) left -= std::min(got, left);
}

void OutputPipe::close() {
  boost::system::error_code ignored;
  end_.close(ignored);
}

// False at the end of the pipe or when it was closed meanwhile.
bool OutputPipe::read_some(std::size_t limit, std::size_t& got) {
  std::array<char, kPieceBytes> bytes;
  got = 0;
  const ssize_t size = read(end_.native_handle(), bytes.data(), std::min(limit, bytes.size()));
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  got = static_cast<std::size_t>(size);
  take_(std::string_view(bytes.data(), got));
  return end_.is_open();
}

}  // namespace morrow::worker
