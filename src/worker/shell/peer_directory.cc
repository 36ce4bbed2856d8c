// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/peer_directory.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "wire/addresses.h"
#include "wire/join_url.h"

namespace morrow::worker {

namespace {

const char* scheme_of(bool encrypt) { return encrypt ? "https://" : "http://"; }

}  // namespace

bool PeerDirectory::workers_seen(const std::vector<control::WorkerSeen>& workers) {
  const std::vector<std::string> before = std::exchange(addresses_, {});
  urls_.clear();
  names_.clear();
  const std::string scheme = scheme_of(options_.encrypt);
  for (const control::WorkerSeen& worker : workers) {
    const std::string& address = worker.info.address;
    if (worker.info.incarnation == options_.incarnation || worker.dying || address.empty()) continue;
    urls_.push_back(address);
    if (!address.starts_with(scheme)) continue;
    addresses_.push_back(address.substr(scheme.size()));
    names_.push_back(worker.info.name);
  }
  return addresses_ != before;
}

std::vector<PeerDirectory::Reachable> PeerDirectory::reachable() const {
  std::vector<Reachable> all;
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    if (auto endpoint = endpoint_of(scheme_of(options_.encrypt) + addresses_[i]))
      all.push_back({names_[i], std::move(*endpoint)});
  }
  return all;
}

/// "https://" or "http://" before an address by which somebody reaches a worker: as that worker has it, not as this one
/// does. One that no worker goes by (of a router, say) is encrypted if any of them encrypts; so the token is only sent
/// openly where all are insecure. Empty: nobody is reached by it.
std::string PeerDirectory::url_of(const std::string& given) const {
  std::vector<std::string> all = urls_;
  all.push_back(options_.address);
  const auto any = [&all](const auto& is) { return std::any_of(all.begin(), all.end(), is); };
  wire::Endpoint wanted;
  try {
    wire::parse_address(given, wanted.host, wanted.port);
  } catch (const std::invalid_argument&) {
    return "http://" + given;  // refused as no address
  }
  const bool own_machine = wire::is_loopback(wanted.host);
  bool reached = own_machine;
  for (const std::string& url : all) {
    const auto endpoint = endpoint_of(url);
    if (!endpoint) continue;
    const bool loopback = wire::is_loopback(endpoint->host);
    const bool same = endpoint->host == wanted.host || (loopback && own_machine);
    if (same && endpoint->port == wanted.port)
      return (endpoint->ca_fingerprint.empty() ? "http://" : "https://") + given;
    reached |= !loopback;
  }
  if (any([](const std::string& url) { return url.starts_with("https://"); })) return "https://" + given;
  return reached ? "http://" + given : "";
}

wire::TokenReply PeerDirectory::token_for(const wire::TokenRequest& request) const {
  wire::TokenReply reply;
  if (options_.address.empty() || options_.private_worker) {
    reply.set_error("this worker has no port");
    return reply;
  }
  const std::string address = request.address().empty() ? options_.address : url_of(request.address());
  if (address.empty()) {
    reply.set_error(
        "no worker of this cluster listens where other hosts reach it, so that address is not one of it; start one "
        "with --address");
  } else if (const auto endpoint = endpoint_of(address)) {
    wire::JoinUrl url;
    url.token = secrets_.token;
    url.host = endpoint->host;
    url.port = endpoint->port;
    url.cluster = options_.cluster;
    url.ca_fingerprint = endpoint->ca_fingerprint;
    url.insecure = url.ca_fingerprint.empty() && !wire::is_loopback(url.host);
    reply.set_line(url.text());
  } else {
    reply.set_error("the address is not HOST:PORT");
  }
  return reply;
}

std::optional<wire::Endpoint> PeerDirectory::endpoint_of(const std::string& address) const {
  const std::size_t scheme = address.find("://");
  if (scheme == std::string::npos) return std::nullopt;
  wire::Endpoint endpoint;
  try {
    wire::parse_address(address.substr(scheme + 3), endpoint.host, endpoint.port);
    if (address.starts_with("https:")) endpoint.ca_fingerprint = wire::fingerprint(secrets_.authority_certificate);
  } catch (const std::exception&) {
    return std::nullopt;
  }
  endpoint.token = secrets_.token;
  return endpoint;
}

}  // namespace morrow::worker
