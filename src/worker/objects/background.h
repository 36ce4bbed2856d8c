// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace morrow::worker {

/// Calls functions on the main thread, from any thread, until the Background that gave it stops. It may live longer
/// than that, but not than the io_context. Copies are cheap. Thread-safe.
class MainThread {
 public:
  MainThread(boost::asio::io_context& io, std::weak_ptr<bool> alive) : io_(&io), alive_(std::move(alive)) {}

  template <class Function>
  void post(Function function) const {
    boost::asio::post(*io_, [alive = alive_, function = std::move(function)]() mutable {
      if (alive.lock()) function();
    });
  }

 private:
  boost::asio::io_context* io_;
  std::weak_ptr<bool> alive_;
};

/// Threads for work on many bytes: reading, writing, checksums, growth. Their results come back to the main thread,
/// unless it has stopped by then. Owned by Objects. Main thread only.
class Background {
 public:
  explicit Background(boost::asio::io_context& io) : io_(io), threads_(kThreads) {}
  ~Background() { stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Calls `job()` on a thread, then `done(its result)` on the main one. `job` must not throw.
  template <class Job, class Done>
  void run(Job job, Done done) {
    boost::asio::post(threads_, [job = std::move(job), done = std::move(done), main = main_thread()]() mutable {
      main.post([done = std::move(done), result = job()]() mutable { done(std::move(result)); });
    });
  }

  MainThread main_thread() const { return {io_, alive_}; }

  /// Waits for the jobs that run. No result is told from here on.
  void stop() {
    alive_.reset();
    threads_.join();
  }

 private:
  static constexpr std::size_t kThreads = 2;  // one that reads does not wait for one that writes

  boost::asio::io_context& io_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::thread_pool threads_;
};

}  // namespace morrow::worker
