// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace morrow::worker {

/// The GPUs that a worker hands out, and the environment variables by which a process sees some of them only.
/// Immutable.
class VisibleDevices {
 public:
  /// What the makers' libraries read of the environment; nothing: not set.
  using Environment = std::function<std::optional<std::string>(const char* variable)>;
  /// GPUs that the machine has, by maker.
  struct Machine {
    unsigned nvidia = 0;
    unsigned amd = 0;
  };
  /// A variable of a process, and its value; nothing: it is not set there.
  using Setting = std::pair<std::string, std::optional<std::string>>;

  /// None.
  VisibleDevices() = default;
  /// As many as were `asked` for; nothing: all that are there, by the environment or else by the machine. \throws
  /// std::invalid_argument when more were asked for than the environment names, or than any machine has
  VisibleDevices(const Environment& environment, Machine machine, std::optional<unsigned> asked);

  unsigned count() const { return count_; }

  /// What the environment of a process must have, so that it sees `devices`, numbers below count(), and no others.
  /// Nothing when there are none to be handed out: then it sees what its program sees.
  std::vector<Setting> settings(const std::vector<unsigned>& devices) const;

 private:
  /// A variable that names devices.
  struct Variable {
    const char* name;
    const char* none;                       ///< its value when no device is to be seen
    std::vector<std::string> devices = {};  ///< as it names them; empty: it is not set
  };

  void name_by_environment(Machine machine);
  void name_by_number(Machine machine);

  // AMD's libraries take an empty value for none at all.
  Variable cuda_{"CUDA_VISIBLE_DEVICES", ""};
  Variable hip_{"HIP_VISIBLE_DEVICES", "-1"};
  Variable rocr_{"ROCR_VISIBLE_DEVICES", "-1"};
  Variable ordinal_{"GPU_DEVICE_ORDINAL", "-1"};
  unsigned count_ = 0;
};

/// What this machine has: by the device files of NVIDIA's driver, and by AMD's table of what computes. `root` is for
/// tests.
VisibleDevices::Machine devices_of_machine(const std::filesystem::path& root = "/");

}  // namespace morrow::worker
