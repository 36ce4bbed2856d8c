// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Literals for sizes in bytes and, from std::chrono, for times.

#include <morrow/detail/compiler.h>

#include <chrono>
#include <cstdint>

/// Sizes in bytes, `4_GiB` or `1.5_GB` (a fraction of a byte is cut off), and the literals of std::chrono, `30s`. To
/// have them in a program:
///
///     using namespace morrow::literals;
namespace morrow::literals {

using namespace std::chrono_literals;

/// \addtogroup options
/// \{

// clang-format off
constexpr std::uint64_t operator""_B(unsigned long long n) { return n; }  ///< bytes
constexpr std::uint64_t operator""_kB(unsigned long long n) { return n * 1000; }  ///< 10^3 bytes
constexpr std::uint64_t operator""_MB(unsigned long long n) { return n * 1000 * 1000; }  ///< 10^6 bytes
constexpr std::uint64_t operator""_GB(unsigned long long n) { return n * 1000 * 1000 * 1000; }  ///< 10^9 bytes
constexpr std::uint64_t operator""_TB(unsigned long long n) { return n * 1000 * 1000 * 1000 * 1000; }  ///< 10^12 bytes
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }  ///< 2^10 bytes
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }  ///< 2^20 bytes
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }  ///< 2^30 bytes
constexpr std::uint64_t operator""_TiB(unsigned long long n) { return n << 40; }  ///< 2^40 bytes

constexpr std::uint64_t operator""_kB(long double n) { return static_cast<std::uint64_t>(n * 1e3L); }  ///< 10^3 bytes
constexpr std::uint64_t operator""_MB(long double n) { return static_cast<std::uint64_t>(n * 1e6L); }  ///< 10^6 bytes
constexpr std::uint64_t operator""_GB(long double n) { return static_cast<std::uint64_t>(n * 1e9L); }  ///< 10^9 bytes
constexpr std::uint64_t operator""_TB(long double n) { return static_cast<std::uint64_t>(n * 1e12L); }  ///< 10^12 bytes
constexpr std::uint64_t operator""_KiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p10L); }  ///< 2^10 bytes
constexpr std::uint64_t operator""_MiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p20L); }  ///< 2^20 bytes
constexpr std::uint64_t operator""_GiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p30L); }  ///< 2^30 bytes
constexpr std::uint64_t operator""_TiB(long double n) { return static_cast<std::uint64_t>(n * 0x1p40L); }  ///< 2^40 bytes
// clang-format on

/// \}

}  // namespace morrow::literals
