// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/shell/fake_store.h"
#include "worker/port/fetcher.h"

namespace morrow::worker {

/// Worker 7, and others that it can ask to hold values too. They answer in virtual time: those that are `full_` refuse,
/// and those that are `silent_` get the copy all the same.
class OthersTest : public ::testing::Test {
 protected:
  OthersTest() {
    join(7);
    control::op::OpenSession open;
    open.session = kSession;
    open.attachment = 1;
    commit(7, {open});
  }

  void join(control::Incarnation incarnation) {
    control::WorkerInfo info;
    info.incarnation = incarnation;
    info.name = "w" + std::to_string(incarnation);
    info.address = "http://" + std::to_string(incarnation);
    info.draining = incarnation == 7;
    control::join(store_.store, info);
  }
  void commit(control::Incarnation incarnation, std::vector<control::Op> ops) {
    control::Committer(store_.store, incarnation).run({incarnation, std::move(ops)});
  }
  /// A value of 1 MB that worker 7 has; what was put, unless it can be made again.
  control::HeldValue made(std::uint64_t number, bool can_be_made_again = false, std::uint64_t size = 1'000'000) {
    control::op::Submit submit;
    submit.id = {kSession, number};
    auto spec = std::make_shared<control::Spec>();
    if (can_be_made_again) spec->payload = "f";
    submit.spec = spec;
    submit.how = control::op::Submit::How::kEnded;
    auto outcome = std::make_shared<control::Outcome>();
    outcome->object = {number, size, 7};
    submit.outcome = outcome;
    commit(7, {submit});
    return {submit.id, number, size};
  }

  std::function<void(const wire::Endpoint&, const control::HeldValue&,
                     std::function<void(Fetcher::Copied, std::string)>)>
  have_copied() {
    return [this](const wire::Endpoint& worker, const control::HeldValue& value,
                  std::function<void(Fetcher::Copied, std::string)> answered) {
      asked_.push_back(value.number);
      const auto incarnation = std::stoull(worker.host);
      const bool full = full_.contains(incarnation);
      if (!full) commit(incarnation, {control::op::AddReplica{value.future, value.number}});
      const Fetcher::Copied copied = full                            ? Fetcher::Copied::kRefused
                                     : silent_.contains(incarnation) ? Fetcher::Copied::kUnknown
                                                                     : Fetcher::Copied::kHere;
      later_.emplace(now_ms_ + 10, [answered = std::move(answered), copied] { answered(copied, "no room"); });
    };
  }
  static std::optional<wire::Endpoint> endpoint_of(const std::string& address) {
    wire::Endpoint endpoint;
    endpoint.host = address.substr(address.rfind('/') + 1);
    return endpoint;
  }
  CallLater after() {
    return [this](std::uint64_t milliseconds, std::function<void()> then) {
      later_.emplace(now_ms_ + milliseconds, std::move(then));
    };
  }
  /// Lets time pass until nothing is left to do, or so long.
  void run(std::uint64_t most_ms = 1'000'000) {
    const std::uint64_t end_ms = now_ms_ + most_ms;
    store_.run();
    while (!later_.empty() && later_.begin()->first <= end_ms) {
      const auto next = later_.extract(later_.begin());
      now_ms_ = std::max(now_ms_, next.key());
      next.mapped()();
      store_.run();
    }
  }

  static constexpr control::SessionId kSession = 5;
  FakeStore store_;
  std::uint64_t now_ms_ = 1'000;
  std::multimap<std::uint64_t, std::function<void()>> later_;
  std::vector<std::uint64_t> asked_;  ///< numbers, in the order they were asked for
  std::set<control::Incarnation> full_, silent_;
};

}  // namespace morrow::worker
