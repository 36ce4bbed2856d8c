// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "wire/messages.pb.h"

/// What a session says to people, on the standard error of its program.
namespace morrow::runtime {

/// A line of Morrow's. Thread-safe.
void say(const std::string& line);

/// What a session has left at its end: futures that had not ended, and the first failure that nobody looked at; not
/// that when the program `saw_enough` of them, more than can be told one by one. Thread-safe.
void tell_ending(const wire::SessionEnded& ended, bool saw_enough);

}  // namespace morrow::runtime
