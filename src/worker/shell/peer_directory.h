// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/cluster.h"
#include "control/types.h"
#include "wire/http.h"
#include "wire/messages.pb.h"

namespace morrow::worker {

/// The other workers of the cluster and how they are reached. Holds their addresses, as the last look at the store had
/// them, and the cluster's secrets. Values only. Main thread only.
class PeerDirectory {
 public:
  /// What it is told of this worker once.
  struct Options {
    std::string cluster;
    control::Incarnation incarnation = 0;  ///< this worker's
    std::string address;                   ///< this worker's, "https://HOST:PORT" or "http://HOST:PORT"; empty: no port
    bool encrypt = false;                  ///< what is said on this worker's port
    bool private_worker = false;
  };
  explicit PeerDirectory(Options options) : options_(std::move(options)) {}

  /// Before anybody asks; may be on another thread, if that is over by then.
  void set_secrets(control::Secrets secrets) { secrets_ = std::move(secrets); }

  /// True: the `addresses` are others than before.
  bool workers_seen(const std::vector<control::WorkerSeen>& workers);

  /// HOST:PORT of other workers that encrypt as this one does, or do not as this one does not.
  const std::vector<std::string>& addresses() const { return addresses_; }
  /// One of those, and how it is reached.
  struct Reachable {
    std::string name;
    wire::Endpoint endpoint;
  };
  std::vector<Reachable> reachable() const;
  /// Of "https://HOST:PORT" or "http://HOST:PORT", as workers write it into the store; nothing: it is neither.
  std::optional<wire::Endpoint> endpoint_of(const std::string& address) const;
  /// The line to join this cluster with from another host.
  wire::TokenReply token_for(const wire::TokenRequest& request) const;

  const control::Secrets& secrets() const { return secrets_; }

 private:
  std::string url_of(const std::string& given) const;

  const Options options_;
  control::Secrets secrets_;
  std::vector<std::string> addresses_;
  std::vector<std::string> names_;  ///< of those at `addresses_`
  std::vector<std::string> urls_;   ///< of all other workers, whether or not they encrypt as this one does
};

}  // namespace morrow::worker
