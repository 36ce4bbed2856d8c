// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/recent_failures.h"

#include <algorithm>

#include "worker/shell/convert.h"
#include "worker/shell/why_sentences.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMostTextBytes = 1'000;  // of the text of an exception, which may be long

std::string first_line(const std::string& text) { return text.substr(0, std::min(text.find('\n'), kMostTextBytes)); }

}  // namespace

std::string RecentFailures::add(Time now, const action::TaskFailed& failed) {
  const std::string text = first_line(failure_text(*failed.outcome));
  const std::string line = named(failed.id, failed.spec->name) + " " + text;
  if (failed.again) {
    ++retries_;
    return line + "; it is tried again";
  }
  ++ends_[failed.outcome->failure];
  wire::FutureInfo info;
  set_id(info.mutable_id(), failed.id);
  info.set_name(failed.spec->name);
  info.set_state("failed");
  info.set_reason(text);
  info.set_worker(worker_);
  info.set_failed_attempts(failed.attempt);
  info.set_max_retries(failed.spec->max_retries);
  bytes_ += bytes_of(info);
  kept_.emplace_back(now, std::move(info));
  while (kept_.size() > kMostKept || bytes_ > kMostBytes || now - kept_.front().first > kKeptFor) drop_first();
  return line;
}

void RecentFailures::drop_first() {
  bytes_ -= bytes_of(kept_.front().second);
  kept_.pop_front();
}

std::vector<wire::FutureInfo> RecentFailures::recent(Time now) const {
  std::vector<wire::FutureInfo> all;
  for (const auto& [time, info] : kept_) {
    if (now - time <= kKeptFor) all.push_back(info);
  }
  return all;
}

const char* name_of(control::FailureKind kind) {
  using control::FailureKind;
  switch (kind) {
    case FailureKind::kException:
      return "exception";
    case FailureKind::kCrash:
      return "crash";
    case FailureKind::kTimeout:
      return "timeout";
    case FailureKind::kCancelled:
      return "cancelled";
    case FailureKind::kReleased:
      return "released";
    case FailureKind::kDependency:
      return "dependency";
    case FailureKind::kUnschedulable:
      return "unschedulable";
    case FailureKind::kProgram:
      return "program";
    case FailureKind::kTooLarge:
      return "too_large";
    case FailureKind::kStackOverflow:
      return "stack_overflow";
    case FailureKind::kNoRoom:
      return "no_room";
    case FailureKind::kLost:
      return "lost";
    case FailureKind::kPoisoned:
      return "poisoned";
    case FailureKind::kStoreFull:
      return "store_full";
    case FailureKind::kDeadlock:
      return "deadlock";
    case FailureKind::kOutOfMemory:
      return "out_of_memory";
    case FailureKind::kNone:
      break;
  }
  return "other";
}

}  // namespace morrow::worker
