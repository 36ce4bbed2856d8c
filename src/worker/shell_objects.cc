#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "control/cluster.h"
#include "worker/failures.h"
#include "worker/shell.h"
#include "worker/shell_convert.h"
#include "worker/shell_failures.h"

// Values too large for a record: who asks for room, who gets which, and when.
namespace morrow::worker {

namespace {

constexpr ProcessId kClientBit = 1ULL << 63;
constexpr int kFetchTries = 3;
constexpr int kFetchAgainMs = 20;

}  // namespace

/// A task that was given to an executor and waits for its values to be here.
struct Shell::Starting {
  action::Dispatch dispatch;
  std::vector<std::pair<std::size_t, ObjectPlace>> places;  ///< by the dependency's index
  std::size_t missing = 0;
  std::optional<ObjectProblem> problem;
};

ProcessId Shell::process_of(const Waiter& who) {
  return who.client != 0 ? kClientBit | who.client : ProcessId{who.executor};
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
        }
        send(who, wire::RESERVED, reserved);
      };
      objects_.reserve(process_of(who), reserve.size(), answer, reserve.if_free());
      return true;
    }
    case wire::UNPIN: {
      wire::Unpin unpin;
      wire::parse(unpin, payload);
      for (const std::uint64_t object : unpin.objects()) objects_.unpin(process_of(who), object);
      return true;
    }
    default:
      return false;
  }
}

void Shell::put(const Waiter& who, const Brain::Asker& asker, wire::Put& put, const std::string& program,
                control::SessionId session) {
  auto outcome = std::make_shared<control::Outcome>();
  if (put.object() == 0) {
    outcome->bytes = std::move(*put.mutable_bytes());
  } else if (objects_.seal(process_of(who), put.object(), put.size(), id_of(put.id()), put.keeps())) {
    outcome->object = {put.object(), put.size(), epoch_};
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
void Shell::let_go_when_dead(ProcessId process, pid_t pid) {
  auto watched = std::make_shared<boost::asio::posix::stream_descriptor>(io_);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return objects_.gone(process);
  watched->assign(pidfd);
  watched->async_wait(watched->wait_read, [this, watched, process](const boost::system::error_code& error) {
    if (!error) objects_.gone(process);
  });
}

// ---- values to who awaits them ----

void Shell::carry_out(action::Ready& ready) {
  const bool object =
      !ready.pending && ready.with_value && ready.outcome && ready.outcome->ok() && ready.outcome->object;
  if (!object) return answer(ready, nullptr, nullptr);
  objects_.want(
      process_of(ready.to), ready.id, ready.outcome->object,
      [this, ready](const ObjectPlace* place, const ObjectProblem* problem) { answer(ready, place, problem); });
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
      if (ready.with_value) {
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

// ---- values to the tasks that depend on them ----

void Shell::carry_out(action::Dispatch& dispatch) {
  Executor* executor = by_number(dispatch.executor);
  if (executor == nullptr) return;  // it exited in this very turn: the brain is told by that
  const control::Runnable& run = dispatch.task;
  executor->given.push_back(Given{dispatch.slot, dispatch.generation, run.claim, run.tries + 1, run.spec, run.id});
  const bool waits = std::any_of(run.dependencies.begin(), run.dependencies.end(),
                                 [](const auto& value) { return static_cast<bool>(value->object); });
  // An executor gets its tasks in their order.
  if (!waits && (dispatch.nested || executor->starting.empty())) return start(*executor, dispatch, {});
  auto starting = std::make_shared<Starting>();
  starting->dispatch = std::move(dispatch);
  executor->starting.push_back(starting);
  if (!waits) return;
  const auto& dependencies = starting->dispatch.task.dependencies;
  // One more, so that nothing starts while there are others to ask for.
  starting->missing = 1;
  const ExecutorId number = executor->number;
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    if (!dependencies[i]->object) continue;
    ++starting->missing;
    objects_.want(number, starting->dispatch.task.spec->dependencies[i], dependencies[i]->object,
                  [this, starting, number, i](const ObjectPlace* place, const ObjectProblem* problem) {
                    if (place != nullptr) {
                      starting->places.emplace_back(i, *place);
                    } else {
                      starting->problem = *problem;
                    }
                    --starting->missing;
                    start_ready(number);
                  });
  }
  --starting->missing;
  start_ready(number);
}

/// Starts what has all its values, in the order in which it was given.
void Shell::start_ready(ExecutorId number) {
  Executor* executor = by_number(number);
  while (executor != nullptr && !executor->starting.empty() && executor->starting.front()->missing == 0) {
    const std::shared_ptr<Starting> starting = executor->starting.front();
    executor->starting.pop_front();
    if (!starting->problem) {
      start(*executor, starting->dispatch, starting->places);
      continue;
    }
    for (const auto& [index, place] : starting->places) objects_.unpin(number, place.number);
    const action::Dispatch& dispatch = starting->dispatch;
    std::erase_if(executor->given, [&](const Given& given) { return given.claim == dispatch.task.claim; });
    Brain::Done done;
    done.slot = dispatch.slot;
    done.generation = dispatch.generation;
    done.claim = dispatch.task.claim;
    done.outcome = make_failure(starting->problem->kind, "a value it depends on: " + starting->problem->sentence,
                                dispatch.task.spec.get(), options_.info.name, dispatch.task.tries + 1);
    brain_.task_done(now(), number, std::move(done));
    decide_again_ = true;
    executor = by_number(number);
  }
}

void Shell::start(const Executor& executor, const action::Dispatch& dispatch,
                  const std::vector<std::pair<std::size_t, ObjectPlace>>& places) {
  const control::Runnable& run = dispatch.task;
  task_.set_slot(dispatch.slot);
  task_.set_generation(dispatch.generation);
  task_.set_claim(run.claim);
  set_id(task_.mutable_id(), run.id);
  task_.set_attempt(run.tries + 1);
  task_.set_name(run.spec->name);
  task_.set_nested(dispatch.nested);
  task_.set_brief(dispatch.brief);
  task_.set_payload(run.spec->payload);
  task_.set_session(run.spec->session);
  task_.clear_dependencies();
  task_.clear_objects();
  for (const control::OutcomePtr& dependency : run.dependencies) task_.add_dependencies(dependency->bytes);
  for (const auto& [index, place] : places) {
    wire::ObjectPlace& out = *task_.add_objects();
    out.set_index(static_cast<std::uint32_t>(index));
    out.set_object(place.number);
    out.set_offset(place.extent.offset);
    out.set_size(place.extent.size);
  }
  // The word first: the executor looks at it as soon as the frame is there.
  pool_.offer(executor.process, dispatch.slot, dispatch.generation);
  pool_.send(executor.process, wire::TASK, task_);
}

void Shell::carry_out(action::Revoke& revoke) {
  Executor* executor = by_number(revoke.executor);
  const auto is_it = [&](const auto& one) { return one.slot == revoke.slot && one.generation == revoke.generation; };
  bool back = false;
  if (executor != nullptr) {
    const auto starting = std::find_if(executor->starting.begin(), executor->starting.end(),
                                       [&](const auto& one) { return is_it(one->dispatch); });
    if (starting != executor->starting.end()) {
      executor->starting.erase(starting);
      back = true;
    } else {
      back = pool_.revoke(executor->process, revoke.slot, revoke.generation);
    }
  }
  if (back) std::erase_if(executor->given, is_it);
  brain_.revoked(revoke.executor, revoke.slot, revoke.generation, back);
  decide_again_ |= back;  // it may run elsewhere at once
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
  std::function<void(bool absent, std::string problem)> done;
  std::vector<control::WorkerInfo> holders;
  bool known = false;  ///< the future has the object, as far as the store says
  int tries = 0;
};

void Shell::fetch_object(control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into,
                         std::function<void(bool absent, std::string problem)> done) {
  if (!fetcher_) return done(false, "no worker that is alive has it any more");
  auto fetching = std::make_shared<Fetching>();
  *fetching = {future, object.number, into, std::move(done), {}, false, 0};
  fetch_from(std::move(fetching));
}

/// Asks the store who has it, and one of those for it. Who is busy giving it to others says so: a moment later those
/// have it too, and so a value that many want spreads as a tree.
void Shell::fetch_from(std::shared_ptr<Fetching> fetching) {
  store_.post(
      StoreLane::kClaim,
      [fetching](store::Store& store) { fetching->holders = control::object_holders(store, fetching->future); },
      [this, fetching] {
        std::vector<wire::Endpoint> holders;
        for (const control::WorkerInfo& holder : fetching->holders) {
          if (holder.epoch == epoch_) continue;
          if (auto endpoint = endpoint_of(holder.address)) holders.push_back(std::move(*endpoint));
        }
        if (!fetcher_ || holders.empty()) return fetching->done(false, "no worker that is alive has it any more");
        const auto ended = [this, fetching](Fetcher::End end, const std::string& sentence) {
          boost::asio::post(io_, [this, fetching, end, sentence] { fetched(fetching, end, sentence); });
        };
        fetcher_->fetch(std::move(holders), fetching->number, fetching->into, ended);
      });
}

void Shell::fetched(const std::shared_ptr<Fetching>& fetching, Fetcher::End end, const std::string& sentence) {
  if (end == Fetcher::End::kWhole) return fetching->done(false, "");
  const bool again = end == Fetcher::End::kBusy || ++fetching->tries < kFetchTries;
  if (!again || stopping_) return fetching->done(end == Fetcher::End::kAbsent, sentence);
  // Not all at once, and not for nothing: by then others may have it.
  auto timer = std::make_shared<boost::asio::steady_timer>(io_);
  timer->expires_after(std::chrono::milliseconds(kFetchAgainMs + fetching->number % kFetchAgainMs));
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
