// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "control/types.h"
#include "wire/messages.pb.h"

/// Between the words of the session protocol and those of control.
namespace morrow::worker {

inline control::FutureId id_of(const wire::FutureId& id) { return {id.scope(), id.sequence()}; }

inline void set_id(wire::FutureId* to, control::FutureId id) {
  to->set_scope(id.scope);
  to->set_sequence(id.sequence);
}

/// \throws wire::ProtocolError when an amount is beyond all sense
control::Resources resources_of(const wire::Requirements& requirements);

/// How many threads the libraries of a task that takes `requirements` may start: its whole cpus, and one at least.
std::uint32_t threads_of(const control::Resources& requirements);

/// What a Submit asks to be computed. The payload is moved out of the message. \throws wire::ProtocolError
control::SpecPtr spec_of(wire::Submit& submit, const std::string& program, control::SessionId session);

}  // namespace morrow::worker
