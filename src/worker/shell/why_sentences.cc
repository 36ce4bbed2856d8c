// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/why_sentences.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/invariant.h"
#include "base/shown.h"
#include "wire/future_ids.h"
#include "worker/cluster/status.h"
#include "worker/objects/no_room.h"
#include "worker/shell/convert.h"
#include "worker/shell/failure_messages.h"

namespace morrow::worker {

using control::FutureSeen;
using control::Status;
using Stage = TaskSeen::Stage;

namespace {

constexpr Time kSecond = 1'000'000'000;
constexpr const char* kRecomputed = " (its value was lost, and is computed again)";

std::string tries_text(std::uint32_t tries, std::uint32_t max_retries) {
  return tries == 0 ? "" : fmt::format(", attempt {} of {}", tries + 1, max_retries + 1);
}

const control::WorkerSeen* find_worker(const std::vector<control::WorkerSeen>& workers, control::Incarnation which) {
  const auto found = std::find_if(workers.begin(), workers.end(),
                                  [&](const control::WorkerSeen& one) { return one.info.incarnation == which; });
  return found == workers.end() ? nullptr : &*found;
}

std::string queued_text(const FutureSeen& future, const std::vector<control::WorkerSeen>& workers) {
  const std::string need = future.requirements.text();
  if (const auto nobody = nobody_has(future.requirements, workers))
    return "needs " + need + ", and " + *nobody + "; it waits until one that has joins";
  const std::string tries = tries_text(future.tries, future.max_retries);
  if (future.ahead.value_or(0) == 0) return "is the next one to run, when a worker has " + need + " free" + tries;
  return fmt::format("is queued behind {}; it needs {}, and no worker has that free{}",
                     others_text(*future.ahead, future.ahead_names), need, tries);
}

std::string claimed_text(const FutureSeen& future, const std::vector<control::WorkerSeen>& workers) {
  const control::WorkerSeen* worker = find_worker(workers, future.holder);
  if (worker == nullptr) return "was with a worker that is gone; another one takes it over in a moment";
  const std::string who = fmt::format("worker {} (process {})", worker->info.name, worker->info.pid);
  if (worker->dying) return "was with " + who + ", which is dead; another one takes it over in a moment";
  return "is with " + who +
         ", which does not answer: it is stopped or very busy; when it gives no sign for the lease, another one takes "
         "the future over";
}

}  // namespace

std::string span_text(Time nanoseconds) {
  if (nanoseconds < 10 * kSecond) return fmt::format("{:.1f} s", static_cast<double>(nanoseconds) / kSecond);
  const Time seconds = nanoseconds / kSecond;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

std::string others_text(std::uint64_t count, const std::map<std::string, std::uint64_t>& names) {
  constexpr std::size_t kMostNames = 3;
  std::string text = count == 1 ? "1 other" : fmt::format("{} others", count);
  std::vector<std::pair<std::string, std::uint64_t>> all(names.begin(), names.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& one, const auto& other) { return one.second > other.second; });
  std::uint64_t told = 0;
  const std::size_t shown = std::min(all.size(), kMostNames);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [name, number] = all[i];
    told += number;
    text += i == 0 ? ", of " : i + 1 == shown && told == count ? " and " : ", ";
    text += (name.empty() ? "no name" : "'" + base::shown_line(name) + "'") +
            (count == 1 ? "" : fmt::format(" ({})", number));
  }
  if (shown != 0 && told < count) text += fmt::format(" and {} more", count - told);
  return text;
}

std::string driver_gone_text(std::optional<std::uint64_t> left_ms) {
  if (!left_ms) return "";
  return "; its driver is gone: its session ends in " + span_text(*left_ms * 1'000'000) + ", unless it comes back";
}

std::string held_text(const std::vector<RoomHolder>& holders) {
  constexpr std::size_t kMostHolders = 3;
  std::string text;
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    if (i >= kMostHolders) {
      rest += holders[i].bytes;
    } else {
      text += (i == 0 ? "" : ", ") + amount_text(holders[i].bytes) + " by " + holders[i].who;
    }
  }
  if (holders.size() > kMostHolders)
    text += fmt::format(", {} by {} more", amount_text(rest), holders.size() - kMostHolders);
  return text;
}

void add_warning(wire::WhyReply& reply, const std::string& sentence) {
  reply.set_warning(reply.warning().empty() ? sentence : reply.warning() + "; " + sentence);
}

bool is_running(const TaskSeen& task) {
  return task.stage == Stage::kRuns || task.stage == Stage::kBlocked || task.stage == Stage::kCovered;
}

std::string failure_text(const control::Outcome& outcome) {
  wire::Failure failure;
  if (!failure.ParseFromString(failure_bytes(outcome, ""))) return "failed";
  std::string text = "failed: ";
  if (!failure.type().empty()) text += failure.type() + ": ";
  text += failure.message();
  if (!failure.worker().empty()) text += fmt::format(" (worker {}, attempt {})", failure.worker(), failure.attempt());
  return text;
}

std::string reason_of(const FutureSeen& future, const std::vector<control::WorkerSeen>& workers) {
  const std::string again = future.recomputed ? kRecomputed : "";
  switch (future.status) {
    case Status::kBuilding:
      return "is being written to the store: it depends on very many others, or is large";
    case Status::kWaiting:
      return (future.missing ? "waits for " + named(*future.missing, "")
                             : std::string("has all that it waited for, and is looked at in a moment")) +
             again;
    case Status::kReady:
      return queued_text(future, workers) + again;
    case Status::kClaimed:
      return claimed_text(future, workers) + again;
    case Status::kRealized:
      return future.outcome && future.outcome->object
                 ? fmt::format("has its value, of {} bytes, in the memory of workers", future.outcome->object.size)
                 : "has its value";
    case Status::kFailed:
      return future.outcome ? failure_text(*future.outcome) : "failed";
    case Status::kCancelled:
      return "was cancelled";
  }
  return "is in a state that this version does not know";
}

std::string reason_of(const TaskSeen& task, const RunsOn& where, Time now, const std::string& full) {
  const std::string worker = "worker " + where.worker;
  const std::string process = where.pid == 0 ? "" : fmt::format(" (process {})", where.pid);
  const std::string span = span_text(now - std::min(now, task.since));
  const std::string tries = tries_text(task.tries, task.max_retries) + (task.recomputed ? kRecomputed : "");
  const std::string trouble =
      task.trouble.empty() ? "" : "; its program did not start here the last time: " + task.trouble;
  switch (task.stage) {
    case Stage::kStored:
      return "is on its way to the store, for " + span + (full.empty() ? "" : ": " + full);
    case Stage::kQueued:
      if (task.ahead == 0) {
        return fmt::format("is the next one that {} runs when it has {} free, for {}{}{}", worker,
                           task.requirements.text(), span, tries, trouble);
      }
      return fmt::format("is queued on {} behind {}, for {}: it needs {}{}{}", worker,
                         others_text(task.ahead, task.ahead_names), span, task.requirements.text(), tries, trouble);
    case Stage::kStarts:
      return "waits on " + worker + " for a process that is being started, for " + span + tries + trouble;
    case Stage::kAhead:
      return "is the next of a process of " + worker + process + ", which runs another task" + tries;
    case Stage::kRuns:
      if (!where.values.empty()) return "waits on " + worker + process + " for " + span + ": " + where.values + tries;
      if (!where.room.empty()) return "runs on " + worker + process + " for " + span + tries + ", and " + where.room;
      return "runs on " + worker + process + " for " + span + tries +
             (where.processor.empty() ? "" : ", and " + where.processor);
    case Stage::kCovered:
      return "waits on " + worker + process + " for a task that runs on top of it";
    case Stage::kBlocked:
      return blocked_text(where) + " other futures";
    case Stage::kGoesOn:
      if (!where.room.empty()) return "has all that it awaited on " + worker + process + ", and " + where.room;
      return "has all that it awaited, and goes on when " + worker + " has what it needs free";
    case Stage::kRetries:
      return fmt::format("failed {} of {} attempts on {}; the next one begins in {}", task.tries, task.max_retries + 1,
                         worker, span_text(task.until - std::min(task.until, now)));
    case Stage::kEnded:
      return "has ended on " + worker + ", and that is being written to the store" + (full.empty() ? "" : ": " + full);
  }
  return "is on " + worker;
}

std::string blocked_text(const RunsOn& where) {
  const std::string process = where.pid == 0 ? "" : fmt::format(" (process {})", where.pid);
  return "runs on worker " + where.worker + process + " and waits there for";
}

wire::FutureInfo told(const std::vector<ChainLink>& chain) {
  MORROW_INVARIANT(!chain.empty(), "what is told of has a beginning");
  wire::FutureInfo info = chain.front().info;
  if (chain.size() == 1) return info;
  const auto name_at = [&](std::size_t i) { return named(id_of(chain[i].info.id()), chain[i].info.name()); };
  const ChainLink& root = chain.back();
  std::string reason = chain.front().waits + " " + name_at(1);
  if (chain.size() == 3) reason += ", which " + chain[1].waits + " " + name_at(2);
  if (chain.size() > 3)
    reason += fmt::format(", and that, through {} more, for {}", chain.size() - 3, name_at(chain.size() - 1));
  info.set_reason(reason + ", which " + root.info.reason());
  *info.mutable_root() = root.info.has_root() ? root.info.root() : root.info.id();
  info.set_root_name(root.info.has_root() ? root.info.root_name() : root.info.name());
  info.set_waits_for(static_cast<std::uint32_t>(chain.size() - 1) + root.info.waits_for());
  if (root.info.running() || info.worker().empty()) {
    info.set_worker(root.info.worker());
    info.set_pid(root.info.pid());
  }
  return info;
}

}  // namespace morrow::worker
