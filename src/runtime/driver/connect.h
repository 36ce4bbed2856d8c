// SPDX-License-Identifier: Apache-2.0
#pragma once

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
};

/// Says HELLO and PROGRAM on a fresh connection, counted in `hello`, and waits for the WELCOME; one with an error is an
/// answer too. Empty when the other side closed or did not answer in time.
std::optional<Connection> greet(wire::Fd socket, wire::Hello& hello, const wire::Program& program,
                                Clock::time_point deadline);

/// Tries the workers of the cluster on this machine once, in random order. `silent` gets a sentence about one that does
/// not answer; it is empty when there is none.
std::optional<Connection> connect_local(wire::Hello& hello, const wire::Program& program, Clock::time_point deadline,
                                        std::string& silent);

}  // namespace morrow::runtime
