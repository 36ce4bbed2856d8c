// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control/types.h"
#include "worker/brain/brain.h"
#include "worker/objects/objects.h"
#include "worker/port/port.h"

namespace morrow::worker {

/// What a worker tells of itself in numbers, gathered for one answer.
struct MetricFacts {
  control::Resources total;
  control::Resources used;
  std::size_t executors = 0;
  std::size_t sessions = 0;
  Brain::Counters counters;
  std::vector<std::pair<control::Resources, std::size_t>> queued;  ///< tasks that wait, by what they need
  std::map<control::FailureKind, std::uint64_t> failures;          ///< for good, by kind
  std::uint64_t retries = 0;
  Objects::Usage objects;
  PortUse port;
};

/// In the text format of Prometheus. docs/metrics.md has a row for each name.
std::string metrics_text(const MetricFacts& facts);

}  // namespace morrow::worker
