// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/recent_failures.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/shown.h"
#include "worker/cluster/status.h"
#include "worker/shell/convert.h"
#include "worker/shell/why_sentences.h"

namespace morrow::worker {

namespace {

constexpr Time kLogSecond = 1'000'000'000;
constexpr std::size_t kMostTextBytes = 1'000;  // of the text of an exception, which may be long

std::string first_line(std::string_view text) {
  return std::string(base::beginning(text.substr(0, text.find('\n')), kMostTextBytes));
}

/// About what it takes in memory.
std::size_t bytes_of(const wire::FutureInfo& info) {
  return sizeof(info) + info.name().size() + info.reason().size() + info.worker().size();
}

}  // namespace

bool RecentFailures::may_write_line(Time now) {
  if (const Time second = now / kLogSecond; second != second_) {
    second_ = second;
    lines_ = 0;
  }
  if (lines_ < kLinesASecond) return ++lines_, true;
  ++left_out_;
  return false;
}

std::optional<std::string> RecentFailures::left_out(Time now) {
  if (left_out_ == 0 || now / kLogSecond == second_) return std::nullopt;
  return fmt::format("and {} more attempts failed; the counts are among the metrics", std::exchange(left_out_, 0));
}

void RecentFailures::forget_first() {
  kept_bytes_ -= bytes_of(kept_.front().second);
  kept_.pop_front();
}

std::optional<std::string> RecentFailures::add(Time now, const action::TaskFailed& failed) {
  const std::string text = first_line(failure_text(*failed.outcome));
  const std::string name(base::beginning(failed.spec->name, kMostTextBytes));
  std::optional<std::string> line;
  if (may_write_line(now)) line = named(failed.id, name) + " " + text + (failed.again ? "; it is tried again" : "");
  if (failed.again) {
    ++retries_;
    return line;
  }
  ++ends_[failed.outcome->failure];
  wire::FutureInfo info;
  set_id(info.mutable_id(), failed.id);
  info.set_name(name);
  info.set_state("failed");
  info.set_reason(text);
  info.set_worker(worker_);
  info.set_failed_attempts(failed.attempt);
  info.set_max_retries(failed.spec->max_retries);
  kept_bytes_ += bytes_of(info);
  kept_.emplace_back(now, std::move(info));
  while (kept_.size() > kMostKept || kept_bytes_ > kMostBytes || now - kept_.front().first > kKeptFor) forget_first();
  return line;
}

bool RecentFailures::any_by_itself() const {
  using control::FailureKind;
  return std::any_of(ends_.begin(), ends_.end(), [](const auto& end) {
    return end.first != FailureKind::kCancelled && end.first != FailureKind::kReleased &&
           end.first != FailureKind::kDependency && end.first != FailureKind::kUnschedulable;
  });
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
