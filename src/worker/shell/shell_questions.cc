// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <set>
#include <utility>

#include <boost/asio/post.hpp>

#include "wire/future_ids.h"
#include "worker/shell/convert.h"
#include "worker/shell/listing.h"
#include "worker/shell/shell.h"
#include "worker/shell/summary.h"

// What people ask about tasks, and what is known of the processes that run them.
namespace morrow::worker {

namespace {

constexpr std::size_t kMostAnswerBytes = 1 << 20;
/// A task that runs for less is not looked at: nobody asks for it.
constexpr Time kLongTask = 1'000'000'000;
/// People wait for the answer.
constexpr std::uint64_t kListPatienceMs = 5'000;
constexpr Time kBetweenLooks = 2'000'000'000;

}  // namespace

pid_t Shell::pid_of(const TaskSeen& task) const {
  if (task.executor == 0) return 0;
  const auto process = tasks_.executors.process_of(task.executor);
  return process ? pool_.pid(*process).value_or(0) : 0;
}

/// Now and then, so that it is known how long a process has used no processor before anybody asks.
void Shell::look_at_processes() {
  if (now() - questions_.last_look < kBetweenLooks) return;
  questions_.last_look = now();
  std::set<pid_t> looked_at;
  for (const TaskSeen& task : brain_.explain_running()) {
    if (task.stage != TaskSeen::Stage::kRuns || now() - task.since < kLongTask) continue;
    const pid_t pid = pid_of(task);
    if (pid == 0 || !looked_at.insert(pid).second) continue;
    questions_.processors.look(now(), pid, read_process_stat(pid));
  }
  questions_.processors.keep(looked_at);
}

RunsOn Shell::runs_on(const TaskSeen& task) {
  RunsOn where{options_.info.name, pid_of(task), "", ""};
  if (task.stage != TaskSeen::Stage::kRuns || where.pid == 0) return where;
  questions_.processors.look(now(), where.pid, read_process_stat(where.pid));
  where.processor = questions_.processors.sentence(now(), where.pid);
  if (tasks_.starter.given(task.executor, task.claim) == nullptr) {
    where.values =
        "large values that it needs are on their way here, or wait for room in the object memory (morrow "
        "objects shows what is in it)";
  }
  return where;
}

std::string Shell::store_trouble() const {
  if (std::string trouble = store_.trouble(); !trouble.empty()) return trouble;
  return brain_.shortage().on() ? brain_.shortage().sentence() : "";
}

void Shell::ask_worker(const std::string& address, control::FutureId id, std::function<void(std::string)> then) {
  const auto endpoint = peers_.endpoint_of(address);
  if (!endpoint || !fetcher_) return boost::asio::post(io_, [then = std::move(then)] { then(""); });
  wire::FutureId future;
  set_id(&future, id);
  fetcher_->ask_all({*endpoint}, "/why/" + wire::future_text(future), kMostAnswerBytes,
                    [this, then = std::move(then)](std::vector<std::string> answers) {
                      boost::asio::post(io_, [then, answer = std::move(answers.front())] { then(answer); });
                    });
}

Why::Means Shell::why_means() {
  return {
      .post = post_to_store(),
      .explain = [this](control::FutureId id) { return brain_.explain(id); },
      .explain_all = [this] { return brain_.explain_all(); },
      .runs_on = [this](const TaskSeen& task) { return runs_on(task); },
      .ask = [this](const std::string& address, control::FutureId id,
                    std::function<void(std::string)> then) { ask_worker(address, id, std::move(then)); },
      .store_trouble = [this] { return store_trouble(); },
      .after = call_later(),
      .now = [this] { return now(); },
  };
}

void Shell::tell_why(ClientId client, std::string_view payload) {
  wire::WhyRequest request;
  wire::parse(request, payload);
  questions_.why.answer(request,
                        [this, client](const wire::WhyReply& reply) { clients_.send(client, wire::WHY_REPLY, reply); });
}

/// A line in the log is what is left of it when its session is gone.
void Shell::carry_out(action::TaskFailed& failed) { logs_.note(questions_.failures.add(now(), failed)); }

void Shell::list(ClientId client, std::string_view payload) {
  wire::ListRequest request;
  wire::parse(request, payload);
  const auto answered = std::make_shared<bool>(false);
  const auto answer = [this, client, answered](const wire::ListReply& reply) {
    if (!std::exchange(*answered, true)) clients_.send(client, wire::LIST_REPLY, reply);
  };
  list_for_people(request, questions_.why, brain_.explain_all(), questions_.failures.recent(now()), post_to_store(),
                  answer);
  call_later()(kListPatienceMs, [this, answer] {
    wire::ListReply reply;
    const std::string trouble = store_trouble();
    reply.set_error(trouble.empty() ? "the store is busy: it has not answered for some seconds" : trouble);
    answer(reply);
  });
}

void Shell::summarize(ClientId client, std::string_view payload) {
  wire::SummaryRequest request;
  wire::parse(request, payload);
  const SummaryFacts facts{options_.info.name, options_.info.started_unix_ms, brain_.totals().all(),
                           brain_.explain_all()};
  worker::summarize(
      request, facts, post_to_store(), call_later(), kListPatienceMs,
      [this, client](const wire::SummaryReply& reply) { clients_.send(client, wire::SUMMARY_REPLY, reply); });
}

// ---- what people order ----

wire::OrderReply Shell::cancel(const wire::WhyReply& which) {
  wire::OrderReply reply;
  if (which.futures_size() == 0) {
    reply.set_error(which.error());
    return reply;
  }
  const wire::FutureInfo& future = which.futures(0);
  const std::string name = named(id_of(future.id()), future.name());
  if (which.futures_size() > 1) {
    reply.set_error("several futures have that name, as " + name +
                    "; say which one by its id, as morrow list futures shows it");
  } else if (future.state() == "realized" || future.state() == "failed" || future.state() == "cancelled") {
    reply.set_error(name + " " + future.reason() + ": what has finished stays as it is");
  } else {
    brain_.cancel_by_order(now(), id_of(future.id()));
    logs_.say("a person cancels " + name);
    reply.set_sentence("cancelled " + name);
  }
  return reply;
}

void Shell::carry_out_order(ClientId client, std::string_view payload) {
  wire::Order order;
  wire::parse(order, payload);
  wire::OrderReply reply;
  switch (order.kind()) {
    case wire::Order::CANCEL: {
      wire::WhyRequest which;
      if (order.has_id()) *which.mutable_id() = order.id();
      which.set_name(order.name());
      return questions_.why.answer(which, [this, client](const wire::WhyReply& found) {
        clients_.send(client, wire::ORDER_REPLY, cancel(found));
      });
    }
    case wire::Order::STOP:
      logs_.say("a person stops this worker");
      reply.set_sentence("worker " + options_.info.name +
                         " gives back what runs, hands over the values that only it has, and leaves");
      clients_.send(client, wire::ORDER_REPLY, reply);
      clients_.flush();
      return stop();
    case wire::Order::DRAIN:
      drain(order.limit_ms());
      reply.set_sentence("worker " + options_.info.name + " takes no new task, and leaves when what runs has ended" +
                         (peers_.addresses().empty() ? "; no other worker is there to take what comes meanwhile" : ""));
      logs_.say("a person drains this worker: it takes no new task, and leaves when what runs has ended");
      return clients_.send(client, wire::ORDER_REPLY, reply);
    default:
      reply.set_error("this worker does not know that order: it is of another version");
      return clients_.send(client, wire::ORDER_REPLY, reply);
  }
}

}  // namespace morrow::worker
