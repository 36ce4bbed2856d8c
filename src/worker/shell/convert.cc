// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/convert.h"

#include <algorithm>
#include <utility>

#include "wire/frame.h"
#include "wire/limits.h"

namespace morrow::worker {

namespace {

// Sums of many such amounts still fit in 64 bits.
constexpr std::uint64_t kMaxMicro = 1ULL << 50;
constexpr std::uint64_t kMaxMemory = 1ULL << 50;
constexpr int kMaxNamed = 64;
constexpr std::uint64_t kMaxThreads = 1 << 16;  // some libraries crash for more

}  // namespace

control::Resources resources_of(const wire::Requirements& requirements) {
  control::Resources resources;
  resources.cpu_micro = requirements.cpu_micro();
  resources.memory = requirements.memory();
  resources.gpu_micro = requirements.gpu_micro();
  bool sane = resources.cpu_micro <= kMaxMicro && resources.gpu_micro <= kMaxMicro && resources.memory <= kMaxMemory &&
              requirements.named_micro_size() <= kMaxNamed;
  for (const wire::NamedAmount& named : requirements.named_micro()) {
    sane = sane && named.micro() <= kMaxMicro && !named.name().empty() && named.name().size() <= 64;
    if (sane && named.micro() != 0) resources.named_micro.emplace(named.name(), named.micro());
  }
  if (!sane) throw wire::ProtocolError("a task asks for an amount that makes no sense");
  return resources;
}

std::uint32_t threads_of(const control::Resources& requirements) {
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(requirements.cpu_micro / control::kOneMicro, 1, kMaxThreads));
}

control::SpecPtr spec_of(wire::Submit& submit, const std::string& program, control::SessionId session) {
  if (submit.name().size() > wire::kMaxTaskNameBytes) throw wire::ProtocolError("a task has a name over 256 bytes");
  if (submit.payload().size() > wire::kMaxPayloadBytes)
    throw wire::ProtocolError("the arguments of a task are over 1 MiB; they belong into an object");
  auto spec = std::make_shared<control::Spec>();
  spec->requirements = resources_of(submit.requirements());
  spec->dependencies.reserve(static_cast<std::size_t>(submit.dependencies_size()));
  for (const wire::FutureId& id : submit.dependencies()) spec->dependencies.push_back(id_of(id));
  spec->max_retries = submit.max_retries();
  spec->retry_exceptions = submit.retry_exceptions();
  spec->retry_timeouts = submit.retry_timeouts();
  spec->fresh_process = submit.fresh_process();
  spec->detached = submit.detached();
  spec->fail_if_unschedulable = submit.fail_if_unschedulable();
  spec->timeout_ns = submit.timeout_ns();
  spec->name = std::move(*submit.mutable_name());
  spec->program = program;
  spec->function_key = submit.function_key();
  spec->session = session;
  spec->payload = std::move(*submit.mutable_payload());
  return spec;
}

}  // namespace morrow::worker
