// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "worker/brain/held_task.h"

namespace morrow::worker {

/// A task for tests of the brain's parts: future {1, `sequence`}, claim `sequence`, which came at that time, and needs
/// one cpu.
inline HeldTaskPtr task_of(std::uint64_t sequence, const std::string& program = "program",
                           std::uint64_t cpu = 1'000'000) {
  auto spec = std::make_shared<control::Spec>();
  spec->program = program;
  spec->requirements.cpu_micro = cpu;
  auto task = std::make_shared<HeldTask>();
  task->run.id = {1, sequence};
  task->run.claim = sequence;
  task->run.spec = std::move(spec);
  task->arrived = sequence;
  return task;
}

}  // namespace morrow::worker
