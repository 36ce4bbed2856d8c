// SPDX-License-Identifier: Apache-2.0
#include <morrow/session.h>

#include <atomic>
#include <string>
#include <utility>

#include <morrow/error.h>

#include "base/environment.h"
#include "runtime/driver/driver.h"
#include "runtime/executor/fork_server.h"
#include "runtime/executor/worker_above.h"

namespace morrow {

namespace {

constexpr int kMostWorkersAbove = 3;  // each has a machine's processors to give away

std::atomic<bool> session_open = false;

std::string named_cluster() { return base::environment(base::kClusterVariable); }

}  // namespace

/// The driver of the session; in a process that a worker started, it serves that worker and never returns.
struct Session::Impl {
  std::unique_ptr<runtime::Driver> driver;

  Impl(const std::string& cluster, const SessionOptions& options) {
    runtime::keep_standard_streams();
    runtime::WorkersAbove above = runtime::find_workers_above();
    if (above.channel) runtime::serve_worker(std::move(above.channel));
    if (cluster.empty() && above.count >= kMostWorkersAbove) {
      throw SessionError("this program and others start each other as tasks, " + std::to_string(above.count) +
                         " private workers deep; give it the name of a cluster");
    }
    if (session_open.exchange(true)) {
      throw SessionError("a Session is open in this process already; end it before you open another one");
    }
    try {
      driver = runtime::Driver::open(cluster, options);
    } catch (...) {
      session_open = false;
      throw;
    }
    runtime::set_client(driver.get());
  }

  ~Impl() {
    if (runtime::forked_from_client()) {
      static_cast<void>(driver.release());  // it belongs to the process we were forked from
      return;
    }
    driver->end();
    runtime::set_client(nullptr);
    driver.reset();
    session_open = false;
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
};

Session::Session() : Session(named_cluster(), SessionOptions()) {}
Session::Session(SessionOptions options) : Session(named_cluster(), std::move(options)) {}
Session::Session(std::string cluster, SessionOptions options) : impl_(std::make_unique<Impl>(cluster, options)) {}
Session::~Session() = default;

}  // namespace morrow
