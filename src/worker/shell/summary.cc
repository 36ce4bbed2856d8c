// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/summary.h"

#include <memory>
#include <utility>

#include "control/questions.h"
#include "worker/shell/future_search.h"

namespace morrow::worker {

namespace {

/// A summary that is being made.
struct Summary {
  PostToStore post;
  std::function<void(const wire::SummaryReply&)> then;  ///< empty: it was answered
  wire::SummaryReply reply = {};
  std::unordered_map<std::string, wire::FunctionSummary*> by_name = {};
  control::FuturePage page = {};

  wire::FunctionSummary& of(const std::string& name) {
    const bool known = by_name.contains(name) || by_name.size() < TaskTotals::kMostNames;
    const std::string& shown = known ? name : TaskTotals::kOthers;
    auto& entry = by_name[shown];
    if (entry == nullptr) {
      entry = reply.add_functions();
      entry->set_name(shown);
    }
    return *entry;
  }

  void answer() {
    if (const auto waiting = std::exchange(then, nullptr)) waiting(reply);
  }
};

void add_total(const TaskTotals::Total& total, wire::FunctionSummary& shown) {
  shown.set_finished(shown.finished() + total.finished);
  shown.set_failed(shown.failed() + total.failed);
  shown.set_cancelled(shown.cancelled() + total.cancelled);
  shown.set_retried(shown.retried() + total.retried);
  shown.set_runs(shown.runs() + total.runs);
  shown.set_ran_ns(shown.ran_ns() + total.ran);
}

void add_task(const TaskSeen& task, wire::FunctionSummary& shown) {
  using Stage = TaskSeen::Stage;
  switch (task.stage) {
    case Stage::kStored:
    case Stage::kQueued:
    case Stage::kStarts:
    case Stage::kAhead:
    case Stage::kRetries:
      return shown.set_waiting(shown.waiting() + 1);
    case Stage::kRuns:
    case Stage::kCovered:
    case Stage::kBlocked:
    case Stage::kGoesOn:
      return shown.set_running(shown.running() + 1);
    case Stage::kEnded:
      return;  // counted among the ends
  }
}

/// One page at a time: between two of them the store's thread turns to the rounds.
void count_page(const std::shared_ptr<Summary>& summary) {
  summary->post(
      StoreLane::kUpkeep,
      [summary, from = summary->page.next](store::Store& store) {
        summary->page = control::find_futures(store, {.unfinished = true, .closely = false}, from);
      },
      [summary] {
        if (!summary->then) return;
        for (const control::FutureSeen& future : summary->page.futures) {
          // What is claimed its holder tells of.
          if (future.status == control::Status::kClaimed || future.status == control::Status::kBuilding) continue;
          wire::FunctionSummary& shown = summary->of(name_of(future));
          shown.set_waiting(shown.waiting() + 1);
        }
        if (summary->page.next.empty()) return summary->answer();
        count_page(summary);
      });
}

}  // namespace

void summarize(const wire::SummaryRequest& request, const SummaryFacts& facts, const PostToStore& post,
               const CallLater& later, std::uint64_t patience_ms, std::function<void(const wire::SummaryReply&)> then) {
  const auto summary = std::make_shared<Summary>(Summary{post, std::move(then)});
  summary->reply.set_worker(facts.worker);
  summary->reply.set_started_unix_ms(facts.started_unix_ms);
  for (const auto& [name, total] : facts.totals) add_total(total, summary->of(name));
  for (const TaskSeen& task : facts.tasks) add_task(task, summary->of(task.name));
  if (!request.everywhere()) return summary->answer();
  count_page(summary);
  later(patience_ms, [summary] {
    summary->reply.set_error("the store did not tell in time of all that waits in it: more is waiting");
    summary->answer();
  });
}

}  // namespace morrow::worker
