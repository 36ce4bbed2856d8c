// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "wire/tls.h"
#include "worker/cluster/status.h"
#include "worker/shell/convert.h"
#include "worker/shell/metrics.h"
#include "worker/shell/shell.h"

// What other workers, other hosts and people ask of the main thread. The port's own threads hand it over.
namespace morrow::worker {

namespace {

/// People wait for a status.
constexpr std::uint64_t kStorePatienceMs = 3'000;
constexpr std::uint64_t kMillisecondNs = 1'000'000;

}  // namespace

PortHandlers Shell::port_handlers() {
  PortHandlers handlers;
  handlers.object = [this](std::uint64_t number, bool verify, PortHandlers::Lend then) {
    boost::asio::post(io_, [this, number, verify, then] { objects_.lend(number, verify, then); });
  };
  handlers.receive = [this](std::uint64_t size, PortHandlers::Receive then) {
    boost::asio::post(io_, [this, size, then] { objects_.receive(size, then); });
  };
  handlers.received = [this](std::uint64_t number, std::uint64_t session, std::function<void(bool)> then) {
    boost::asio::post(io_, [this, number, session, then] {
      const ClientId client = drivers_.sessions.client_of(session);
      then(objects_.hand_over(number, client == 0 ? 0 : process_of({client, 0})));
    });
  };
  handlers.copy = [this](const control::HeldValue& value, std::function<void(std::string)> then) {
    boost::asio::post(io_, [this, value, then] {
      if (stopping()) return then("this worker stops too");
      const auto got = [this, then](const ObjectPlace* place, const ObjectProblem* problem) {
        if (place != nullptr) objects_.unpin(kThisWorker, place->number);
        then(problem == nullptr ? "" : problem->sentence);
      };
      objects_.want(kThisWorker, value.future, {value.number, value.size, 0}, got, true);
    });
  };
  handlers.session = [this](wire::Fd socket, const std::string& from) {
    const auto shared = std::make_shared<wire::Fd>(std::move(socket));
    boost::asio::post(io_, [this, shared, from] {
      if (!stopping()) adopt(std::move(*shared), from);
    });
  };
  handlers.metrics = [this](std::function<void(std::string)> then) {
    boost::asio::post(io_, [this, then] { then(metrics()); });
  };
  handlers.why = [this](const control::FutureId& id, std::function<void(std::string)> then) {
    boost::asio::post(io_, [this, id, then] { then(questions_.why.own(id).SerializeAsString()); });
  };
  handlers.objects = [this](std::function<void(std::string)> then) {
    boost::asio::post(io_, [this, then] { then(own_objects().SerializeAsString()); });
  };
  return handlers;
}

void Shell::open_port() {
  const control::Secrets& secrets = peers_.secrets();
  PortOptions options;
  options.token = secrets.token;
  if (options_.encrypt) {
    const wire::Certificate authority{secrets.authority_key, secrets.authority_certificate};
    options.tls = std::make_shared<const wire::TlsServer>(wire::make_certificate(authority, options_.info.name),
                                                          authority.certificate);
  }
  options.log = warn();
  fetcher_ = std::make_unique<Fetcher>(warn());
  port_ = std::make_unique<Port>(std::move(options_.port), std::move(options), port_handlers());
}

std::string Shell::metrics() const {
  return metrics_text({.total = options_.info.total,
                       .used = brain_.used(),
                       .executors = brain_.executors(),
                       .sessions = drivers_.sessions.sessions(),
                       .counters = brain_.counters(),
                       .queued = brain_.queued_by_need(),
                       .failures = questions_.failures.ends(),
                       .retries = questions_.failures.retries(),
                       .objects = objects_.usage(),
                       .port = port_ ? port_->use() : PortUse()});
}

// ---- what people ask ----

void Shell::show_status(ClientId client, std::string_view payload) {
  wire::Status request;
  wire::parse(request, payload);
  auto reply = std::make_shared<wire::StatusReply>();
  const StatusFacts facts{brain_.info(), options_.store_url, request.workers_only(), request.verbose()};
  const auto answered = std::make_shared<bool>(false);
  const auto answer = [this, answered, client](wire::StatusReply& status) {
    if (std::exchange(*answered, true)) return;
    for (wire::WorkerStatus& worker : *status.mutable_workers())
      worker.set_silent_ms(maintenance_.silence_of(worker.incarnation()) / kMillisecondNs);
    if (brain_.shortage().on()) {
      status.add_warnings(brain_.shortage().sentence() + " " + std::to_string(brain_.waiting_changes()) +
                          " changes of drivers of this worker wait for room.");
    }
    clients_.send(client, wire::STATUS_REPLY, status);
  };
  store_.post(
      StoreLane::kUpkeep, [reply, facts](store::Store& store) { *reply = make_status(store, facts); },
      [answer, reply] { answer(*reply); });
  call_later()(kStorePatienceMs, [this, answer, facts] {
    wire::StatusReply status = make_status(facts);
    const std::string trouble = store_.trouble();
    status.add_warnings(trouble.empty() ? store_is_busy("The store is busy: it has not answered for " +
                                                        std::to_string(kStorePatienceMs / 1000) + " s") +
                                              ". This is what one worker knows."
                                        : trouble + " This is what one worker knows.");
    answer(status);
  });
}

void Shell::show_token(ClientId client, std::string_view payload) {
  wire::TokenRequest request;
  wire::parse(request, payload);
  clients_.send(client, wire::TOKEN_REPLY, peers_.token_for(request));
}

wire::ObjectsReply Shell::own_objects() const {
  constexpr std::size_t kMostListed = 20'000;  // a frame has an end
  wire::ObjectsReply reply;
  const Objects::Usage usage = objects_.usage();
  reply.set_worker(options_.info.name);
  reply.set_memory(usage.memory);
  reply.set_used(usage.used);
  reply.set_spilled(usage.spilled);
  auto all = objects_.list();
  std::sort(all.begin(), all.end(), [](const ObjectSeen& a, const ObjectSeen& b) { return a.size > b.size; });
  if (all.size() > kMostListed) {
    reply.set_more(all.size() - kMostListed);
    all.resize(kMostListed);
  }
  for (const ObjectSeen& seen : all) {
    wire::ObjectInfo& info = *reply.add_objects();
    info.set_object(seen.number);
    set_id(info.mutable_future(), seen.future);
    info.set_size(seen.size);
    info.set_worker(options_.info.name);
    info.set_in_memory(seen.in_memory);
    info.set_on_disk(seen.on_disk);
    info.set_age_ms(seen.age_ms);
    info.set_readers(seen.readers);
    info.set_state(seen.state);
  }
  return reply;
}

/// What this worker holds, and when asked for also what those do that can be reached by their ports.
void Shell::show_objects(ClientId client, std::string_view payload) {
  constexpr std::size_t kMostBytes = wire::kMaxFrameBytes - (1 << 20);
  wire::ObjectsRequest request;
  wire::parse(request, payload);
  auto reply = std::make_shared<wire::ObjectsReply>(own_objects());
  std::vector<wire::Endpoint> others;
  std::vector<std::string> names;
  for (PeerDirectory::Reachable& other : peers_.reachable()) {
    others.push_back(std::move(other.endpoint));
    names.push_back(std::move(other.name));
  }
  if (!request.everywhere() || others.empty() || !fetcher_) return clients_.send(client, wire::OBJECTS_REPLY, *reply);
  const auto answered = [this, client, reply, names](const std::vector<std::string>& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
      wire::ObjectsReply other;
      if (answers[i].empty()) {
        reply->add_silent(names[i]);
      } else if (reply->ByteSizeLong() + answers[i].size() < kMostBytes && other.ParseFromString(answers[i])) {
        *reply->add_others() = std::move(other);
      }
    }
    clients_.send(client, wire::OBJECTS_REPLY, *reply);
  };
  fetcher_->ask_all(std::move(others), "/objects", kMostBytes, [this, answered](std::vector<std::string> answers) {
    boost::asio::post(io_, [answered, answers = std::move(answers)] { answered(answers); });
  });
}

}  // namespace morrow::worker
