// SPDX-License-Identifier: Apache-2.0
// A worker that leaves in order takes nothing with it that others need. What it alone holds goes to other workers
// first:
//
//   look: which values are needed, and only here? who else is there? --> ask some --> look again ... --> say what came
//   of it
//
// - The store is asked again and again, since it alone counts: another worker has a value when its copy is written
//   there, and a value that was freed meanwhile is needed no more. So an answer that got lost does no harm, and what
//   readers fetch on their own at the same time counts too.
// - The others get the copies as they get any value, from this worker's port, which is open until it leaves.
// - A worker that is short of room gives up a copy while another one has the value (control::give_up_copy), but not one
//   that leaves. So nothing counts before the store says that this one does.
// - Values that were put go first: nothing can compute them again. Among those of a kind the small ones go first, so
// that
//   as many as can be are safe when time or room ends.
// - One that has no room says so at once. It is asked some times more, as readers let go memory every moment, and so
//   are all others; then the value is given up, and those behind it have their turn.
#include "worker/shell/hand_over.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace morrow::worker {

namespace {

constexpr std::size_t kAtOnce = 4;                  // a few fill a network
constexpr std::uint64_t kHandOverLookAgainMs = 50;  // between two looks at the store
constexpr std::uint64_t kMegabyte = 1'000'000;

std::string amount(std::size_t count, std::uint64_t bytes) {
  return fmt::format("{} value{} ({} MB)", count, count == 1 ? "" : "s", (bytes + kMegabyte / 2) / kMegabyte);
}

}  // namespace

/// What the store says.
struct HandOver::Look {
  bool leaves = false;  ///< others know that this worker does: from here on none of them gives up a copy for its sake
  std::vector<control::SoleValue> sole;
  std::vector<control::WorkerInfo> others;
};

void HandOver::start(std::vector<control::HeldValue> held, std::function<void()> done) {
  held_ = std::move(held);
  done_ = std::move(done);
  end_ms_ = means_.clock_ms() + options_.within_ms;
  if (held_.empty() || options_.within_ms == 0) return done_();
  look();
}

void HandOver::look() {
  auto found = std::make_shared<Look>();
  auto held = std::make_shared<const std::vector<control::HeldValue>>(held_);
  means_.post(
      StoreLane::kUpkeep,
      [found, held, self = options_.incarnation](store::Store& store) {
        found->sole = control::sole_values(store, self, *held);
        found->others.clear();
        found->leaves = false;
        for (control::WorkerSeen& worker : control::workers(store)) {
          if (worker.info.incarnation == self) found->leaves = worker.info.draining;
          if (worker.info.incarnation != self && !worker.dying && !worker.info.draining && !worker.info.address.empty())
            found->others.push_back(std::move(worker.info));
        }
      },
      [this, found] { looked(*found); });
}

void HandOver::looked(const Look& found) {
  if (!found.leaves && means_.clock_ms() < end_ms_) return look_again();
  std::map<std::uint64_t, Value> left;
  for (const control::SoleValue& sole : found.sole) {
    const auto known = values_.extract(sole.value.number);
    Value& value = left.emplace(sole.value.number, known ? std::move(known.mapped()) : Value()).first->second;
    value.sole = sole;
  }
  for (const auto& [number, value] : values_) {  // these are safe, or needed no more
    if (value.request.is_asked()) --asked_;
    if (!value.request.is_taken() && !value.request.is_asked()) continue;
    ++handed_;
    handed_bytes_ += value.sole.value.size;
    means_.note("the value of future " + control::text_of(value.sole.value.future) + " was handed over");
  }
  values_ = std::move(left);
  held_.clear();
  for (const auto& [number, value] : values_) held_.push_back(value.sole.value);
  if (first_ && !values_.empty() && !found.others.empty())
    means_.say("values that only this worker has are handed over before it leaves");
  first_ = false;

  if (values_.empty()) return finish("");
  if (found.others.empty()) return finish("no other worker is there to take them");
  if (means_.clock_ms() >= end_ms_) return finish("the time for it (--hand-over-s) is over");
  std::vector<Value*> order;
  order.reserve(values_.size());
  for (auto& [number, value] : values_) order.push_back(&value);
  std::sort(order.begin(), order.end(), [](const Value* a, const Value* b) {
    return std::tuple(a->sole.can_be_made_again, a->sole.value.size) <
           std::tuple(b->sole.can_be_made_again, b->sole.value.size);
  });
  bool hopeless = true;
  for (Value* value : order) {
    if (!value->request.is_hopeless(found.others.size())) hopeless = false;
    if (asked_ < kAtOnce) ask(*value, found.others);
  }
  if (hopeless && asked_ == 0) return finish("no other worker takes them");
  look_again();
}

void HandOver::look_again() {
  means_.after(kHandOverLookAgainMs, [this] { look(); });
}

void HandOver::ask(Value& value, const std::vector<control::WorkerInfo>& others) {
  if (value.request.is_hopeless(others.size()) || !value.request.is_due(means_.clock_ms())) return;
  const control::WorkerInfo& other = others[next_++ % others.size()];
  const auto endpoint = means_.endpoint_of(other.address);
  if (!endpoint) {
    return value.request.count_refusal();
  }
  value.request.ask();
  ++asked_;
  means_.have_copied(
      *endpoint, value.sole.value,
      [this, number = value.sole.value.number, name = other.name](Fetcher::Copied copied, const std::string& sentence) {
        answered(number, copied, "worker " + name + ": " + sentence);
      });
}

void HandOver::answered(std::uint64_t number, Fetcher::Copied copied, const std::string& sentence) {
  const auto found = values_.find(number);
  if (found == values_.end() || !found->second.request.is_asked()) return;  // it is through already
  --asked_;
  found->second.request.answered(means_.clock_ms(), copied, sentence);
}

void HandOver::finish(const std::string& why) {
  std::size_t lost = 0;
  std::uint64_t bytes = 0;
  std::size_t again = 0;
  for (const auto& [number, value] : values_) {
    ++lost;
    bytes += value.sole.value.size;
    if (value.sole.can_be_made_again) ++again;
    means_.note("the value of future " + control::text_of(value.sole.value.future) +
                " was not handed over: " + (value.request.refusal().empty() ? why : value.request.refusal()));
  }
  if (handed_ != 0) means_.say(amount(handed_, handed_bytes_) + " handed over to other workers");
  if (lost != 0) {
    means_.warn(amount(lost, bytes) + " that only this worker has could not be handed over: " + why +
                (again == 0      ? ""
                 : again == lost ? "; tasks compute them again when they are needed"
                                 : fmt::format("; {} of them tasks compute again when they are needed", again)));
  }
  values_.clear();
  asked_ = 0;
  std::exchange(done_, nullptr)();
}

}  // namespace morrow::worker
