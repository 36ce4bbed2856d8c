// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "runtime/client/link.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// A worker that said WELCOME.
struct Connection {
  wire::Fd socket;
  wire::FrameReader frames;  ///< read after that
  wire::Welcome welcome;
  wire::Fd object_memory;  ///< of the worker, where it gives it
  std::string unsent;      ///< of PROGRAM: what is sent before all else
};

/// Says HELLO and PROGRAM on a fresh connection, counted in `hello`, and waits for the WELCOME; one with an error is an
/// answer too. Empty when the other side closed or did not answer in time.
std::optional<Connection> greet(wire::Fd socket, wire::Hello& hello, const wire::Program& program,
                                Clock::time_point deadline);

/// How long a worker has for its WELCOME, which waits for the store: each that let it pass gives the next one more.
/// A value.
class Patience {
 public:
  Clock::time_point deadline() const { return Clock::now() + patience_; }
  void was_in_vain() { patience_ = std::min(2 * patience_, kLongest); }
  void reset() { patience_ = kFirst; }

 private:
  static constexpr std::chrono::seconds kFirst{3};
  static constexpr std::chrono::seconds kLongest{30};
  std::chrono::seconds patience_ = kFirst;
};

}  // namespace morrow::runtime
