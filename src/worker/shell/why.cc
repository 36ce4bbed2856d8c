// SPDX-License-Identifier: Apache-2.0
//
// Nobody knows all of why a future is not there. The store knows what it depends on and which worker has it; what a
// task that runs waits for in a `get` knows the worker alone that runs it. So a question walks from one to the next:
//
//   next(id): a task of this worker? --yes--> it is blocked for another? --> next(that one)
//               | no                              | no: it is the root
//               v
//             the store: what it depends on, to the last --> with another worker? --> ask that one, by its port; when
//             it
//               | not there: said                             | no: it is the root     says what it waits for: next
//
// Each step adds links to one chain, and the sentence is made of the first and the last (why_sentences.cc). A future
// that is met twice closes a circle, which is said. A worker answers another one from its memory alone, so that no two
// ever wait for each other; one that is silent, and a store that is, are said after a moment.
#include "worker/shell/why.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/invariant.h"
#include "worker/cluster/status.h"
#include "worker/shell/convert.h"
#include "worker/shell/future_search.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMostOfAName = 20;
constexpr std::size_t kLongestChain = 2'000;
/// A worker that runs answers from its memory.
constexpr std::uint64_t kPeerPatienceMs = 1'500;
/// People wait for it.
constexpr std::uint64_t kWhyPatienceMs = 3'000;
constexpr Time kMillisecond = 1'000'000;

}  // namespace

/// One future that was asked for.
struct Why::Question {
  std::function<void(const Question&)> then;  ///< null: it was called
  std::vector<ChainLink> chain = {};
  std::set<control::FutureId> met = {};
  std::string error = {};  ///< about the first
  std::uint64_t step = 0;  ///< counts what is waited for: an answer of an earlier one comes too late
};

void Why::answer(const wire::WhyRequest& request, const Then& then) {
  if (request.has_id()) return by_ids({id_of(request.id())}, 0, then);
  by_name(request.name(), then);
}

void Why::by_name(const std::string& name, const Then& then) {
  const auto ids = std::make_shared<std::set<control::FutureId>>();
  for (const TaskSeen& task : means_.explain_all()) {
    if (matches(name, task.name) && ids->size() < kMostOfAName) ids->insert(task.id);
  }
  const auto answered = std::make_shared<bool>(false);
  const auto answer = [this, ids, name, then, answered](std::uint64_t more, const std::string& trouble) {
    if (std::exchange(*answered, true)) return;
    if (!ids->empty()) return by_ids({ids->begin(), ids->end()}, more, then);
    wire::WhyReply reply;
    reply.set_error(trouble.empty() ? "no future of a task named '" + name +
                                          "' is unfinished or failed; morrow list futures shows all"
                                    : "this worker holds no task named '" + name + "', and " + trouble);
    then(reply);
  };
  // What has not finished first; when there is none of the name, what has failed.
  const auto collect = [this, ids, name](const control::FutureFilter& filter, std::function<void(std::uint64_t)> done) {
    find_futures(means_.post, filter, name, kMostOfAName, [ids, done = std::move(done)](const FoundFutures& found) {
      std::uint64_t more = found.more;
      for (const control::FutureSeen& future : found.futures) {
        if (ids->size() < kMostOfAName) {
          ids->insert(future.id);
        } else {
          more += ids->contains(future.id) ? 0 : 1;
        }
      }
      done(more);
    });
  };
  collect({.unfinished = true}, [ids, answer, collect](std::uint64_t more) {
    if (!ids->empty()) return answer(more, "");
    collect({.failed = true}, [answer](std::uint64_t failed) { answer(failed, ""); });
  });
  means_.after(kWhyPatienceMs, [this, answer, answered] {
    if (!*answered) answer(0, silent_store());
  });
}

void Why::by_ids(const std::vector<control::FutureId>& ids, std::uint64_t more, const Then& then) {
  struct Gathered {
    wire::WhyReply reply;
    std::size_t missing = 0;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->missing = ids.size();
  if (more != 0) gathered->reply.set_warning(std::to_string(more) + " more of that name are not shown");
  const auto one = [this, gathered, then](const Question& question) {
    if (!question.chain.empty()) *gathered->reply.add_futures() = told(question.chain);
    if (!question.error.empty()) gathered->reply.set_error(question.error);
    if (--gathered->missing != 0) return;
    if (const std::string trouble = means_.store_trouble(); !trouble.empty()) add_warning(gathered->reply, trouble);
    if (gathered->reply.futures_size() != 0) gathered->reply.clear_error();
    then(gathered->reply);
  };
  for (const control::FutureId id : ids) next(std::make_shared<Question>(Question{one}), id);
}

wire::WhyReply Why::own(control::FutureId id) const {
  wire::WhyReply reply;
  if (const auto task = means_.explain(id)) *reply.add_futures() = info_of(*task, means_.store_trouble());
  return reply;
}

wire::FutureInfo Why::info_of(const TaskSeen& task, const std::string& store_trouble) const {
  wire::FutureInfo info;
  const RunsOn where = means_.runs_on(task);
  set_id(info.mutable_id(), task.id);
  info.set_name(task.name);
  info.set_state(task.stage == TaskSeen::Stage::kStored ? "submitted" : name_of(control::Status::kClaimed));
  info.set_worker(where.worker);
  info.set_pid(where.pid);
  info.set_for_ms((means_.now() - std::min(means_.now(), task.since)) / kMillisecond);
  info.set_failed_attempts(task.tries);
  info.set_max_retries(task.max_retries);
  info.set_running(is_running(task));
  if (task.awaits.empty()) {
    info.set_reason(reason_of(task, where, means_.now(), store_trouble) +
                    driver_gone_text(means_.session_left_ms(task.session)));
  } else {
    set_id(info.mutable_root(), task.awaits.front());
    info.set_reason(blocked_text(where));
  }
  return info;
}

wire::FutureInfo Why::info_of(const control::FutureSeen& future,
                              const std::vector<control::WorkerSeen>& workers) const {
  wire::FutureInfo info;
  set_id(info.mutable_id(), future.id);
  info.set_name(worker::name_of(future));
  info.set_state(name_of(future.status));
  info.set_failed_attempts(future.tries);
  info.set_max_retries(future.max_retries);
  info.set_reason(future.status == control::Status::kClaimed && future.holder == self_
                      ? "has just ended here, or been given back"
                      : reason_of(future, workers) + without_driver(future));
  const auto holder = std::find_if(workers.begin(), workers.end(), [&](const control::WorkerSeen& one) {
    return one.info.incarnation == future.holder && future.status == control::Status::kClaimed;
  });
  if (holder != workers.end()) info.set_worker(holder->info.name);
  return info;
}

std::string Why::without_driver(const control::FutureSeen& future) const {
  if (!future.without_driver || future.status >= control::Status::kRealized) return "";
  const std::string known = driver_gone_text(means_.session_left_ms(future.session));
  return known.empty() ? "; its driver is gone, or on its way to another worker" : known;
}

/// One that is met again closes a circle.
void Why::next(const QuestionPtr& question, control::FutureId id) {
  ++question->step;
  if (!question->met.insert(id).second || question->chain.size() >= kLongestChain) {
    const auto first = std::find_if(question->chain.begin(), question->chain.end(),
                                    [&](const ChainLink& link) { return id_of(link.info.id()) == id; });
    ChainLink again;
    set_id(again.info.mutable_id(), id);
    if (first != question->chain.end()) again.info.set_name(first->info.name());
    again.info.set_reason("waits for itself in the end: they wait for each other, and none of them can go on");
    question->chain.push_back(std::move(again));
    return finish(question);
  }
  if (const auto task = means_.explain(id)) return own_task(question, *task);
  look_up(question, id);
}

void Why::own_task(const QuestionPtr& question, const TaskSeen& task) {
  ChainLink link{info_of(task, means_.store_trouble()), ""};
  const bool blocked = !task.awaits.empty();
  if (blocked) {
    link.waits = link.info.reason();
    link.info.clear_root();
  }
  question->chain.push_back(std::move(link));
  if (!blocked) return finish(question);
  next(question, task.awaits.front());
}

void Why::look_up(const QuestionPtr& question, control::FutureId id) {
  /// What the store says.
  struct Answer {
    std::vector<control::FutureSeen> chain;
    std::vector<control::WorkerSeen> workers;
  };
  const auto answer = std::make_shared<Answer>();
  const std::uint64_t step = question->step;
  means_.post(
      StoreLane::kUpkeep,
      [answer, id](store::Store& store) {
        answer->chain = control::waits_for(store, id);
        answer->workers = control::workers(store);
      },
      [this, question, answer, id, step] {
        if (question->step == step && question->then) found(question, id, answer->chain, answer->workers);
      });
  means_.after(kWhyPatienceMs, [this, question, id, step] {
    if (question->step != step || !question->then) return;
    const std::string sentence = silent_store();
    if (question->chain.empty()) {
      question->error = "this worker does not hold " + named(id, "") + ", and " + sentence;
    } else {
      ChainLink link;
      set_id(link.info.mutable_id(), id);
      link.info.set_reason("can't be looked up: " + sentence);
      question->chain.push_back(std::move(link));
    }
    finish(question);
  });
}

std::string Why::silent_store() const {
  const std::string trouble = means_.store_trouble();
  return trouble.empty() ? "the store is busy: it has not answered for 3 s" : trouble;
}

void Why::found(const QuestionPtr& question, control::FutureId id, const std::vector<control::FutureSeen>& chain,
                const std::vector<control::WorkerSeen>& workers) {
  if (chain.empty()) {
    const std::string gone = "is not there: it was never submitted, or was released, or its scope has ended";
    if (question->chain.empty()) {
      question->error = named(id, "") + " " + gone;
    } else {
      ChainLink link;
      set_id(link.info.mutable_id(), id);
      link.info.set_reason(gone);
      question->chain.push_back(std::move(link));
    }
    return finish(question);
  }
  for (const control::FutureSeen& future : chain) {
    if (future.id != id && (question->met.contains(future.id) || means_.explain(future.id)))
      return next(question, future.id);
    question->met.insert(future.id);
    question->chain.push_back({info_of(future, workers), "waits for"});
  }
  if (chain.back().status == control::Status::kClaimed) return ask_holder(question, chain.back(), workers);
  if (chain.back().status == control::Status::kWaiting && chain.back().missing) {
    wire::FutureInfo& last = question->chain.back().info;
    last.set_reason(last.reason() + ", which is not there any more");
  }
  finish(question);
}

void Why::ask_holder(const QuestionPtr& question, const control::FutureSeen& future,
                     const std::vector<control::WorkerSeen>& workers) {
  const auto holder = std::find_if(workers.begin(), workers.end(), [&](const control::WorkerSeen& one) {
    return one.info.incarnation == future.holder && !one.dying;
  });
  if (future.holder == self_ || holder == workers.end() || holder->info.address.empty() || !means_.ask)
    return finish(question);
  const std::uint64_t step = ++question->step;
  means_.ask(holder->info.address, future.id, [this, question, step](const std::string& bytes) {
    if (question->step != step || !question->then) return;
    wire::WhyReply reply;
    if (bytes.empty() || !reply.ParseFromString(bytes) || reply.futures_size() != 1) return finish(question);
    ChainLink& link = question->chain.back();
    link.info = reply.futures(0);
    if (!link.info.has_root()) return finish(question);
    const control::FutureId root = id_of(link.info.root());
    link.waits = link.info.reason();
    link.info.clear_root();
    next(question, root);
  });
  means_.after(kPeerPatienceMs, [question, step] {
    if (question->step == step && question->then) finish(question);
  });
}

void Why::finish(const QuestionPtr& question) {
  ++question->step;
  const auto then = std::exchange(question->then, nullptr);
  MORROW_INVARIANT(then, "a question is answered once", question->chain.size());
  then(*question);
}

}  // namespace morrow::worker
