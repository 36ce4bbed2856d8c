// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/line_spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace morrow::worker {

namespace {

/// Not every file system makes files without a name.
wire::Fd nameless_file(const std::string& folder) {
  wire::Fd file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  std::string name = folder + "/spool-XXXXXX";
  file = wire::Fd(mkostemp(name.data(), O_CLOEXEC));
  if (file) unlink(name.c_str());
  return file;
}

bool write_at(int file, std::string_view bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return true;
}

}  // namespace

LineSpool::LineSpool(std::string folder, std::uint64_t most_bytes)
    : folder_(std::move(folder)), most_bytes_(most_bytes) {}

bool LineSpool::add(std::string_view bytes) {
  if (bytes.size() > most_bytes_ - (end_ - begin_)) return false;
  if (!file_) file_ = nameless_file(folder_);
  if (!file_ || !write_at(file_.get(), bytes, end_)) return false;
  end_ += bytes.size();
  return true;
}

std::string LineSpool::take(std::size_t most) {
  std::string bytes(std::min<std::uint64_t>(most, end_ - begin_), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = pread(file_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(begin_ + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw std::system_error(got < 0 ? errno : EIO, std::generic_category(), "lines that wait can't be read");
    done += static_cast<std::size_t>(got);
  }
  begin_ += bytes.size();
  if (empty()) {
    file_.reset();  // and with it the room on disk
    begin_ = end_ = 0;
  } else {
    fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(begin_));
  }
  return bytes;
}

}  // namespace morrow::worker
