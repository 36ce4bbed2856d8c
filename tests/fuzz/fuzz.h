// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

/// What each fuzz target defines, besides LLVMFuzzerTestOneInput.
namespace morrow::fuzz {

/// Valid inputs by the name of their file: where the fuzzer begins. `fuzz_NAME --seeds FOLDER` writes them.
std::map<std::string, std::string> seeds();

/// A promise that was broken: ends the run, and libFuzzer keeps the input. Also without assertions.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

/// An input that is cut up: numbers from its end, so that what they steer stays whole in front.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(reinterpret_cast<const char*>(data), size) {}

  /// 0 when nothing is left.
  std::uint8_t number() {
    if (bytes_.empty()) return 0;
    const char last = bytes_.back();
    bytes_.remove_suffix(1);
    return static_cast<std::uint8_t>(last);
  }
  std::string_view rest() const { return bytes_; }
  std::span<const std::byte> rest_bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string_view bytes_;
};

}  // namespace morrow::fuzz
