// SPDX-License-Identifier: Apache-2.0
#include "floor_chain.h"

#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace morrow::bench {

namespace {

// What Morrow sends and stores for a function of two ints, as strace and the store tell: SUBMIT 183 bytes and TASK 170,
// TASK_DONE 30 and READY 16, the record 16 besides its key.
constexpr std::size_t kTaskBytes = 176;
constexpr std::size_t kAnswerBytes = 24;
constexpr std::size_t kRecordBytes = 16;
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kMapBytes = 1 << 30;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  _exit(1);
}

/// Messages of one size over a socket that never blocks: what comes in is handed out whole, what goes out waits until
/// there is room.
class Pipe {
 public:
  Pipe(int fd, std::size_t in_bytes, std::size_t out_bytes) : fd_(fd), in_bytes_(in_bytes), out_bytes_(out_bytes) {
    fcntl(fd_, F_SETFL, O_NONBLOCK);
  }

  void put(std::uint64_t number) {
    const std::size_t at = out_.size();
    out_.resize(at + out_bytes_);
    std::memcpy(out_.data() + at, &number, sizeof number);
  }

  /// False when the other side is gone.
  bool flush() {
    std::size_t sent = 0;
    while (sent < out_.size()) {
      const ssize_t put = send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EAGAIN) break;
      if (put < 0) return false;
      sent += static_cast<std::size_t>(put);
    }
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent));
    return true;
  }

  /// Appends the numbers of the messages that came. False when the other side is gone.
  bool take(std::vector<std::uint64_t>& numbers) {
    for (;;) {
      in_.resize(filled_ + kReadBytes);
      const ssize_t got = recv(fd_, in_.data() + filled_, kReadBytes, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) return false;
      filled_ += static_cast<std::size_t>(got);
      if (static_cast<std::size_t>(got) < kReadBytes) break;
    }
    std::size_t at = 0;
    for (; at + in_bytes_ <= filled_; at += in_bytes_) {
      std::uint64_t number = 0;
      std::memcpy(&number, in_.data() + at, sizeof number);
      numbers.push_back(number);
    }
    std::memmove(in_.data(), in_.data() + at, filled_ - at);
    filled_ -= at;
    return true;
  }

  pollfd wanted() const { return {fd_, static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0}; }

 private:
  int fd_;
  std::size_t in_bytes_;
  std::size_t out_bytes_;
  std::vector<char> in_;
  std::size_t filled_ = 0;
  std::vector<char> out_;
};

std::pair<int, int> socket_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  return {ends[0], ends[1]};
}

void run_executor(int fd) {
  Pipe worker(fd, kTaskBytes, kAnswerBytes);
  std::vector<std::uint64_t> tasks;
  for (;;) {
    pollfd wanted = worker.wanted();
    poll(&wanted, 1, -1);
    tasks.clear();
    if (!worker.take(tasks)) return;
    for (const std::uint64_t task : tasks) worker.put(task);
    if (!worker.flush()) return;
  }
}

class Records {
 public:
  Records(const std::string& folder, std::uint64_t window) : window_(window) {
    // The flags that Morrow's own store opens its file with.
    check(mdb_env_create(&env_), "mdb_env_create");
    check(mdb_env_set_mapsize(env_, kMapBytes), "mdb_env_set_mapsize");
    check(mdb_env_open(env_, folder.c_str(), MDB_NOTLS | MDB_NOSYNC | MDB_NOMETASYNC, 0600), "mdb_env_open");
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &transaction), "mdb_txn_begin");
    check(mdb_dbi_open(transaction, nullptr, 0, &database_), "mdb_dbi_open");
    check(mdb_txn_commit(transaction), "mdb_txn_commit");
  }

  /// One round: a record for each call that finished, none any more for those a window ago, and the round's own key.
  void commit(const std::vector<std::uint64_t>& finished) {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &transaction), "mdb_txn_begin");
    for (const std::uint64_t number : finished) {
      put(transaction, Key('f', number), kRecordBytes);
      if (number < window_) continue;
      Key old('f', number - window_);
      MDB_val key = old.value();
      check(mdb_del(transaction, database_, &key, nullptr), "mdb_del");
    }
    put(transaction, Key('r', 0), sizeof rounds_);
    ++rounds_;
    check(mdb_txn_commit(transaction), "mdb_txn_commit");
  }

 private:
  // As long as the key of a future; big-endian, so that they stand in order.
  struct Key {
    Key(char family, std::uint64_t number) {
      bytes[0] = family;
      for (std::size_t i = 0; i < 8; ++i) bytes[bytes.size() - 1 - i] = static_cast<char>(number >> (8 * i));
    }
    MDB_val value() { return {bytes.size(), bytes.data()}; }
    std::array<char, 24> bytes{};
  };

  static void check(int result, const char* what) {
    if (result == 0) return;
    std::fprintf(stderr, "floor: %s: %s\n", what, mdb_strerror(result));
    _exit(1);
  }

  void put(MDB_txn* transaction, Key key, std::size_t bytes) {
    std::array<char, kRecordBytes> record{};
    std::memcpy(record.data(), &rounds_, sizeof rounds_);
    MDB_val name = key.value();
    MDB_val value{bytes, record.data()};
    check(mdb_put(transaction, database_, &name, &value, 0), "mdb_put");
  }

  MDB_env* env_ = nullptr;
  MDB_dbi database_ = 0;
  std::uint64_t window_;
  std::uint64_t rounds_ = 0;
};

void run_worker(int driver_fd, const std::string& folder, std::uint64_t window) {
  const auto [ours, theirs] = socket_pair();
  const pid_t executor = fork();
  if (executor < 0) die("fork");
  if (executor == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ours);
    close(driver_fd);
    run_executor(theirs);
    _exit(0);
  }
  close(theirs);
  Records records(folder, window);
  Pipe driver(driver_fd, kTaskBytes, kAnswerBytes);
  Pipe tasks(ours, kAnswerBytes, kTaskBytes);
  std::vector<std::uint64_t> numbers;
  for (;;) {
    std::array<pollfd, 2> wanted{driver.wanted(), tasks.wanted()};
    poll(wanted.data(), wanted.size(), -1);
    if (wanted[0].revents != 0) {
      numbers.clear();
      if (!driver.take(numbers)) return;
      for (const std::uint64_t number : numbers) tasks.put(number);
    }
    if (wanted[1].revents != 0) {
      numbers.clear();
      if (!tasks.take(numbers)) return;
      if (!numbers.empty()) records.commit(numbers);
      for (const std::uint64_t number : numbers) driver.put(number);
    }
    if (!tasks.flush() || !driver.flush()) return;
  }
}

}  // namespace

FloorChain::FloorChain(std::uint64_t window) {
  std::string folder = "/tmp/morrow-floor-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  folder_ = folder;
  const auto [ours, theirs] = socket_pair();
  std::fflush(nullptr);
  worker_ = fork();
  if (worker_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (worker_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ours);
    run_worker(theirs, folder_, window);
    _exit(0);
  }
  close(theirs);
  socket_ = ours;
}

FloorChain::~FloorChain() {
  close(socket_);
  waitpid(worker_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void FloorChain::call(std::size_t count) {
  Pipe worker(socket_, kAnswerBytes, kTaskBytes);
  for (std::size_t i = 0; i < count; ++i) worker.put(next_++);
  std::vector<std::uint64_t> answers;
  bool there = worker.flush();
  while (there && answers.size() < count) {
    pollfd wanted = worker.wanted();
    poll(&wanted, 1, -1);
    there = worker.take(answers) && worker.flush();
  }
  if (!there) throw std::runtime_error("a process of the floor's chain has ended; what it said is above");
}

}  // namespace morrow::bench
