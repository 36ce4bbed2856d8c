// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

/// Virtual time: what happens when, and a hash of all that did. One thread, no clock.
namespace morrow::simulation {

using Time = std::uint64_t;  ///< nanoseconds

inline constexpr Time kMicrosecond = 1'000;
inline constexpr Time kMillisecond = 1'000'000;
inline constexpr Time kSecond = 1'000'000'000;

/// The one source of chance of a run.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t draw() { return engine_(); }
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  /// From `least` to `most`, both included.
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + engine_() % (most - least + 1); }
  bool chance(std::uint64_t percent) { return engine_() % 100 < percent; }
  /// Short ones are as likely as long ones: from 1/256 of `most` up to it.
  Time delay(Time most) { return 1 + ((most >> (engine_() % 8)) * (engine_() % 256)) / 256; }

 private:
  std::mt19937_64 engine_;
};

class Timeline {
 public:
  Time now() const { return now_; }
  void at(Time time, std::function<void()> event);
  void after(Time delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  /// Runs the next event; false when there is none.
  bool step();

  /// Takes something that happened into the trace.
  void note(std::uint64_t number) { trace_ = (trace_ ^ number) * 0x9e3779b97f4a7c15ULL + (trace_ >> 29); }
  void note(std::string_view bytes);
  std::uint64_t trace() const { return trace_; }
  std::uint64_t events() const { return number_; }

 private:
  struct Event {
    Time time;
    std::uint64_t number;
    std::function<void()> run;
  };
  static bool later(const Event& a, const Event& b) { return a.time != b.time ? a.time > b.time : a.number > b.number; }

  std::vector<Event> heap_;
  Time now_ = 1 * kSecond;
  std::uint64_t number_ = 0;
  std::uint64_t trace_ = 0x51ed270b9f1d2c3bULL;
};

}  // namespace morrow::simulation
