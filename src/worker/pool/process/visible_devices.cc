// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/visible_devices.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/shown.h"

// A batch system gives a worker some devices of a machine, by an environment variable that the makers' libraries read:
// CUDA_VISIBLE_DEVICES=4,5. The worker hands out these and no others, so its own device 0 is what the variable calls 4:
// a number, or the name of a device or of a part of one (GPU-…, MIG-…). Names go on as they came: which device they
// mean is known to the libraries only.
//
// AMD has the same with other variables. ROCR's is for all its libraries; HIP's counts within what that leaves, and so
// does CUDA's, which HIP reads where its own is not set. OpenCL has GPU_DEVICE_ORDINAL. Batch systems set several of
// them, also those of another maker.
namespace morrow::worker {

namespace {

constexpr unsigned kMostDevices = 4096;  // more than any machine has: a number above is a slip

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char letter) { return std::isdigit(letter) != 0; });
}

// The libraries stop at the first that is no name, as -1. A device that is named again is no second one.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (!is_number(name) && !name.starts_with("GPU-") && !name.starts_with("MIG-")) break;
    if (std::find(names.begin(), names.end(), name) != names.end()) break;
    names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> numbers(unsigned count) {
  std::vector<std::string> names;
  for (unsigned number = 0; number < count; ++number) names.push_back(std::to_string(number));
  return names;
}

// Those of `names` that `inner` counts.
std::vector<std::string> within(const std::vector<std::string>& names, const std::vector<std::string>& inner) {
  std::vector<std::string> found;
  for (const std::string& text : inner) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number >= names.size()) break;
    found.push_back(names[number]);
  }
  return found;
}

}  // namespace

VisibleDevices::VisibleDevices(const Environment& environment, Machine machine, std::optional<unsigned> asked) {
  if (asked.value_or(0) > kMostDevices)
    throw std::invalid_argument(fmt::format("--gpus asks for {}: no machine has so many", *asked));
  std::vector<std::string> said;
  for (Variable* const variable : {&cuda_, &hip_, &rocr_, &ordinal_}) {
    const std::optional<std::string> value = environment(variable->name);
    if (!value) continue;
    said.push_back(fmt::format("{}={}", variable->name, base::shown_line(*value)));
    variable->devices = names_in(*value);
  }
  if (said.empty()) {
    count_ = asked.value_or(std::max(machine.nvidia, machine.amd));
    name_by_number(machine);
    return;
  }
  name_by_environment(machine);
  const unsigned named = count_;
  count_ = asked.value_or(named);
  if (count_ > named)
    throw std::invalid_argument(fmt::format("--gpus asks for {}, but {} names {}: ask for no more than that", count_,
                                            fmt::join(said, " "), named));
}

void VisibleDevices::name_by_environment(Machine machine) {
  if (!rocr_.devices.empty()) {
    const bool only_amd = machine.amd != 0 && machine.nvidia == 0;
    if (!hip_.devices.empty()) {
      rocr_.devices = within(rocr_.devices, hip_.devices);
    } else if (only_amd && !cuda_.devices.empty()) {
      rocr_.devices = within(rocr_.devices, cuda_.devices);
    }
    if (only_amd) cuda_.devices.clear();
    hip_.devices.clear();
    ordinal_.devices.clear();
  }
  std::optional<std::size_t> named;
  for (const Variable* const variable : {&cuda_, &hip_, &rocr_, &ordinal_}) {
    const std::size_t size = variable->devices.size();
    if (size != 0) named = std::min(named.value_or(size), size);
  }
  count_ = static_cast<unsigned>(named.value_or(0));
}

void VisibleDevices::name_by_number(Machine machine) {
  // A library reads only its maker's variable; where we don't know the maker, both are right.
  if (machine.nvidia != 0 || machine.amd == 0) cuda_.devices = numbers(count_);
  if (machine.amd != 0 || machine.nvidia == 0) hip_.devices = numbers(count_);
}

std::vector<VisibleDevices::Setting> VisibleDevices::settings(const std::vector<unsigned>& devices) const {
  std::vector<Setting> settings;
  if (count_ == 0) return settings;
  for (const Variable* const variable : {&cuda_, &hip_, &rocr_, &ordinal_}) {
    if (devices.empty()) {
      settings.emplace_back(variable->name, variable->none);
    } else if (variable->devices.empty()) {
      settings.emplace_back(variable->name, std::nullopt);
    } else {
      std::vector<std::string_view> names;
      names.reserve(devices.size());
      for (const unsigned device : devices) names.push_back(variable->devices.at(device));
      settings.emplace_back(variable->name, fmt::format("{}", fmt::join(names, ",")));
    }
  }
  return settings;
}

VisibleDevices::Machine devices_of_machine(const std::filesystem::path& root) {
  VisibleDevices::Machine machine;
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(root / "dev", ignored)) {
    const std::string name = file.path().filename();
    constexpr std::string_view kPrefix = "nvidia";
    if (name.starts_with(kPrefix) && is_number(std::string_view(name).substr(kPrefix.size()))) ++machine.nvidia;
  }
  // Processors are in the table too, with the number 0.
  for (const auto& node : std::filesystem::directory_iterator(root / "sys/class/kfd/kfd/topology/nodes", ignored)) {
    std::uint64_t number = 0;
    if (std::ifstream(node.path() / "gpu_id") >> number && number != 0) ++machine.amd;
  }
  return machine;
}

}  // namespace morrow::worker
