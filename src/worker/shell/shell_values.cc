// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "base/monotonic_clock.h"
#include "control/cluster.h"
#include "worker/shell/shell.h"

// What the parts that have to do with large values are given to act with: see shell_means.cc.
namespace morrow::worker {

void Shell::send(const Waiter& to, wire::FrameType type, const google::protobuf::MessageLite& message) {
  if (to.client != 0) {
    clients_.send(to.client, type, message);
  } else {
    tasks_.executors.send(to.executor, type, message);
  }
}

ValueAnswers::Means Shell::value_means() {
  return {
      .want = [this](ProcessId who, control::FutureId future, const control::ObjectRef& object, Objects::Then then,
                     bool brief) { objects_.want(who, future, object, std::move(then), brief); },
      .unpin = [this](ProcessId who, std::uint64_t object) { objects_.unpin(who, object); },
      .reserve = [this](ProcessId who, std::uint64_t size, Objects::Then then,
                        bool if_free) { objects_.reserve(who, size, std::move(then), if_free); },
      .seal = [this](ProcessId who, std::uint64_t object, std::uint64_t size, const ObjectOwner& owner,
                     bool keeps) { return objects_.seal(who, object, size, owner, keeps); },
      .may_read = [this](ProcessId who) { objects_.came(who); },
      .reads_no_more = [this](ProcessId who) { objects_.gone(who); },
      .watch_death =
          [this](wire::Fd pidfd, std::function<void()> dead) {
            auto watched = std::make_shared<boost::asio::posix::stream_descriptor>(io_);
            watched->assign(pidfd.release());
            watched->async_wait(watched->wait_read,
                                [watched, dead = std::move(dead)](const boost::system::error_code& error) {
                                  if (!error) dead();
                                });
          },
      .send = [this](const Waiter& to, wire::FrameType type,
                     const google::protobuf::MessageLite& message) { send(to, type, message); },
  };
}

ValueAnswers::Events Shell::value_events() {
  return {
      .here = [this](const action::Ready& ready) { return brain_.object_here(ready); },
      .lost =
          [this](const action::Ready& ready) {
            loop_.decide_again = true;
            brain_.object_lost(now(), ready);
          },
      .put = [this](const Brain::Asker& asker, control::FutureId id, control::SpecPtr spec,
                    control::OutcomePtr outcome) { brain_.put(now(), asker, id, std::move(spec), std::move(outcome)); },
      .found_no_room = [this](ExecutorId executor) { tasks_.executors.found_no_room(executor); },
      .copies =
          [this](const Brain::Asker& asker, control::SessionId session, const control::HeldValue& value,
                 std::uint32_t copies) {
            values_.copies.want({asker.who, asker.number, session, value, copies});
          },
  };
}

ObjectTransfers::Means Shell::transfer_means() {
  return {
      .post = post_to_store(),
      .fetch = !options_.port ? decltype(ObjectTransfers::Means::fetch)()
                              : [this](std::vector<wire::Endpoint> holders, std::uint64_t object,
                                       std::span<std::byte> into, Fetcher::Done ended) {
                                  const auto told = [this, ended = std::move(ended)](Fetcher::End end,
                                                                                     const std::string& sentence) {
                                    boost::asio::post(io_, [ended, end, sentence] { ended(end, sentence); });
                                  };
                                  fetcher_->fetch(std::move(holders), object, into, told);
                                },
      .endpoint_of = [this](const std::string& address) { return peers_.endpoint_of(address); },
      .after = call_later(),
      .clock_ms = [] { return base::monotonic_ms(); },
      .warn = warn(),
  };
}

void Shell::have_copied(const wire::Endpoint& worker, const control::HeldValue& value,
                        std::function<void(Fetcher::Copied, std::string sentence)> answered) {
  fetcher_->have_copied(worker, value,
                        [this, answered = std::move(answered)](Fetcher::Copied copied, const std::string& sentence) {
                          boost::asio::post(io_, [answered, copied, sentence] { answered(copied, sentence); });
                        });
}

void Shell::tell(control::SessionId session, const std::string& sentence) {
  action::Notice notice{session, sentence};
  drivers_.sessions.carry_out(notice);
}

Copies::Means Shell::copies_means() {
  Copies::Means means{
      .post = post_to_store(),
      .have_copied = nullptr,
      .endpoint_of = [this](const std::string& address) { return peers_.endpoint_of(address); },
      .after = call_later(),
      .clock_ms = [] { return base::monotonic_ms(); },
      .acknowledge = [this](const Waiter& who, std::uint64_t number) { acknowledge(who, number); },
      .tell = [this](control::SessionId session, const std::string& sentence) { tell(session, sentence); },
  };
  if (options_.port) {
    means.have_copied = [this](const wire::Endpoint& worker, const control::HeldValue& value,
                               std::function<void(Fetcher::Copied, std::string)> answered) {
      have_copied(worker, value, std::move(answered));
    };
  }
  return means;
}

HandOver::Means Shell::hand_over_means() {
  return {
      .post = post_to_store(),
      .have_copied =
          [this](const wire::Endpoint& worker, const control::HeldValue& value,
                 std::function<void(Fetcher::Copied, std::string)> answered) {
            have_copied(worker, value, std::move(answered));
          },
      .endpoint_of = [this](const std::string& address) { return peers_.endpoint_of(address); },
      .after = call_later(),
      .clock_ms = [] { return base::monotonic_ms(); },
      .note = [this](const std::string& sentence) { logs_.note(sentence); },
      .say = [this](const std::string& sentence) { logs_.say(sentence); },
      .warn = warn(),
  };
}

Objects::Events Shell::object_events() {
  return {
      [this](control::FutureId future, const control::ObjectRef& object, std::span<std::byte> into,
             std::function<void(bool, std::string)> done) {
        values_.transfers.fetch(future, object, into, std::move(done));
      },
      [this](control::FutureId future, std::uint64_t object) { brain_.object_copied(now(), future, object); },
      [this](control::FutureId future) { brain_.object_dropped(now(), future); },
      warn(),
      [this](control::FutureId future, std::uint64_t object, std::function<void(bool)> then) {
        auto given_up = std::make_shared<bool>(false);
        store_.post(
            StoreLane::kUpkeep,
            [given_up, future, object, self = options_.info.incarnation](store::Store& store) {
              *given_up = control::give_up_copy(store, self, future, object);
            },
            [given_up, then = std::move(then)] { then(*given_up); });
      },
      [this] { return who_holds_room(); },
      [this](ProcessId process) { return room_standing(process); },
      [this](ProcessId process) {
        std::vector<ProcessId> awaited;
        if (!is_executor(process)) return awaited;
        for (const ExecutorId executor : brain_.awaited_executors(static_cast<ExecutorId>(process)))
          awaited.push_back(process_of({0, executor}));
        return awaited;
      },
      [this](ProcessId process) { brain_.interrupt(now(), static_cast<ExecutorId>(process)); },
      [this](control::SessionId session, std::uint64_t bytes) { values_.spills.spilled(session, bytes); },
      [this](ProcessId process, bool waits) {
        brain_.room_lacks(now(), static_cast<ExecutorId>(process), waits);
        loop_.decide_again = true;  // it may have been told in the middle of the last decision
      },
      [this](ProcessId process) {
        return !is_executor(process) || brain_.could_use_room(static_cast<ExecutorId>(process));
      },
  };
}

}  // namespace morrow::worker
