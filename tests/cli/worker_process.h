// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "wire/frame.h"
#include "wire/socket.h"

/// The real `morrow` command, for tests.
namespace morrow::test {

/// A home of its own for everything a cluster leaves on a machine; gone at the end.
class Home {
 public:
  Home();
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A running `morrow`. Killed at the end when it still runs.
class Command {
 public:
  /// `keep` stays open in the child under the same number.
  explicit Command(std::vector<std::string> arguments, int keep = -1);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  pid_t pid() const { return pid_; }
  /// Reads what it says on standard error until `text` comes; false when it ends before. A hang fails the test.
  bool says(const std::string& text);
  /// Its exit status, or 128 + the signal that ended it.
  int wait();
  void signal(int number) const;
  const std::string& error_text() const { return error_; }
  const std::string& output() const { return output_; }

 private:
  bool read_more();
  pid_t pid_ = -1;
  std::optional<int> status_;
  wire::Fd out_, err_;
  std::string output_, error_;
};

/// Speaks the session protocol by hand.
class Peer {
 public:
  explicit Peer(wire::Fd socket) : socket_(std::move(socket)) {}
  explicit Peer(const std::string& path) : socket_(wire::connect_unix(path)) {}

  void send(wire::FrameType type, const google::protobuf::MessageLite& message);
  void send_bytes(const std::string& bytes);
  /// The next frame of `type`, others are skipped; false at the end of the connection.
  bool receive(wire::FrameType type, google::protobuf::MessageLite& message);
  bool closed();
  void hello(const std::string& cluster, std::uint64_t session, std::uint64_t grace_ms = 10'000, bool resume = false);
  void close() { socket_.reset(); }

 private:
  wire::Fd socket_;
  wire::FrameReader reader_;
};

}  // namespace morrow::test
