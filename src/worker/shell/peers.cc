// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "wire/addresses.h"
#include "wire/join_url.h"
#include "worker/shell/shell.h"

// The worker's port, as seen from the main thread.
namespace morrow::worker {

void Shell::open_port() {
  PortOptions options;
  options.token = secrets_.token;
  if (options_.encrypt) {
    const wire::Certificate authority{secrets_.authority_key, secrets_.authority_certificate};
    options.tls = std::make_shared<const wire::TlsServer>(wire::make_certificate(authority, options_.info.name),
                                                          authority.certificate);
  }
  options.log = [this](const std::string& sentence) { logs_.warn(sentence); };
  PortHandlers handlers;
  handlers.object = [this](std::uint64_t number, bool verify, PortHandlers::Lend then) {
    boost::asio::post(io_, [this, number, verify, then] { objects_.lend(number, verify, then); });
  };
  handlers.receive = [this](std::uint64_t size, PortHandlers::Receive then) {
    boost::asio::post(io_, [this, size, then] { objects_.receive(size, then); });
  };
  handlers.received = [this](std::uint64_t number, std::uint64_t session, std::function<void(bool)> then) {
    boost::asio::post(io_, [this, number, session, then] {
      const Driver* driver = driver_of(session);
      then(objects_.hand_over(number, driver == nullptr ? 0 : process_of({driver->id, 0})));
    });
  };
  handlers.session = [this](wire::Fd socket) {
    const auto shared = std::make_shared<wire::Fd>(std::move(socket));
    boost::asio::post(io_, [this, shared] {
      if (!stopping_) adopt(std::move(*shared));
    });
  };
  handlers.metrics = [this](std::function<void(std::string)> then) {
    boost::asio::post(io_, [this, then] { then(metrics()); });
  };
  handlers.objects = [this](std::function<void(std::string)> then) {
    boost::asio::post(io_, [this, then] { then(own_objects().SerializeAsString()); });
  };
  fetcher_ = std::make_unique<Fetcher>([this](const std::string& sentence) { logs_.warn(sentence); });
  port_ = std::make_unique<Port>(std::move(options_.port), std::move(options), std::move(handlers));
}

void Shell::workers_seen(const std::vector<control::WorkerSeen>& workers) {
  addresses_.clear();
  urls_.clear();
  const std::string scheme = options_.encrypt ? "https://" : "http://";
  for (const control::WorkerSeen& worker : workers) {
    const std::string& address = worker.info.address;
    if (worker.info.incarnation == incarnation_ || worker.dying || address.empty()) continue;
    urls_.push_back(address);
    if (address.starts_with(scheme)) addresses_.push_back(address.substr(scheme.size()));
  }
  brain_.workers_seen(now(), workers);
}

std::string Shell::metrics() const {
  std::string text;
  const auto gauge = [&text](const char* name, const char* kind, const char* help, double value) {
    text += fmt::format("# HELP morrow_{0} {2}\n# TYPE morrow_{0} {1}\nmorrow_{0} {3}\n", name, kind, help, value);
  };
  const Objects::Usage objects = objects_.usage();
  const Brain::Counters& counters = brain_.counters();
  const control::Resources used = brain_.used();
  gauge("executors", "gauge", "Processes that run tasks.", static_cast<double>(brain_.executors()));
  gauge("cpus_total", "gauge", "CPUs that tasks may use.", static_cast<double>(options_.info.total.cpu_milli) / 1000);
  gauge("cpus_used", "gauge", "CPUs that tasks use.", static_cast<double>(used.cpu_milli) / 1000);
  gauge("memory_total_bytes", "gauge", "Memory that tasks may ask for.",
        static_cast<double>(options_.info.total.memory));
  gauge("memory_used_bytes", "gauge", "Memory that tasks asked for.", static_cast<double>(used.memory));
  gauge("sessions", "gauge", "Drivers that are attached to this worker.", static_cast<double>(sessions_.size()));
  gauge("tasks_total", "counter", "Tasks given to executors.", static_cast<double>(counters.tasks));
  gauge("commits_total", "counter", "Transactions of this worker.", static_cast<double>(counters.commits));
  gauge("rounds_total", "counter", "Rounds of this worker.", static_cast<double>(counters.rounds));
  gauge("objects", "gauge", "Large values that this worker holds.", static_cast<double>(objects.objects));
  gauge("object_memory_total_bytes", "gauge", "Shared memory for large values.", static_cast<double>(objects.memory));
  gauge("object_memory_used_bytes", "gauge", "Shared memory that large values take.",
        static_cast<double>(objects.used));
  gauge("object_spilled_bytes", "gauge", "Bytes of large values on disk.", static_cast<double>(objects.spilled));
  return text;
}

/// "https://" or "http://" before an address by which somebody reaches a worker: as that worker has it, not as this one
/// does. One that no worker goes by (of a router, say) is encrypted if any of them encrypts; so the token is only sent
/// openly where all are insecure. Empty: nobody is reached by it.
std::string Shell::url_of(const std::string& given) const {
  std::vector<std::string> all = urls_;
  all.push_back(options_.info.address);
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

/// The line to join this cluster with from another host.
void Shell::token(ClientId client, std::string_view payload) {
  wire::TokenRequest request;
  wire::parse(request, payload);
  wire::TokenReply reply;
  if (options_.info.address.empty() || options_.private_worker) {
    reply.set_error("this worker has no port");
  } else if (const std::string address = request.address().empty() ? options_.info.address : url_of(request.address());
             address.empty()) {
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
  clients_.send(client, wire::TOKEN_REPLY, reply);
}

/// Of "https://HOST:PORT" or "http://HOST:PORT", as workers write it into the store.
std::optional<wire::Endpoint> Shell::endpoint_of(const std::string& address) const {
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
