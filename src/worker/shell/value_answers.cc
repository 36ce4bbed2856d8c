// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/monotonic_clock.h"
#include "control/cluster.h"
#include "worker/brain/worker_failure.h"
#include "worker/shell/convert.h"
#include "worker/shell/failure_messages.h"
#include "worker/shell/shell.h"

// Values too large for a record: who asks for room, who gets which, and when.
namespace morrow::worker {

namespace {

constexpr std::uint64_t kFetchAgainMs = 20;
constexpr std::uint64_t kFetchSlowestMs = 500;
/// A holder that does not answer is dead, and soon evicted, or comes back: leases that this is waited for.
constexpr std::uint64_t kLeasesForHolder = 3;

}  // namespace

ProcessId Shell::process_of(const Waiter& who) {
  return who.client != 0 ? kDriverBit | who.client : ProcessId{who.executor};
}

// ---- what clients ask ----

bool Shell::object_frame(const Waiter& who, wire::FrameType type, std::string_view payload) {
  switch (type) {
    case wire::RESERVE: {
      wire::Reserve reserve;
      wire::parse(reserve, payload);
      const auto answer = [this, who, token = reserve.token()](const ObjectPlace* place, const ObjectProblem* problem) {
        wire::Reserved reserved;
        reserved.set_token(token);
        if (place != nullptr) {
          reserved.set_object(place->number);
          reserved.set_offset(place->extent.offset);
        } else {
          reserved.set_error(problem->sentence);
          if (problem->contended) contended(who);
        }
        send(who, wire::RESERVED, reserved);
      };
      objects_.reserve(process_of(who), reserve.size(), answer, reserve.if_free());
      return true;
    }
    case wire::UNPIN:
      unpin(who, payload);
      return true;
    default:
      return false;
  }
}

/// A task of it that fails for this is tried again.
void Shell::contended(const Waiter& who) {
  if (Executor* executor = by_number(who.executor); executor != nullptr && who.client == 0) executor->contended = true;
}

void Shell::unpin(const Waiter& who, std::string_view payload) {
  wire::Unpin unpin;
  wire::parse(unpin, payload);
  for (const std::uint64_t object : unpin.objects()) objects_.unpin(process_of(who), object);
  if (!unpin.all()) return;
  objects_.gone(process_of(who));
  if (const auto driver = drivers_.find(who.client); driver != drivers_.end()) driver->second.maps_objects = false;
}

void Shell::put(const Waiter& who, const Brain::Asker& asker, wire::Put& put, const std::string& program,
                control::SessionId session) {
  auto outcome = std::make_shared<control::Outcome>();
  if (put.object() == 0) {
    outcome->bytes = std::move(*put.mutable_bytes());
  } else if (objects_.seal(process_of(who), put.object(), put.size(), id_of(put.id()), put.keeps())) {
    outcome->object = {put.object(), put.size(), incarnation_};
  } else if (put.resent()) {
    // It was written into the memory of a worker that is gone; if that committed it, this is dropped.
    outcome = std::make_shared<control::Outcome>(
        *make_failure(control::FailureKind::kLost, "the worker that was to keep it died before it was committed",
                      nullptr, options_.info.name, 0));
  } else {
    throw wire::ProtocolError("a client put an object that is not its own to write");
  }
  auto spec = std::make_shared<control::Spec>();
  spec->name = std::move(*put.mutable_name());
  spec->program = program;
  spec->session = session;
  brain_.put(now(), asker, id_of(put.id()), std::move(spec), std::move(outcome));
}

/// Its pins stay as long as its process lives: a stopped one would go on reading.
void Shell::let_go_when_dead(ProcessId process, wire::Fd pidfd) {
  if (!pidfd) return objects_.gone(process);
  auto watched = std::make_shared<boost::asio::posix::stream_descriptor>(io_);
  watched->assign(pidfd.release());
  watched->async_wait(watched->wait_read, [this, watched, process](const boost::system::error_code& error) {
    if (!error) objects_.gone(process);
  });
}

// ---- values to who awaits them ----

void Shell::carry_out(action::Ready& ready) {
  const bool object = !ready.pending && ready.with_value && !ready.only_small && ready.outcome && ready.outcome->ok() &&
                      ready.outcome->object;
  if (!object) return answer(ready, nullptr, nullptr);
  const auto came = [this, ready](const ObjectPlace* place, const ObjectProblem* problem) {
    if (problem != nullptr && problem->lost) {
      decide_again_ = true;
      brain_.object_lost(now(), ready);
    } else if (brain_.object_here(ready)) {
      if (problem != nullptr && problem->contended) contended(ready.to);
      answer(ready, place, problem);
    } else if (place != nullptr) {
      objects_.unpin(process_of(ready.to), place->number);
    }
  };
  objects_.want(process_of(ready.to), ready.id, ready.outcome->object, came);
}

void Shell::answer(const action::Ready& ready, const ObjectPlace* place, const ObjectProblem* problem) {
  ready_.Clear();
  ready_.set_token(ready.token);
  ready_.set_index(ready.index);
  ready_.set_pending(ready.pending);
  if (problem != nullptr) {
    ready_.set_failure(static_cast<std::uint32_t>(problem->kind));
    ready_.set_bytes(make_failure(problem->kind, problem->sentence, nullptr, options_.info.name, 0)->bytes);
  } else if (!ready.pending && ready.outcome) {
    const control::Outcome& outcome = *ready.outcome;
    ready_.set_failure(static_cast<std::uint32_t>(outcome.failure));
    if (!outcome.ok()) {
      ready_.set_bytes(failure_bytes(outcome, options_.info.name));
      if (outcome.failure == control::FailureKind::kDependency) set_id(ready_.mutable_root(), outcome.root);
    } else {
      ready_.set_size(outcome.object ? outcome.object.size : outcome.bytes.size());
      if (ready.with_value && !(ready.only_small && outcome.object)) {
        ready_.set_bytes(outcome.bytes);
        ready_.set_object(outcome.object.number);
        if (place != nullptr) ready_.set_offset(place->extent.offset);
      }
    }
  }
  send(ready.to, wire::READY, ready_);
}

void Shell::send(const Waiter& to, wire::FrameType type, const google::protobuf::MessageLite& message) {
  if (to.client != 0) {
    clients_.send(to.client, type, message);
  } else if (const Executor* executor = by_number(to.executor)) {
    pool_.send(executor->process, type, message);
  }
}

// ---- what the brain says of them ----

void Shell::carry_out(action::FreeObjects& freed) {
  for (const std::uint64_t object : freed.objects) objects_.free(object);
}

void Shell::carry_out(action::Prefetch& prefetch) {
  for (const auto& [future, object] : prefetch.objects) objects_.prefetch(future, object);
}

/// An object on its way here from another worker.
struct Shell::Fetching {
  control::FutureId future;
  std::uint64_t number = 0;
  std::span<std::byte> into;
  std::function<void(bool lost, std::string problem)> done;
  std::vector<control::WorkerInfo> holders;
  std::uint64_t since = 0;  ///< ms: the first time that no holder gave it; 0: none refused yet
  std::uint64_t pause = kFetchAgainMs;
};

void Shell::fetch_object(control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into,
                         std::function<void(bool lost, std::string problem)> done) {
  auto fetching = std::make_shared<Fetching>();
  fetching->future = future;
  fetching->number = object.number;
  fetching->into = into;
  fetching->done = std::move(done);
  fetch_from(std::move(fetching));
}

/// Asks the store who has it, and one of those for it. Who is busy giving it to others says so: a moment later those
/// have it too, and so a value that many want spreads as a tree.
void Shell::fetch_from(std::shared_ptr<Fetching> fetching) {
  store_.post(
      StoreLane::kClaim,
      [fetching](store::Store& store) {
        fetching->holders = control::object_holders(store, fetching->future, fetching->number);
      },
      [this, fetching] {
        std::vector<wire::Endpoint> holders;
        bool others = false;
        for (const control::WorkerInfo& holder : fetching->holders) {
          if (holder.incarnation == incarnation_) continue;
          others = true;
          if (auto endpoint = endpoint_of(holder.address)) holders.push_back(std::move(*endpoint));
        }
        if (!others) return fetching->done(true, "no worker that is alive has it any more");
        if (!fetcher_ || holders.empty()) return fetching->done(false, "the worker that has it has no port");
        const auto ended = [this, fetching](Fetcher::End end, const std::string& sentence) {
          boost::asio::post(io_, [this, fetching, end, sentence] { fetched(fetching, end, sentence); });
        };
        fetcher_->fetch(std::move(holders), fetching->number, fetching->into, ended);
      });
}

void Shell::fetched(const std::shared_ptr<Fetching>& fetching, Fetcher::End end, const std::string& sentence) {
  if (end == Fetcher::End::kWhole) return fetching->done(false, "");
  std::uint64_t pause = kFetchAgainMs;
  if (end != Fetcher::End::kBusy) {
    // The store says that living workers have it. One that died is evicted soon, and what it alone had is lost then.
    if (fetching->since == 0) {
      fetching->since = base::monotonic_ms();
      logs_.warn("a value can't be fetched yet: " + sentence);
    }
    const bool patient = base::monotonic_ms() - fetching->since < kLeasesForHolder * options_.lease_ms;
    if (!patient || stopping_) return fetching->done(false, sentence);
    pause = fetching->pause;
    fetching->pause = std::min(2 * pause, kFetchSlowestMs);
  } else if (stopping_) {
    return fetching->done(false, "this worker stops");
  }
  // Not all at once, and not for nothing: by then others may have it.
  auto timer = std::make_shared<boost::asio::steady_timer>(io_);
  timer->expires_after(std::chrono::milliseconds(pause + fetching->number % kFetchAgainMs));
  timer->async_wait([this, fetching, timer](const boost::system::error_code& error) {
    if (!error) fetch_from(fetching);
  });
}

// ---- for people ----

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
void Shell::objects(ClientId client, std::string_view payload) {
  constexpr std::size_t kMostBytes = wire::kMaxFrameBytes - (1 << 20);
  wire::ObjectsRequest request;
  wire::parse(request, payload);
  auto reply = std::make_shared<wire::ObjectsReply>(own_objects());
  std::vector<wire::Endpoint> others;
  for (const std::string& address : addresses_) {
    if (auto endpoint = endpoint_of((options_.encrypt ? "https://" : "http://") + address))
      others.push_back(std::move(*endpoint));
  }
  if (!request.everywhere() || others.empty() || !fetcher_) return clients_.send(client, wire::OBJECTS_REPLY, *reply);
  fetcher_->ask_all(std::move(others), "/objects", kMostBytes, [this, client, reply](std::vector<std::string> answers) {
    boost::asio::post(io_, [this, client, reply, answers = std::move(answers)] {
      for (const std::string& bytes : answers) {
        wire::ObjectsReply other;
        const bool fits = reply->ByteSizeLong() + bytes.size() < kMostBytes;
        if (fits && other.ParseFromString(bytes)) *reply->add_others() = std::move(other);
      }
      clients_.send(client, wire::OBJECTS_REPLY, *reply);
    });
  });
}

}  // namespace morrow::worker
