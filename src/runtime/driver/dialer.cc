// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/dialer.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include <morrow/error.h>

#include "runtime/backend/telling.h"
#include "runtime/image/program.h"
#include "wire/join_url.h"
#include "wire/no_worker.h"
#include "wire/paths.h"

namespace morrow::runtime {

namespace {

constexpr std::chrono::seconds kSayWaitingAfter{1};
constexpr std::chrono::milliseconds kLookAgain{50};
constexpr std::chrono::milliseconds kTryFor{500};  // at a time

}  // namespace

Dialer::Dialer(const std::string& where, const SessionOptions& options)
    : cluster_(wire::is_join_url(where) ? "" : where), knocks_(cluster_) {
  if (where.empty()) {
    worker_ = std::make_unique<PrivateWorker>(options);
    return;
  }
  try {
    if (wire::is_join_url(where)) {
      const wire::JoinUrl url = wire::parse_join_url(where);
      cluster_ = url.cluster;
      token_ = url.token;
      remote_ = std::make_unique<Remote>(url);
    }
    wire::check_name("cluster", cluster_);
  } catch (const std::invalid_argument& error) {
    throw SessionError(error.what());
  }
}

void Dialer::introduce(std::uint64_t session, const SessionOptions& options) {
  program_ = make_program(session, options.fork_server, token_, options.environment);
  hello_.set_version(wire::kProtocolVersion);
  hello_.set_kind(wire::Hello::DRIVER);
  hello_.set_cluster(cluster_);
  hello_.set_session(session);
  hello_.set_program(program_.key());
  hello_.set_log_to_driver(options.log_to_driver);
  hello_.set_pid(getpid());
  hello_.set_maps_objects(remote_ == nullptr);
  const auto grace = std::chrono::duration_cast<std::chrono::milliseconds>(options.grace.value());
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(options.store_patience.value());
  hello_.set_store_patience_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(patience.count(), 1)));
  hello_.set_grace_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(grace.count(), 0)));
}

Connection Dialer::connect_first(const SessionOptions& options) {
  const auto start = Clock::now();
  const auto timeout = std::clamp<std::chrono::nanoseconds>(options.connect_timeout.value(),
                                                            std::chrono::nanoseconds(0), std::chrono::hours(24 * 365));
  const auto deadline = start + timeout;
  if (worker_) return connect_private(deadline);
  bool said = false;
  for (;;) {
    std::optional<Connection> connection;
    try {
      connection = connect(std::clamp(deadline, Clock::now() + kLookAgain, Clock::now() + kTryFor));
    } catch (const std::runtime_error& error) {
      throw SessionError(error.what());
    }
    if (connection) return *std::move(connection);
    const auto now = Clock::now();
    if (now >= deadline) give_up();
    if (!said && !remote_ && now - start >= kSayWaitingAfter) {
      said = true;
      say("waiting for a worker: " + (why().empty() ? wire::no_worker(cluster_) : why()));
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kLookAgain, deadline - now));
  }
}

Connection Dialer::connect_private(Clock::time_point deadline) {
  const std::string name = "the private worker " + worker_->command();
  std::optional<Connection> connection;
  try {
    connection = greet(worker_->take_socket(), hello_, program_, deadline);
  } catch (const wire::ProtocolError& error) {
    throw SessionError(name + ": " + error.what());
  }
  if (connection) return *std::move(connection);
  if (Clock::now() >= deadline) {
    throw SessionError(name +
                       " did not answer in time; raise connect_timeout, or look for what keeps this machine busy");
  }
  throw SessionError(name + " " + worker_->ending() + " before it answered; what it said stands above");
}

void Dialer::give_up() const {
  if (remote_)
    throw SessionError("the cluster " + cluster_ +
                       " can't be reached: " + (why().empty() ? "it did not answer in time" : why()));
  if (const std::string silent = why(); !silent.empty())
    throw SessionError("no worker of cluster " + cluster_ + " answers: " + silent);
  throw SessionError(wire::no_worker(cluster_));
}

std::optional<Connection> Dialer::connect(Clock::time_point deadline) {
  return remote_ ? connect_remote(deadline) : connect_local(deadline);
}

std::optional<Connection> Dialer::connect_local(Clock::time_point deadline) {
  std::optional<Connection> refused;
  std::set<std::string> asked;
  while (auto answer = knocks_.first(asked, deadline)) {
    asked.insert(answer->path);
    std::optional<Connection> connection;
    try {
      if (!answer->error.empty()) throw wire::ProtocolError(answer->error);
      connection = greet_patiently(std::move(answer->socket));
    } catch (const wire::ProtocolError& error) {
      connection.emplace();
      connection->welcome.set_error(error.what());
    }
    if (connection && connection->welcome.error().empty()) {
      knocks_.clear();
      return connection;
    }
    if (connection) refused = std::move(connection);
  }
  return refused;
}

std::optional<Connection> Dialer::connect_remote(Clock::time_point deadline) {
  std::optional<Connection> refused;
  while (auto socket = remote_->connect(deadline)) {
    auto connection = greet_patiently(std::move(*socket));
    if (connection && connection->welcome.error().empty()) {
      remote_->taken();
      remote_->learn(connection->welcome.addresses());
      return connection;
    }
    remote_->avoid_last();
    if (connection) refused = std::move(connection);
  }
  return refused;
}

std::optional<Connection> Dialer::greet_patiently(wire::Fd socket) {
  const auto deadline = patience_.deadline();
  auto connection = greet(std::move(socket), hello_, program_, deadline);
  if (connection) {
    patience_.reset();
  } else if (Clock::now() >= deadline) {
    patience_.was_in_vain();
  }
  return connection;
}

}  // namespace morrow::runtime
