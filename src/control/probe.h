#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

/// Probes tell which rare branches a simulation passed: `probe<"a round was split">()`. They are built in only with
/// MORROW_PROBES; otherwise nothing of them is left.
namespace morrow::control {

template <std::size_t N>
struct ProbeName {
  char text[N];
  // NOLINTNEXTLINE: a string literal is to become one
  constexpr ProbeName(const char (&literal)[N]) { std::copy_n(literal, N, text); }
};

#ifdef MORROW_PROBES
struct Probe;
/// All probes of the program, hit or not, in a list.
inline constinit Probe* first_probe = nullptr;

struct Probe {
  explicit Probe(const char* probe_name) : name(probe_name), next(first_probe) { first_probe = this; }
  const char* name;
  std::uint64_t hits = 0;
  Probe* next;
};

template <ProbeName Name>
inline Probe the_probe{Name.text};

template <ProbeName Name>
void probe() {
  ++the_probe<Name>.hits;
}
#else
template <ProbeName Name>
constexpr void probe() {}
#endif

}  // namespace morrow::control
