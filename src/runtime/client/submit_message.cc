// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/submit_message.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include <morrow/error.h>

#include "base/hash_ids.h"
#include "base/path_name.h"
#include "base/shown.h"
#include "runtime/backend/refusals.h"
#include "runtime/image/code_ref.h"
#include "runtime/image/function_name.h"
#include "runtime/values/values.h"

namespace morrow::runtime {

namespace {

constexpr double kMaxAmount = 1e9;
constexpr std::int64_t kMaxMemory = 1LL << 50;
constexpr std::size_t kMaxResources = 64;
constexpr std::size_t kMaxNameBytes = 64;
constexpr double kMicro = 1e6;  // millionths in one
constexpr std::int64_t kMaxRetries = 1'000'000'000;

[[noreturn]] void refuse(const std::string& what, const std::string& rule) {
  throw std::invalid_argument("submit: " + what + " " + rule);
}

std::uint64_t micro(const std::string& what, Amount amount) {
  const double value = amount.value();
  if (!(value >= 0 && value <= kMaxAmount)) refuse(what, "must be a number from 0 to 1e9");
  if (value == 0) return 0;
  // Down: n shares of one n-th fit together. What falls short of a millionth by the way a double is rounded is whole.
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(value * kMicro + 1e-6)));
}

void fill_requirements(wire::Requirements& out, const Options& options) {
  out.set_cpu_micro(micro("cpus", options.cpus));
  out.set_gpu_micro(micro("gpus", options.gpus));
  const std::int64_t memory = options.memory.value();
  if (memory < 0 || memory > kMaxMemory) refuse("memory", "must be from 0 to 1 PiB, in bytes");
  out.set_memory(static_cast<std::uint64_t>(memory));
  if (options.resources.size() > kMaxResources) refuse("resources", "may name at most 64 resources");
  for (const auto& [name, amount] : options.resources) {
    if (name.empty() || name.size() > kMaxNameBytes) refuse("the name of a resource", "must have 1 to 64 bytes");
    if (const std::uint64_t value = micro("resource " + name, amount); value != 0) {
      wire::NamedAmount& named = *out.add_named_micro();
      named.set_name(name);
      named.set_micro(value);
    }
  }
}

// That of a function is its symbol; its type alone is no name. Of everything else the type is one.
std::string name_of(const detail::Call& call) {
  if (!call.code_pointers.empty()) {
    std::uintptr_t address = 0;
    std::memcpy(&address, call.closure.data() + call.code_pointers.front(), sizeof(address));
    if (std::string name = function_name(code_ref(reinterpret_cast<const void*>(address))); !name.empty()) return name;
  }
  return call.function_name;
}

// The same for the same function of the same program.
std::uint64_t function_key(const std::string& image_key, CodeRef code) {
  std::uint64_t key = 0;
  std::memcpy(&key, image_key.data(), std::min(sizeof(key), image_key.size()));
  key ^= (code.offset + 1) * base::kGoldenRatio;
  key ^= (static_cast<std::uint64_t>(code.module) + 1) * base::kMurmurMultiplier;
  return key ^ (key >> 29);
}

void fill_options(wire::Submit& message, const detail::Call& call, const Options& options) {
  fill_requirements(*message.mutable_requirements(), options);
  const std::int64_t retries = options.max_retries.value();
  if (retries < 0) refuse("max_retries", "must not be negative");
  message.set_max_retries(static_cast<std::uint32_t>(std::min<std::int64_t>(retries, kMaxRetries)));
  message.set_retry_exceptions(options.retry_exceptions);
  message.set_retry_timeouts(options.retry_timeouts);
  message.set_fresh_process(options.fresh_process);
  message.set_fail_if_unschedulable(options.fail_if_unschedulable);
  if (options.timeout) {
    const auto timeout = options.timeout->value();
    if (timeout.count() <= 0) refuse("timeout", "must be longer than nothing");
    message.set_timeout_ns(static_cast<std::uint64_t>(timeout.count()));
  }
  if (options.name.size() > kMaxTaskNameBytes) refuse("name", "must have at most 256 bytes");
  message.set_detached(options.detached);
  if (options.name.empty()) {
    if (options.detached) refuse("name", "must not be empty: a detached future is found by it");
    const std::string name = name_of(call);
    message.set_name(name.data(), base::beginning(name, kMaxTaskNameBytes).size());
  } else {
    message.set_name(options.name);
  }
}

// The invoker and the closure, with function pointers in it as places in the image. Returns a place that stands for the
// function: plain functions of one type share their invoker.
CodeRef fill_function(wire::Payload& payload, const detail::Call& call) {
  const CodeRef code = code_ref(reinterpret_cast<const void*>(call.invoker));
  CodeRef key_code = code;
  wire::ImageFunction& function = *payload.mutable_function()->mutable_image();
  function.set_module(code.module);
  function.set_offset(code.offset);
  payload.set_closure(call.closure.data(), call.closure.size());
  for (const std::size_t at : call.code_pointers) {
    std::uintptr_t address = 0;
    std::memcpy(&address, call.closure.data() + at, sizeof(address));
    const CodeRef target = code_ref(reinterpret_cast<const void*>(address));
    wire::ImageFunction::CodePointer& pointer = *function.add_code_pointers();
    pointer.set_at(static_cast<std::uint32_t>(at));
    pointer.set_module(target.module);
    pointer.set_offset(target.offset);
    key_code.offset ^= target.offset;
    std::memset(payload.mutable_closure()->data() + at, 0, sizeof(address));
  }
  return key_code;
}

}  // namespace

void fill_submit(wire::Submit& message, const detail::Call& call, const Options& options, std::source_location where,
                 const std::string& image_key, bool arguments_apart) {
  const std::size_t bytes = call.closure.size() + (arguments_apart ? 0 : call.arguments.size());
  if (bytes > kMaxArgumentBytes) {
    throw TooLargeError(
        "the arguments and captures of this submit are " + std::to_string(bytes) +
        " bytes; captures can have at most 256 kB, and arguments too where there is no object memory: pass what is "
        "larger as an argument");
  }
  message.Clear();
  fill_options(message, call, options);
  for (const detail::FutureId id : call.dependencies) write_id(*message.add_dependencies(), id);

  thread_local wire::Payload payload;
  payload.Clear();
  const CodeRef key_code = fill_function(payload, call);
  payload.set_arguments_last(arguments_apart);
  if (!arguments_apart) {
    payload.mutable_arguments()->resize(call.arguments.size());
    call.arguments.copy_to(reinterpret_cast<std::byte*>(payload.mutable_arguments()->data()));
  }
  payload.set_function_name(call.function_name);
  if (where.line() != 0) {
    std::string& place = *payload.mutable_where();
    place = base::base_name(where.file_name());
    place += ':';
    place += std::to_string(where.line());
  }
  payload.SerializeToString(message.mutable_payload());
  message.set_function_key(function_key(image_key, key_code));
}

}  // namespace morrow::runtime
