// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <morrow/session.h>

#include "runtime/driver/connect.h"
#include "runtime/driver/knocks.h"
#include "runtime/driver/private_worker.h"
#include "runtime/driver/remote.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// Where a session finds a worker: a private one, any of a cluster on this machine, or any of a cluster that is joined
/// by its port. The functions that change something belong to one thread at a time: the one that opens the session,
/// then the background thread. The rest is thread-safe.
class Dialer {
 public:
  /// `where` is the cluster that a Session names; with none, a private worker is started at once. \throws SessionError
  Dialer(const std::string& where, const SessionOptions& options);

  /// Makes the greeting of the driver, before the first worker is asked, and the list of the program's modules.
  /// \throws SessionError
  void introduce(std::uint64_t session, const SessionOptions& options);

  /// The first worker of the session, waited for as long as the options say. It may have refused. \throws SessionError
  Connection connect_first(const SessionOptions& options);
  /// Tries once to find a worker. It may have refused; empty when none answers. \throws SessionError when there is no
  /// hope
  std::optional<Connection> connect(Clock::time_point deadline);
  /// From here on a worker is told that the session was open before.
  void set_resuming() { hello_.set_resume(true); }
  /// Why `connect` found none, where that is known.
  std::string why() const { return remote_ ? remote_->why() : knocks_.silent(); }

  const std::string& cluster() const { return cluster_; }
  const wire::Program& program() const { return program_; }
  /// Null: the session has none.
  PrivateWorker* private_worker() const { return worker_.get(); }
  Remote* remote() const { return remote_.get(); }

 private:
  Connection connect_private(Clock::time_point deadline);
  std::optional<Connection> connect_local(Clock::time_point deadline);
  std::optional<Connection> connect_remote(Clock::time_point deadline);
  std::optional<Connection> greet_patiently(wire::Fd socket);
  [[noreturn]] void give_up() const;

  std::string cluster_;
  std::string token_;
  wire::Program program_;
  wire::Hello hello_;
  std::unique_ptr<PrivateWorker> worker_;
  std::unique_ptr<Remote> remote_;
  Knocks knocks_;
  Patience patience_;
};

}  // namespace morrow::runtime
