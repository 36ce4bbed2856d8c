// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <utility>

#include <morrow/detail/core.h>

#include "tests/runtime/client/connection.h"

namespace morrow::test {

inline constexpr const char* kCluster = "fake";

/// A folder for the sockets of one test.
class FakeCluster {
 public:
  FakeCluster();
  ~FakeCluster();
  FakeCluster(const FakeCluster&) = delete;
  FakeCluster& operator=(const FakeCluster&) = delete;

 private:
  std::string folder_;
};

/// A worker whose part the test plays.
class FakeWorker {
 public:
  explicit FakeWorker(const std::string& name);
  ~FakeWorker() { stop(); }
  FakeWorker(const FakeWorker&) = delete;
  FakeWorker& operator=(const FakeWorker&) = delete;

  /// Takes the next connection and reads what it says first.
  void accept();
  /// With a lease, the driver wants signs of life and gives them.
  void welcome(std::uint64_t applied = 0, std::uint64_t lease_ms = 0);
  void refuse(const std::string& sentence);
  /// No connection is taken any more, and this one breaks.
  void stop();

  void ack(std::uint64_t number);
  void answer(const wire::Await& await, std::uint32_t index, std::string bytes);
  /// Answers the end of the session, after what else the driver may say.
  void end(std::uint64_t failed = 0, const std::string& first = {});

  Connection& driver() { return driver_; }
  const wire::Hello& hello() const { return hello_; }
  const wire::Program& program() const { return program_; }

 private:
  std::string name_;
  std::string path_;
  wire::Fd listener_;
  Connection driver_;
  wire::Hello hello_;
  wire::Program program_;
};

/// Has a thread play the driver, while the test plays its worker.
template <class F>
auto in_thread(F function) {
  return std::async(std::launch::async, std::move(function));
}

/// The bytes of a value, as a task gives them.
std::string encoded(int value);

}  // namespace morrow::test
