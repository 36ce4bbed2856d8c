// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/messages.pb.h"

/// The one form in which people read and write the id of a future: "0123456789abcdef/5", the scope in 16 hexadecimal
/// digits and the number in it. All that is printed can be copied into a command.
namespace morrow::wire {

/// The id as people read it.
std::string future_text(const FutureId& id);

/// Exactly that form; nothing: it is another text, as the name of a task.
std::optional<FutureId> parse_future(std::string_view text);

}  // namespace morrow::wire
