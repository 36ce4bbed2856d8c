// SPDX-License-Identifier: Apache-2.0
#include <morrow/session.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <morrow/error.h>

#include "base/environment.h"
#include "base/shown.h"
#include "runtime/backend/backend.h"
#include "runtime/driver/driver.h"
#include "runtime/executor/fork_server.h"
#include "runtime/executor/worker_above.h"
#include "runtime/in_process/in_process.h"

namespace morrow {

namespace {

constexpr int kMostWorkersAbove = 3;  // each has a machine's processors to give away

std::atomic<bool> session_open = false;

std::string named_cluster() { return base::environment(base::kClusterVariable); }

bool is_in_process(const SessionOptions& options) {
  const std::string wanted = base::environment(base::kInProcessVariable);
  if (wanted.empty()) return options.in_process;
  if (wanted != "0" && wanted != "1")
    throw SessionError(std::string(base::kInProcessVariable) + " is \"" + base::shown_line(wanted) +
                       "\"; it must be 1 (tasks run in the program's own process), 0 or empty");
  return wanted == "1";
}

std::unique_ptr<runtime::Backend> open_backend(const std::string& cluster, const SessionOptions& options) {
  if (is_in_process(options)) return std::make_unique<runtime::InProcess>(options);
  return runtime::Driver::open(cluster, options);
}

}  // namespace

/// The backend of the session; in a process that a worker started, it serves that worker and never returns.
struct Session::Impl {
  std::unique_ptr<runtime::Backend> backend;

  Impl(const std::string& cluster, const SessionOptions& options) {
    runtime::keep_standard_streams();
    runtime::WorkersAbove above = runtime::find_workers_above();
    if (above.channel) runtime::serve_worker(std::move(above.channel));
    if (cluster.empty() && above.count >= kMostWorkersAbove && !is_in_process(options)) {
      throw SessionError("this program and others start each other as tasks, " + std::to_string(above.count) +
                         " private workers deep; give it the name of a cluster");
    }
    if (session_open.exchange(true)) {
      throw SessionError("a Session is open in this process already; end it before you open another one");
    }
    try {
      backend = open_backend(cluster, options);
    } catch (...) {
      session_open = false;
      throw;
    }
    runtime::set_backend(backend.get());
  }

  ~Impl() {
    if (runtime::forked_from_backend()) {
      static_cast<void>(backend.release());  // it belongs to the process we were forked from
      return;
    }
    backend->end();
    runtime::set_backend(nullptr);
    backend.reset();
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
