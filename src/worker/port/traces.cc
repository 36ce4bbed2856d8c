// SPDX-License-Identifier: Apache-2.0
#include "worker/port/traces.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/shown.h"

namespace morrow::worker {

namespace {

constexpr std::chrono::minutes kTellAgain{1};
constexpr std::size_t kMostAddresses = 1000;  // counted apart
constexpr std::size_t kMostNamed = 5;         // in a sentence

/// How a reason is called in metrics, and said in the log.
struct Wording {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<Wording, Traces::kReasons> kWordings{{
    {"token", "requests without the cluster's token were refused at the port"},
    {"late", "connections of the port were closed that did not show the token in time"},
    {"room", "connections of the port that had not shown the token were closed for others that came"},
    {"odd", "connections of the port were closed that did not speak as a client does"},
    {"full", "connections with the token were told to come again, since the port has all that it takes"},
}};

std::string times(std::uint64_t count) { return count == 1 ? "once" : fmt::format("{} times", count); }

}  // namespace

std::string_view Traces::name_of(Reason reason) { return kWordings.at(static_cast<std::size_t>(reason)).name; }

void Traces::add(Reason reason, const std::string& address) {
  Trace& trace = traces_.at(static_cast<std::size_t>(reason));
  ++trace.total;
  const auto found = trace.since.find(address);
  if (found != trace.since.end()) {
    ++found->second;
  } else if (trace.since.size() < kMostAddresses) {
    trace.since.emplace(address, 1);
  } else {
    ++trace.others;
  }
}

std::vector<std::string> Traces::take(Time now) {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < kReasons; ++i) {
    Trace& trace = traces_.at(i);
    if (trace.since.empty() || (trace.told && now - *trace.told < kTellAgain)) continue;
    trace.told = now;
    std::vector<std::pair<std::string, std::uint64_t>> by_count(trace.since.begin(), trace.since.end());
    std::stable_sort(by_count.begin(), by_count.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string who;
    std::uint64_t rest = std::exchange(trace.others, 0);
    for (std::size_t k = 0; k < by_count.size(); ++k) {
      const auto& [address, count] = by_count[k];
      if (k < kMostNamed) {
        who += fmt::format("{}{} ({})", who.empty() ? "" : ", ", base::shown_line(address), times(count));
      } else {
        rest += count;
      }
    }
    if (rest != 0) who += fmt::format(", and others ({})", times(rest));
    sentences.push_back(fmt::format("{}, from {}", kWordings.at(i).sentence, who));
    trace.since.clear();
  }
  return sentences;
}

}  // namespace morrow::worker
