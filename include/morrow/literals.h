// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

/// Sizes in bytes (`4_GiB`, `1.5_GB`) and the literals of std::chrono (`30s`): `using namespace morrow::literals;`
namespace morrow::literals {

using namespace std::chrono_literals;

// clang-format off
constexpr std::uint64_t operator""_B(unsigned long long n) { return n; }
constexpr std::uint64_t operator""_kB(unsigned long long n) { return n * 1000; }
constexpr std::uint64_t operator""_MB(unsigned long long n) { return n * 1000 * 1000; }
constexpr std::uint64_t operator""_GB(unsigned long long n) { return n * 1000 * 1000 * 1000; }
constexpr std::uint64_t operator""_TB(unsigned long long n) { return n * 1000 * 1000 * 1000 * 1000; }
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
constexpr std::uint64_t operator""_TiB(unsigned long long n) { return n << 40; }

constexpr std::uint64_t operator""_kB(long double n) { return static_cast<std::uint64_t>(n * 1e3L); }
constexpr std::uint64_t operator""_MB(long double n) { return static_cast<std::uint64_t>(n * 1e6L); }
constexpr std::uint64_t operator""_GB(long double n) { return static_cast<std::uint64_t>(n * 1e9L); }
constexpr std::uint64_t operator""_TB(long double n) { return static_cast<std::uint64_t>(n * 1e12L); }
constexpr std::uint64_t operator""_KiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p10L); }
constexpr std::uint64_t operator""_MiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p20L); }
constexpr std::uint64_t operator""_GiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p30L); }
constexpr std::uint64_t operator""_TiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p40L); }
// clang-format on

}  // namespace morrow::literals
