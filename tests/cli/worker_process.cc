// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/worker_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace morrow::test {

namespace {

constexpr int kHangSeconds = 60;

}  // namespace

Home::Home() {
  char folder[] = "/tmp/mws_XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = folder;
  std::filesystem::create_directory(path_ + "/run");
  setenv("MORROW_HOME", (path_ + "/home").c_str(), 1);
  setenv("XDG_RUNTIME_DIR", (path_ + "/run").c_str(), 1);
}

Home::~Home() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Command::Command(std::vector<std::string> arguments, int keep) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  out_ = wire::Fd(out[0]);
  err_ = wire::Fd(err[0]);
  const wire::Fd child_out(out[1]);
  const wire::Fd child_err(err[1]);
  arguments.insert(arguments.begin(), MORROW_TEST_COMMAND);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(child_out.get(), 1);
    dup2(child_err.get(), 2);
    if (keep >= 0) fcntl(keep, F_SETFD, 0);
    execv(argv[0], argv.data());
    _exit(127);
  }
}

Command::~Command() {
  if (status_ || pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Command::read_more() {
  std::array<pollfd, 2> fds{{{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}}};
  const int ready = poll(fds.data(), fds.size(), kHangSeconds * 1000);
  if (ready <= 0) {
    ADD_FAILURE() << "hangs; it said: " << error_;
    return false;
  }
  for (std::size_t i = 0; i < 2; ++i) {
    if (fds[i].revents == 0) continue;
    std::array<char, 4096> text{};
    const ssize_t got = read(fds[i].fd, text.data(), text.size());
    if (got > 0) {
      (i == 0 ? output_ : error_).append(text.data(), static_cast<std::size_t>(got));
    } else {
      (i == 0 ? out_ : err_).reset();
    }
  }
  return out_ || err_;
}

bool Command::says(const std::string& text) {
  while (error_.find(text) == std::string::npos) {
    if (!read_more() && error_.find(text) == std::string::npos) return false;
  }
  return true;
}

int Command::wait() {
  while (out_ || err_) {
    if (!read_more()) break;
  }
  if (!status_) {
    int status = 0;
    waitpid(pid_, &status, 0);
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return *status_;
}

void Command::signal(int number) const { ::kill(pid_, number); }

void Peer::send(wire::FrameType type, const google::protobuf::MessageLite& message) {
  std::string bytes;
  wire::append_frame(bytes, type, message);
  send_bytes(bytes);
}

void Peer::send_bytes(const std::string& bytes) {
  ASSERT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

bool Peer::receive(wire::FrameType type, google::protobuf::MessageLite& message) {
  const timeval patience{kHangSeconds, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (;;) {
    while (const auto frame = reader_.next()) {
      if (frame->type != type) continue;
      wire::parse(message, frame->payload);
      return true;
    }
    constexpr std::size_t kRoom = 1 << 16;
    const ssize_t got = recv(socket_.get(), reader_.room(kRoom), kRoom, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) ADD_FAILURE() << "hangs: no frame of type " << type;
    if (got <= 0) return false;
    reader_.filled(static_cast<std::size_t>(got));
  }
}

bool Peer::closed() {
  wire::Notice nothing;
  return !receive(wire::FRAME_NONE, nothing);
}

void Peer::hello(const std::string& cluster, std::uint64_t session, std::uint64_t grace_ms, bool resume) {
  wire::Hello hello;
  hello.set_version(wire::kProtocolVersion);
  hello.set_kind(wire::Hello::DRIVER);
  hello.set_cluster(cluster);
  hello.set_session(session);
  hello.set_program(std::string(16, 'p'));
  hello.set_pid(getpid());
  hello.set_grace_ms(grace_ms);
  hello.set_resume(resume);
  hello.set_maps_objects(true);  // as a driver on the worker's machine, which need not show that it lives
  send(wire::HELLO, hello);
}

}  // namespace morrow::test
